"""A study's report compares treatments with the market as the unit, from the journals alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from selectolax.lexbor import LexborHTMLParser
from typer.testing import CliRunner

import bots
from bots.analysis.endowments import panel_of
from bots.analysis.measures import MEASURES, measure_all
from bots.analysis.reading import read_run
from bots.domain.errors import UserMustMend
from bots.services.study_plan import Study
from bots.services.study_register import registration
from bots.services.study_report import (
    compare,
    read_market,
    read_treatments,
    report_study,
    write_html,
)
from tests.study.plans import SMALL, plan_file, play, study_of, the_folder
from tests.study.study_program import program

FOUR = SMALL.replace("repetitions = 2", "repetitions = 4")


@pytest.fixture(scope="module")
async def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that has been played, in `data`, with its plan beside it."""
    folder = tmp_path_factory.mktemp("played")
    assert (await play(plan_file(folder, FOUR), folder))[0] == 0
    return folder


def page_of(study: Study, data: Path, measures: Sequence[str], pages: int = 0) -> str:
    """Write the page of a study that has been played, and return it."""
    folder = the_folder(data)
    treated = read_treatments(study, folder, acts=True)
    return write_html(study, folder, treated, measures, pages)[0].read_text(encoding="utf-8")


async def test_the_last_pages_of_a_market_tell_all_that_its_whole_journal_does(played: Path) -> None:
    run = the_folder(played) / "run-1"
    whole = read_run(run)
    ends = read_market(run, whole.manifest)

    assert ends.history(1) == whole.history(1)
    whole_panel, ends_panel = panel_of([whole]), panel_of([ends])
    for name in ("prices", "volumes", "fundamentals", "shares", "dividends", "reference"):
        assert np.array_equal(getattr(whole_panel, name), getattr(ends_panel, name), equal_nan=True)


async def test_treatments_are_compared_market_by_market(played: Path) -> None:
    study = study_of(played / "study.toml")
    treated = read_treatments(study, the_folder(played))

    assert [(one.name, len(one), one.planned) for one in treated] == [("alone", 4, 4), ("mixed", 4, 4)]
    (compared,) = compare(treated, "rad", seed=1)
    means = [one.results["rad"].values.mean() for one in treated]
    assert compared.difference.difference == pytest.approx(means[0] - means[1])
    assert (compared.difference.exact, compared.difference.splits) == (True, 70)


async def test_two_clicks_lead_from_the_report_of_a_study_to_any_decision_of_any_market(played: Path) -> None:
    study, folder = study_of(played / "study.toml"), the_folder(played)
    own = folder / "run-3" / "report.html"
    own.write_text("made whole before", encoding="utf-8")

    first, second = (
        LexborHTMLParser(page_of(study, played, study.plan.outcomes, pages)) for pages in (2, 200)
    )

    assert len(first.css("a[href$='.html#decisions']")) == 3
    assert own.read_text(encoding="utf-8") == "made whole before"
    links = [str(link.attributes["href"]) for link in second.css("a[href$='.html#decisions']")]
    assert sorted(links) == sorted(f"run-{number}/report.html#decisions" for number in range(1, 9))
    page = LexborHTMLParser((folder / "run-1" / "report.html").read_text(encoding="utf-8"))
    led_to = [str(link.attributes["href"]) for link in page.css(".grid a")]
    run = bots.open_run(folder / "run-1")
    assert set(led_to) == {f"#d-{name}" for name in run.decisions["decision"]}
    assert all(page.css(f"[id='{one[1:]}']") for one in led_to)


async def test_the_report_is_printed_and_written(played: Path) -> None:
    study, out = study_of(played / "study.toml"), io.StringIO()
    report, table = report_study(study, played, study.plan.outcomes, 1, Console(file=out, width=200))

    for text in (out.getvalue(), report.read_text(encoding="utf-8")):
        assert "4 of 4" in text
        assert "permutation" in text
        assert "Holm" in text
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
    assert len(rows) == 8
    panel = panel_of([read_run(the_folder(played) / rows[0]["run"])])
    for name in MEASURES:
        assert rows[0][name] in ("", repr(float(measure_all(panel)[name].values[0])))


