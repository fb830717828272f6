"""Before a study: what it costs, what it can detect, and the document that registers it."""

from __future__ import annotations

import hashlib
import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bots.analysis.inference import effect
from bots.analysis.power import detectable
from bots.domain.errors import UserMustMend
from bots.services.study_report import read_treatments
from tests.study.plans import SMALL, plan_file, play, study_of, the_folder
from tests.study.study_program import program

WITH_MODELS = SMALL.replace('seats = "zero-intelligence"', 'seats = "gpt-4o"').replace(
    'seats = "2 x zero-intelligence, 1 x fundamentalist"', 'seats = "1 x gpt-4o, 2 x fundamentalist"'
)


def told(*arguments: str) -> str:
    outcome = CliRunner().invoke(program(), ["study", *arguments], env={"COLUMNS": "200"})
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return outcome.output


def numbers(output: str, words: int) -> list[Decimal]:
    (line,) = [one for one in output.splitlines() if f"{words} words" in one]
    return [Decimal(one.replace(",", "")) for one in line.split("words")[1].split()]


def test_cost_counts_every_request_of_every_market_and_grows_with_the_words(tmp_path: Path) -> None:
    output = told("cost", str(plan_file(tmp_path, WITH_MODELS)), "--data-dir", str(tmp_path))
    few, some, many = (numbers(output, words) for words in (12, 35, 100))
    # 4 rounds with 2 pages; a treatment of 3 models and one of 1, two markets each.
    assert few[0] == some[0] == many[0] == 4 * 2 * (3 + 1) * 2
    assert few[1:] < some[1:] < many[1:]
    assert some[3] == round((Decimal("2.50") * some[1] + Decimal("10.00") * some[2]) / 1_000_000, 2)
    assert not list(tmp_path.glob("studies"))


async def test_cost_leaves_out_markets_that_are_finished(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    await play(plan, tmp_path)
    assert "0 of 4 markets are left" in told("cost", str(plan), "--data-dir", str(tmp_path))


def test_simulate_tells_what_differences_can_be_detected(tmp_path: Path) -> None:
    plan = plan_file(tmp_path, WITH_MODELS)
    output = told("simulate", str(plan), "--strategies", "zero-intelligence", "--markets", "5")
    found = {
        int(match[1]): float(match[2])
        for match in re.finditer(r"^(\d+) markets\S* +([\d.]+)$", output, flags=re.M)
    }
    assert found[100] < found[30] < found[10]
    assert re.search(r"^3 markets +–$", output, flags=re.M)
    with pytest.raises(UserMustMend, match="no strategy 'gpt-4o'"):
        told("simulate", str(plan), "--strategies", "gpt-4o")


def test_the_detectable_difference_is_near_that_of_theory() -> None:
    # Two groups of 20 from a normal distribution: 80 % power at 5 % needs 0.909 standard deviations.
    values = np.random.default_rng(1).normal(0, 2, 4000)
    assert detectable(values, 20).difference / 2 == pytest.approx(0.909, rel=0.12)
    assert np.isnan(detectable(values, 3).difference)  # 20 splits: p is never below 0.1
    assert detectable(np.ones(5), 10).difference == 0


def test_effect_sizes_are_derived_by_hand() -> None:
    # Variances 1 and 1, means 2 and 5: d = -3; Hedges' correction 1 - 3 / (4 · 6 - 9) = 0.8.
    told = effect(np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert told.g == pytest.approx(-3 * 0.8)
    assert -5 <= told.low < -3 < told.high <= -1
    assert np.isnan(effect(np.array([1.0]), np.array([4.0, 5.0])).g)


def test_the_registration_holds_design_outcomes_tests_rules_and_hashes(tmp_path: Path) -> None:
    rules = '[rules]\nstop_after_failed = 2\nexclude_fallback_share = "0.10"\n[market]'
    head = 'hypotheses = "Models | raise RAD."\noutcomes = ["gad", "rad"]\nrepetitions = 2'
    text = WITH_MODELS.replace("[market]", rules).replace("repetitions = 2", head)
    plan = plan_file(tmp_path, text)
    told("register", str(plan), "--out", str(tmp_path / "r.md"))
    document = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "Models | raise RAD." in document
    assert "GAD, primary" in document
    assert "RAD, secondary" in document
    assert "more than 0.10 of decisions" in document
    assert "after 2 failed or undecided markets" in document
    assert study_of(plan).hash in document
    assert hashlib.sha256(plan.read_bytes()).hexdigest() in document
    assert "gpt-4o" in document
    for text in ("paid_rounds = 3", "dividends 1, seating 1, sampling 1", "no limit of cost"):
        assert text in document
    assert "parameters" not in document.partition("| treatment |")[2].partition("The market of each")[0]


async def test_a_market_with_too_many_fallbacks_is_left_out_and_listed(tmp_path: Path) -> None:
    text = SMALL.replace("[market]", '[rules]\nexclude_fallback_share = "0.10"\n[market]')
    plan = plan_file(tmp_path, text)
    await play(plan, tmp_path)
    folder = the_folder(tmp_path)
    before = read_treatments(study_of(plan), folder)
    assert [one.excluded for one in before] == [(), ()]
    spoilt = before[0].runs[0]
    journal = folder / spoilt / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    for line in [line for line in lines if line["event"] == "decision_made"][:5]:
        line["fallback"] = True
    journal.write_text(
        "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines), encoding="utf-8"
    )

    after = read_treatments(study_of(plan), folder)
    assert [one.excluded for one in after] == [(spoilt,), ()]
    assert [len(one) for one in after] == [1, 2]
    assert f"left out, for more than 0.10 of decisions made by the fallback: alone: {spoilt}" in told(
        "report", str(plan), "--data-dir", str(tmp_path)
    ).replace("Left", "left")


def test_an_outcome_nobody_knows_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="rdmax"):
        study_of(
            plan_file(tmp_path, SMALL.replace("repetitions = 2", 'repetitions = 2\noutcomes = ["radd"]'))
        )
