from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from selectolax.lexbor import LexborHTMLParser, LexborNode
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

import bots
from bots.analysis.behaviour import entropy, gini
from bots.analysis.comparison import comparison_page
from bots.analysis.endowments import panel_of
from bots.analysis.measures import mean_price
from bots.analysis.report import run_page, write_report
from bots.services.summary import print_market
from markets.presets import PRESETS
from tests.analysis.played_runs import MODEL, NASTY, play_run
from tests.chromium import chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return play_run(tmp_path_factory.mktemp("runs") / "run-1", seed=5)


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    file, *figures = write_report([bots.open_run(folder)], folder / "report.html")
    assert {one.suffix for one in figures} == {".svg", ".pdf"}
    assert all(one.stat().st_size > 1000 for one in figures)
    return file.read_text(encoding="utf-8")


def test_report_needs_nothing_else_and_runs_no_script(html: str) -> None:
    page = LexborHTMLParser(html)
    assert not page.css("script, link, iframe, img[src^=http], object")
    assert "default-src 'none'" in html
    assert not re.search(r"url\(\s*['\"]?https?:|@import", html)


def test_what_models_and_people_wrote_stands_there_as_text(html: str) -> None:
    assert "<script>" not in html
    assert any(NASTY in one.text() for one in LexborHTMLParser(html).css("header"))


def test_every_decision_is_two_clicks_away_and_failures_link_to_theirs(html: str, folder: Path) -> None:
    page, run = LexborHTMLParser(html), bots.open_run(folder)
    assert len(page.css("details.seat")) == 6
    anchors = {one.attributes["id"] for one in page.css("details.seat > details.moment > .inside[id]")}
    assert anchors == {f"d-{name}" for name in run.decisions["decision"]}
    assert {(one.attributes["href"] or "").removeprefix("#") for one in page.css(".grid a")} == anchors
    for link in page.css("#failures ~ .scroll a"):
        assert (link.attributes["href"] or "").removeprefix("#") in anchors
    assert all(page.css_first(a.attributes["href"] or "") for a in page.css("nav a"))


@pytest.mark.browser
def test_a_click_in_the_table_of_decisions_opens_that_decision(html: str, folder: Path) -> None:
    with chromium() as driver:
        driver.get((folder / "report.html").as_uri())
        link = driver.find_element(By.CSS_SELECTOR, ".grid tr:last-child a")
        anchor = str(link.get_attribute("href")).partition("#")[2]
        target = driver.find_element(By.ID, anchor)
        assert not target.is_displayed()
        centre = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
        driver.execute_script(centre, link)
        link.click()
        WebDriverWait(driver, 10).until(lambda _: target.is_displayed())
        assert "Acted by" in target.text


def test_numbers_below_0_have_a_true_minus_sign(html: str, folder: Path) -> None:
    traders = bots.open_run(folder).traders
    lost = (traders["final_wealth"] - traders["expected_wealth"]).min()
    assert isinstance(lost, float)
    assert lost < 0
    cells = [one.text() for one in LexborHTMLParser(html).css("td.n, .tile b")]
    assert f"−{-lost:,.2f}" in cells
    assert not [cell for cell in cells if cell.startswith("-")]


def test_prompt_and_reply_of_a_model_are_there(html: str) -> None:
    assert f"Request 1 to {MODEL}, served as parrot-1-2026-01-01" in html
    assert "TRADE PAGE: paid round 1 of 4" in html


def test_the_same_run_gives_the_same_report(html: str, folder: Path, tmp_path: Path) -> None:
    again = write_report([bots.open_run(folder)], tmp_path / "again.html", figures=False)[0]
    assert again.read_text(encoding="utf-8") == html


def test_a_run_without_a_finished_round_has_a_report_too(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes((folder / "manifest.json").read_bytes())
    (tmp_path / "journal.jsonl").write_text("")
    file = write_report([bots.open_run(tmp_path)], tmp_path / "report.html")[0]
    assert "No round of the shipped market was finished" in file.read_text()


@pytest.mark.parametrize(
    ("preset", "kept"),
    [
        ("reference", 0.0),
        ("reference", 0.02),
        ("reference", 0.4),
        ("auction-demo", 0.4),
        ("gode-sunder", 0.6),
    ],
)
def test_a_run_that_was_cut_short_is_reported_as_far_as_it_came(
    tmp_path: Path, preset: str, kept: float
) -> None:
    config: dict[str, Any] = {**PRESETS[preset], "practice_rounds": 1, "paid_rounds": 2}
    folder = play_run(
        tmp_path / "run-1", ["zero-intelligence"] * (12 if preset == "gode-sunder" else 4), **config
    )
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "journal.jsonl").write_text("".join(lines[: int(len(lines) * kept)]), encoding="utf-8")
    run = bots.open_run(folder)

    page, _ = run_page(run)
    assert all(LexborHTMLParser(page).css_first(a.attributes["href"] or "") for a in _links(page))
    assert ("No round of the shipped market was finished" in page) == (run.prices.height == 0)
    assert ("No decision was made." in page) == (run.decisions.height == 0)
    assert "No page of the market was seen." in comparison_page([run, run])[0] or run.rules is not None
    print_market(Console(file=io.StringIO()), run.played)