async def test_the_html_page_compares_treatments_by_their_names(played: Path) -> None:
    page = page_of(study_of(played / "study.toml"), played, ["rad"])

    assert "<h1>small</h1>" in page
    assert "markets of alone" in page
    assert "markets of mixed" in page
    assert page.count("run-") >= 8


async def test_a_treatment_without_a_finished_market_has_no_numbers(played: Path, tmp_path: Path) -> None:
    study, folder = study_of(played / "study.toml"), tmp_path / "studies" / the_folder(played).name
    folder.mkdir(parents=True)
    (folder / "run-1").symlink_to(the_folder(played) / "run-1")
    out = io.StringIO()
    report_study(study, tmp_path, ["rad"], 1, Console(file=out, width=200))

    assert "1 of 4" in out.getvalue()
    assert "0 of 4" in out.getvalue()


def test_a_study_without_a_finished_market_is_told(tmp_path: Path) -> None:
    study = study_of(plan_file(tmp_path))

    with pytest.raises(UserMustMend, match="no market of this study is finished"):
        report_study(study, tmp_path, study.plan.outcomes, 1, Console(file=io.StringIO()))


def test_a_measure_nobody_knows_is_told_with_those_there_are(tmp_path: Path) -> None:
    study = study_of(plan_file(tmp_path))

    with pytest.raises(UserMustMend, match="rdmax"):
        report_study(study, tmp_path, ["radd"], 1, Console(file=io.StringIO()))


def test_new_writes_a_plan_that_show_reads_and_never_overwrites(tmp_path: Path) -> None:
    file, runner = tmp_path / "mine.toml", CliRunner()
    written = runner.invoke(program(), ["study", "new", str(file)])
    show = ["study", "show", str(file), "--data-dir", str(tmp_path), "--cells"]
    shown = runner.invoke(program(), show, env={"COLUMNS": "160"})
    again = runner.invoke(program(), ["study", "new", str(file)])

    assert (written.exit_code, shown.exit_code) == (0, 0)
    assert "30 markets, hash" in shown.output
    assert shown.output.count("study 1, repetition 10") == 3
    assert isinstance(again.exception, UserMustMend)


async def test_show_tells_what_is_done(played: Path) -> None:
    plan = str(played / "study.toml")
    shown = CliRunner().invoke(program(), ["study", "show", plan, "--data-dir", str(played)])

    assert "8 markets" in shown.output
    assert shown.output.splitlines()[1].split()[-2:] == ["4", "4"]


async def test_markets_in_a_row_with_the_same_traders_are_one_observation(tmp_path: Path) -> None:
    text = SMALL.replace("[market]", "[market]\npaid_markets = 2")
    assert (await play(plan_file(tmp_path, text), tmp_path))[0] == 0
    study, folder = study_of(tmp_path / "study.toml"), the_folder(tmp_path)
    for treated in read_treatments(study, folder):
        assert len(treated.results["total_volume"]) == len(treated) == 2
        for run, volume in zip(treated.runs, treated.results["total_volume"].values, strict=True):
            each = measure_all(panel_of([read_run(folder / run)]))["total_volume"].values
            assert len(each) == 2
            assert volume == pytest.approx(each.mean())


@pytest.mark.parametrize(("which", "place"), [("first", 0), ("last", 1)])
async def test_treatments_are_compared_by_the_market_of_a_row_that_the_plan_names(
    tmp_path: Path, which: str, place: int
) -> None:
    text = SMALL.replace("[market]", "[market]\npaid_markets = 2").replace(
        "traders = 3", f'traders = 3\noutcome_market = "{which}"'
    )
    assert (await play(plan_file(tmp_path, text), tmp_path))[0] == 0
    study, folder = study_of(tmp_path / "study.toml"), the_folder(tmp_path)
    for treated in read_treatments(study, folder):
        for run, volume in zip(treated.runs, treated.results["total_volume"].values, strict=True):
            assert volume == measure_all(panel_of([read_run(folder / run)]))["total_volume"].values[place]
    page = page_of(study, tmp_path, ["rad"])
    assert f"measures are of the {which} one" in page
    assert f"measures are of the {which} one" in registration(study)
