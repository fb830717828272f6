from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import bots
from bots.analysis.codebook import TABLES, codebook_markdown
from bots.analysis.run_data import read_journal, trader_results
from bots.analysis.runs import Run
from bots.domain.errors import UserMustMend
from bots.domain.records import PageSeen
from tests.analysis.played_runs import MODEL, NASTY, play_run
from tests.analysis.test_price_files import command


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return bots.open_run(play_run(tmp_path_factory.mktemp("runs") / "run-7", seed=3))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_columns_of_its_codebook_and_a_row(run: Run, name: str) -> None:
    frame = run.table(name)
    assert dict(frame.schema) == TABLES[name].schema
    assert frame.height > 0
    assert (frame["run"] == "run-7").all()


def test_market_rounds_say_what_pages_said(run: Run) -> None:
    views = [event.view for event in read_journal(run.folder).events if isinstance(event, PageSeen)]
    told = {
        (one.phase, one.number): (None if one.price is None else float(one.price), one.volume)
        for view in views
        if view is not None
        for one in view.history
    }
    assert {(r["phase"], r["round"]): (r["price"], r["volume"]) for r in run.prices.to_dicts()} == told
    assert len(told) == 5


def test_shares_are_conserved_and_trades_have_two_sides(run: Run) -> None:
    for _, own in run.trader_rounds.group_by("overall"):
        assert own["shares"].sum() == 24
        assert own["bought"].sum() == own["sold"].sum()
    traded = run.trades.group_by("overall", "side").agg(pl.col("quantity").sum())
    volumes = {row["overall"]: row["volume"] for row in run.prices.to_dicts()}
    assert all(row["quantity"] == volumes[row["overall"]] for row in traded.to_dicts())


def test_what_orders_filled_is_what_their_trader_traded(run: Run) -> None:
    filled = run.orders.group_by("seat", "overall", "side").agg(pl.col("filled").sum())
    traded = run.trades.group_by("seat", "overall", "side").agg(pl.col("quantity").sum())
    both = traded.join(filled, on=["seat", "overall", "side"])
    assert both.height == traded.height
    assert (both["quantity"] == both["filled"]).all()


def test_wealth_is_what_the_final_page_said_and_sums_to_the_same_expected_wealth(run: Run) -> None:
    told = {one.seat: one for one in trader_results(read_journal(run.folder).events)}
    for row in run.traders.to_dicts():
        assert row["final_wealth"] == float(told[row["seat"]].final_wealth or 0)
        assert row["expected_wealth"] == pytest.approx(156 * 1.05**4)


def test_forecast_errors_are_forecast_less_price(run: Run) -> None:
    prices = {(r["phase"], r["round"]): r["price"] for r in run.prices.to_dicts()}
    for row in run.forecasts.to_dicts():
        assert row["price"] == prices.get((row["phase"], row["target_round"]))
        if row["price"] is not None:
            assert row["error"] == pytest.approx(row["forecast"] - row["price"])
            assert row["hit"] == (abs(row["error"]) <= 2.5 + 1e-9)


def test_models_and_strategies_are_told_apart_and_costs_are_kept(run: Run) -> None:
    kinds = dict(run.traders.select("trader", "trader_kind").iter_rows())
    assert (kinds[MODEL], kinds["fundamentalist"]) == ("model", "strategy")
    calls = run.model_calls.filter(pl.col("error").is_null())
    assert calls["cost_usd"].to_list() == [0.0021] * calls.height
    assert run.traders.filter(pl.col("trader") == "momentum")["cost_usd"].to_list() == [None]


def test_export_joins_runs_and_both_formats_hold_the_same(run: Run, tmp_path: Path) -> None:
    other = play_run(tmp_path / "run-8", ("fundamentalist", "zero-intelligence"), seed=4)
    outcome = CliRunner().invoke(
        command(), ["export", str(run.folder), str(other), "--out", str(tmp_path / "t")]
    )
    assert outcome.exit_code == 0, outcome.output
    for name in TABLES:
        parquet = pl.read_parquet(tmp_path / "t" / f"{name}.parquet")
        assert pl.read_csv(tmp_path / "t" / f"{name}.csv", infer_schema=False).height == parquet.height
    orders = pl.read_parquet(tmp_path / "t" / "orders.parquet")
    assert orders["run"].unique().sort().to_list() == ["run-7", "run-8"]
    assert (tmp_path / "t" / "codebook.md").read_text() == codebook_markdown()
    assert not list((tmp_path / "t").glob(".parts*"))


def test_text_that_a_spreadsheet_would_run_is_made_harmless_in_csv_alone(tmp_path: Path) -> None:
    folder = play_run(tmp_path / "run-1", ("hold", "hold"))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "notes": "=1+1"}))
    assert CliRunner().invoke(command(), ["export", str(folder), "--out", str(tmp_path / "t")]).exit_code == 0
    assert pl.read_csv(tmp_path / "t" / "runs.csv")["notes"].to_list() == ["'=1+1"]
    assert pl.read_parquet(tmp_path / "t" / "runs.parquet")["notes"].to_list() == ["=1+1"]


def test_a_torn_journal_is_read_up_to_its_last_whole_line(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run-2"
    folder.mkdir()
    (folder / "manifest.json").write_bytes((run.folder / "manifest.json").read_bytes())
    text = (run.folder / "journal.jsonl").read_text()
    (folder / "journal.jsonl").write_text(text[: len(text) // 2])
    half = bots.open_run(folder)
    assert half.played.torn
    assert 0 < half.prices.height <= run.prices.height
    assert half.traders["final_wealth"].null_count() == half.traders.height


def test_what_is_no_run_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match=r"no manifest\.json"):
        bots.open_run(tmp_path)


def test_show_prints_a_decision_with_prompt_reply_and_answer(run: Run) -> None:
    told = CliRunner().invoke(command(), ["show", str(run.folder), "--seat", "6"]).output
    assert "Request 1 to acme:parrot-1" in told
    assert NASTY.split(" =", maxsplit=1)[0] in told
    assert "fundamentalist" in CliRunner().invoke(command(), ["show", str(run.folder)]).output


def test_show_names_the_seats_there_are(run: Run) -> None:
    outcome = CliRunner().invoke(command(), ["show", str(run.folder), "--seat", "99"])
    assert isinstance(outcome.exception, UserMustMend)
    assert "1, 2, 3, 4, 5, 6" in str(outcome.exception)