def _links(page: str) -> list[LexborNode]:
    return LexborHTMLParser(page).css("nav a, .grid a")


@pytest.mark.parametrize("preset", ["gode-sunder", "reference"])
def test_a_market_without_a_trade_is_reported_without_a_number_it_does_not_have(
    tmp_path: Path, preset: str
) -> None:
    config: dict[str, Any] = {**PRESETS[preset], "practice_rounds": 0, "paid_rounds": 2}
    run = bots.open_run(
        play_run(tmp_path / "run-1", ["hold"] * (12 if preset == "gode-sunder" else 4), **config)
    )

    page, _ = run_page(run)
    assert "No order was sent." in page
    assert run.prices["volume"].to_list() == [0, 0]
    told = {row["measure"]: row["value"] for row in run.measures.to_dicts()}
    assert told["rad_volume_weighted"] is None
    units = {row["measure"]: row["unit"] for row in run.measures.to_dicts()}
    assert units["total_volume"] == ("units" if preset == "gode-sunder" else "shares")
    if preset == "gode-sunder":
        assert (told["efficiency"], told["smith_alpha_trades"]) == (0, None)


def test_units_whose_equilibrium_price_is_0_are_reported_without_smiths_alpha(tmp_path: Path) -> None:
    units = {"induced_values": "10", "induced_costs": "0; 0"}
    config: dict[str, Any] = {**PRESETS["gode-sunder"], **units, "paid_rounds": 2}
    run = bots.open_run(play_run(tmp_path / "run-1", ["zero-intelligence"] * 3, **config))

    assert run.prices["equilibrium"].to_list() == [0, 0]
    assert run.prices["efficiency"].to_list() == [1, 1]
    assert run.prices["smith_alpha"].to_list() == [None, None]
    (alpha,) = run.measures.filter(measure="smith_alpha_trades").to_dicts()
    assert (alpha["value"], alpha["reason"]) == (None, "the equilibrium price is 0")
    assert "the equilibrium price is 0" in run_page(run)[0]


def test_many_runs_are_compared_by_treatment_with_exact_tests(tmp_path: Path) -> None:
    runs = [
        play_run(tmp_path / f"run-{number}", [trader] * 3, seed=number, practice_rounds=0)
        for number, trader in enumerate(["zero-intelligence"] * 3 + ["fundamentalist"] * 3, start=1)
    ]
    file = write_report([bots.open_run(one) for one in runs], tmp_path / "all.html")[0]
    page = LexborHTMLParser(file.read_text(encoding="utf-8"))
    assert "20, exact" in page.text()
    assert (tmp_path / "all-figures" / "prices-by-treatment.pdf").exists()


def test_prices_of_treatments_with_other_fundamental_values_are_compared_as_multiples_of_them(
    tmp_path: Path,
) -> None:
    designs: list[dict[str, Any]] = [{}, {"buy_back": "140"}]
    runs = [
        bots.open_run(play_run(tmp_path / f"run-{number}", [trader] * 3, seed=number, **config))
        for number, (trader, config) in enumerate(zip(("fundamentalist", "hold"), designs, strict=True), 1)
    ]
    assert "Price / fundamental value" in comparison_page(runs)[0]
    assert "Price / fundamental value" not in comparison_page(runs[:1])[0]


def test_a_row_of_markets_is_drawn_as_the_one_that_its_measures_are_of(tmp_path: Path) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 2, "paid_markets": 2}
    run = bots.open_run(play_run(tmp_path / "run-1", ["zero-intelligence"] * 3, **config))
    for which in ("all", "last"):
        assert "(1)" in comparison_page([run], of=which)[0]


def test_measures_of_a_row_of_markets_are_the_means_of_its_markets(tmp_path: Path) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 2, "paid_markets": 2}
    run = bots.open_run(play_run(tmp_path / "run-1", ["zero-intelligence"] * 3, **config))
    each = mean_price(panel_of([run.played])).values
    assert each[0] != each[1]
    assert run.measures.filter(measure="mean_price")["value"].to_list() == [pytest.approx(each.mean())]


def test_gini_and_entropy_are_derived_by_hand() -> None:
    # 1, 3: the two pairs differ by 2 each: 4 / (2 · 4 · 2)
    assert gini([1, 3]).value == pytest.approx(0.25)
    assert gini([5, 5, 5]).value == 0
    assert gini([]).reason
    assert entropy([1, 1, 1, 1]).value == pytest.approx(2)
    assert entropy([4, 0, 0, 0]).value == 0
    assert entropy([2, 1, 1, 0]).value == pytest.approx(1.5)
