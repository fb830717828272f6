"""A study plays what is missing and only that; every market is an ordinary run."""

from __future__ import annotations

import asyncio
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

import bots
from bots.adapters.in_memory import MemoryStore
from bots.adapters.run_folder import read_manifest, run_locked, write_manifest
from bots.agents.prompts import texts_hash
from bots.agents.strategies import Hold
from bots.analysis.run_manifest import manifest_of
from bots.domain.errors import UserMustMend
from bots.domain.market import Decision, MarketView
from bots.domain.ports import DecisionMaker
from bots.domain.records import ActSent, ModelAsked, RunOutcome, SeatOutcome
from bots.services.configuration import CONFIG
from bots.services.replay import read_recording, replay
from bots.services.study_cell import CellJob, StudyFacts, build_strategy, play_cell
from bots.services.study_report import read_treatments
from bots.services.trader_specs import TraderSpec
from tests.standins.model_server import Fault, ModelServer
from tests.study.plans import SMALL, plan_file, play, prices, study_of, the_folder
from tests.study.study_program import program

MODELS = (
    SMALL.replace("practice_rounds = 1", "practice_rounds = 0")
    .replace("paid_rounds = 3", 'paid_rounds = 2\nforecast_horizons = ""')
    .replace('"2 x zero-intelligence, 1 x fundamentalist"', '"2 x local, 1 x fundamentalist"')
)


async def test_every_cell_is_an_ordinary_run_that_names_its_treatment(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    code, said = await play(plan, tmp_path)

    folder = the_folder(tmp_path)
    study = study_of(plan)
    assert code == 0, said
    assert folder.name == f"small-{study.hash}"
    assert len((folder / "runs.metadata").read_text().splitlines()) == 4
    manifest = read_manifest(folder / "run-2")
    assert manifest.outcome is RunOutcome.FINISHED
    assert manifest.configuration["study"] == {
        "name": "small",
        "hash": study.hash,
        "treatment": "mixed",
        "repetition": 1,
    }
    assert manifest.configuration["market"]["paid_rounds"] == 3
    assert sorted(seat.trader for seat in manifest.seats) == ["fundamentalist", *["zero-intelligence"] * 2]
    assert bots.open_run(folder / "run-2").prices.height == 4


async def test_a_cell_replays_from_its_journal(tmp_path: Path) -> None:
    await play(plan_file(tmp_path), tmp_path)
    manifest, journal = read_recording(the_folder(tmp_path) / "run-2")

    assert (await replay(journal.events, manifest)).identical


async def test_the_same_plan_gives_the_same_prices_in_any_number_of_processes(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    for jobs, data in ((1, "one"), (3, "many")):
        assert (await play(plan, tmp_path / data, jobs=jobs))[0] == 0

    once = prices(the_folder(tmp_path / "one"))
    assert len(once) == 4
    assert once == prices(the_folder(tmp_path / "many"))
    assert len(set(once.values())) == 4


async def test_a_finished_cell_is_never_done_again(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    await play(plan, tmp_path)
    before = prices(the_folder(tmp_path))
    code, said = await play(plan, tmp_path)

    assert (code, "All 4 markets are done" in said) == (0, True)
    assert len([*the_folder(tmp_path).glob("run-*")]) == 4
    assert prices(the_folder(tmp_path)) == before


@pytest.mark.parametrize(
    "outcome", [RunOutcome.RUNNING, RunOutcome.INTERRUPTED, RunOutcome.FAILED, RunOutcome.SEATS_FAILED]
)
async def test_a_cell_that_did_not_finish_is_done_anew_in_a_run_of_its_own(
    tmp_path: Path, outcome: RunOutcome
) -> None:
    plan = plan_file(tmp_path)
    await play(plan, tmp_path)
    folder = the_folder(tmp_path)
    before = prices(folder)
    manifest = read_manifest(folder / "run-3")
    write_manifest(folder / "run-3", manifest.model_copy(update={"outcome": outcome}))
    code, _ = await play(plan, tmp_path)

    assert code == 0
    assert read_manifest(folder / "run-5").configuration == manifest.configuration
    assert read_manifest(folder / "run-3").outcome is outcome
    assert len([*folder.glob("run-*")]) == 5
    assert prices(folder) == before


async def test_more_repetitions_are_another_study(tmp_path: Path) -> None:
    await play(plan_file(tmp_path), tmp_path)
    await play(plan_file(tmp_path, SMALL.replace("repetitions = 2", "repetitions = 3")), tmp_path)

    assert len([*(tmp_path / "studies").iterdir()]) == 2


async def test_a_second_run_of_one_study_is_told(tmp_path: Path) -> None:
    plan = plan_file(tmp_path)
    await play(plan, tmp_path)

    with run_locked(the_folder(tmp_path)), pytest.raises(UserMustMend, match="another process"):
        await play(plan, tmp_path)


async def test_a_missing_key_is_told_before_anything_is_written(tmp_path: Path) -> None:
    plan = plan_file(tmp_path, SMALL.replace("2 x zero-intelligence, 1", "2 x gpt-4o, 1"))

    with pytest.raises(UserMustMend, match="OPENAI_API_KEY"):
        await play(plan, tmp_path)
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("model", "limits", "said"),
    [
        (
            "openai:gpt-unheard-of",
            '[limits]\nmax_cost_usd = "1"',
            "no price is known for openai:gpt-unheard-of",
        ),
        ("eager", "", "temperature = 0.5 would not be sent"),
    ],
)
async def test_model_that_cannot_be_asked_as_planned_is_told_before_anything_is_written(
    model: str, limits: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = (CONFIG / "models.toml").read_text(encoding="utf-8")
    eager = '[models.eager]\nprovider = "openai"\nmodel = "gpt-5-2025-08-07"\ntemperature = 0.5\n'
    (tmp_path / "models.toml").write_text(f"{shipped}\n{eager}", encoding="utf-8")
    plan = plan_file(tmp_path, SMALL.replace("2 x zero-intelligence, 1", f"2 x {model}, 1") + limits)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UserMustMend, match=re.escape(said)):
        await play(plan, tmp_path, environment={"OPENAI_API_KEY": "sk-key"})
    assert not (tmp_path / "studies").exists()


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ("parameters = {{ temperature = 0.5 }}\n{0}", "table [parameters], key temperature"),
        (
            "{0}\n[treatments.mixed.parameters]\ntemperature = 0.5",
            "[treatments.mixed.parameters], key temperature",
        ),
        (
            '{0}\n[treatments.mixed.parameters]\nmax_tokens = 1100\nreasoning_effort = "high"',
            "[treatments.mixed.parameters], key reasoning_effort",
        ),
    ],
)
async def test_parameter_that_would_not_be_sent_is_told_with_the_file_that_sets_it(
    given: str, where: str, tmp_path: Path
) -> None:
    model = "anthropic:claude-sonnet-4-20250514" if "effort" in given else "openai:gpt-5-2025-08-07"
    plan = plan_file(tmp_path, given.format(SMALL.replace("2 x zero-intelligence, 1", f"2 x {model}, 1")))

    with pytest.raises(UserMustMend) as caught:
        await play(plan, tmp_path, environment={"OPENAI_API_KEY": "sk-key", "ANTHROPIC_API_KEY": "sk-key"})
    assert caught.value.where == f"{plan}, table {where.removeprefix('table ')}"
    assert "models.toml" not in str(caught.value)
    assert not (tmp_path / "studies").exists()


async def test_local_model_is_served_for_as_long_as_the_study_plays(tmp_path: Path) -> None:
    async with ModelServer() as server:
        python = tmp_path / "python"
        served = f'{{"url": "{server.url}/v1"}}'
        python.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\necho '{served}'\ncat\n")
        python.chmod(0o700)
        code, said = await play(
            plan_file(tmp_path, MODELS), tmp_path, environment={"LOCAL_MODEL_PYTHON": str(python)}
        )
    assert code == 0, said
    assert server.asked
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))
    manifest = read_manifest(the_folder(tmp_path) / "run-1")
    assert manifest.prices.startswith("genai-prices ")
    assert manifest.prompts == texts_hash()


async def test_models_trade_in_one_process_and_remember_as_far_as_the_treatment_lets_them(
    tmp_path: Path,
) -> None:
    text = MODELS + 'memory_window = 0\n[treatments.remembers]\nseats = "3 x local"\nmemory_window = "all"\n'
    async with ModelServer() as server:
        environment = server.environment("sk-key")
        code, said = await play(plan_file(tmp_path, text), tmp_path, jobs=4, environment=environment)

    assert code == 0, said
    assert "tokens" in said
    told: dict[str, bool] = {}
    for run in the_folder(tmp_path).glob("run-*"):
        treatment = read_manifest(run).configuration["study"]["treatment"]
        manifest, journal = read_recording(run)
        asked = [event for event in journal.events if isinstance(event, ModelAsked)]
        assert manifest == manifest_of(journal.events)
        assert sum(use.requests for use in manifest.models) == len(asked)
        told[treatment] = any("Trade a share a round." in event.prompt for event in asked)
        promised = any("shown to you again in later rounds" in event.prompt for event in asked)
        assert promised is told[treatment]
        assert (await replay(journal.events, manifest)).identical
    assert told == {"alone": False, "mixed": False, "remembers": True}


async def test_a_study_stops_at_its_limit_and_goes_on_when_it_is_raised(tmp_path: Path) -> None:
    limited = MODELS + "[limits]\nmax_tokens = 8_000\n"
    async with ModelServer() as server:
        environment = server.environment("sk-key")
        code, said = await play(plan_file(tmp_path, limited), tmp_path, environment=environment)
        assert (code, "Raise them" in said) == (3, True)
        asked = len(server.asked)
        again, _ = await play(plan_file(tmp_path, limited), tmp_path, environment=environment)
        assert again == 3
        assert len(server.asked) <= asked + 1
        code, said = await play(plan_file(tmp_path, MODELS), tmp_path, environment=environment)

    assert code == 0, said
    assert len([*(tmp_path / "studies").iterdir()]) == 1
    assert len(prices(the_folder(tmp_path))) == 4


async def test_a_market_whose_model_never_decided_is_undecided_left_out_and_played_anew(
    tmp_path: Path,
) -> None:
    plan, used = plan_file(tmp_path, MODELS), plan_file_used(tmp_path)
    async with ModelServer() as server:
        environment = server.environment("sk-key")
        server.script = [Fault.KEY_REFUSED] * 99
        code, said = await play(plan, tmp_path, environment=environment)
        assert (code, "2 markets are undecided" in said) == (6, True), said
        treated = read_treatments(study_of(plan), the_folder(tmp_path))
        assert [(one.name, len(one), len(one.undecided)) for one in treated] == [
            ("alone", 2, 0),
            ("mixed", 0, 2),
        ]
        report = CliRunner().invoke(program(), ["study", "report", str(plan), "--data-dir", str(tmp_path)])
        assert f"undecided, for every decision of some trader failed: mixed: {treated[1].undecided[0]}" in (
            " ".join(report.output.split())
        )
        in_use = read_treatments(study_of(used), the_folder(tmp_path))
        assert [len(one) for one in in_use] == [2, 2]
        assert (await play(used, tmp_path, environment=environment))[0] == 0

        server.script = []
        code, said = await play(plan, tmp_path, environment=environment)

    assert code == 0, said
    after = read_treatments(study_of(plan), the_folder(tmp_path))
    assert [(len(one), one.undecided) for one in after] == [(2, ()), (2, ())]
    manifest, journal = read_recording(the_folder(tmp_path) / treated[1].undecided[0])
    assert manifest == manifest_of(journal.events)
    assert len(manifest.undecided) == 2


def plan_file_used(folder: Path) -> Path:
    """Write the same plan with a rule by which undecided markets are used."""
    (folder / "used").mkdir()
    return plan_file(folder / "used", MODELS + "[rules]\nexclude_undecided = false\n")


class Stumbles(Hold):
    """A strategy with a bug that shows on its third page."""

    pages = 0

    def decision(self, view: MarketView) -> Decision:
        self.pages += 1
        if self.pages == 3:
            raise ZeroDivisionError("a bug")
        return super().decision(view)


async def test_a_trader_that_cannot_go_on_ends_its_market_and_the_others_do_not_wait(tmp_path: Path) -> None:
    study = study_of(plan_file(tmp_path))
    cell = study.cells[1]

    def build(spec: TraderSpec, seed: int) -> DecisionMaker:
        return Stumbles(seed) if spec.name == "fundamentalist" else build_strategy(spec, seed)

    job = CellJob(cell, study.seated(cell), StudyFacts(tmp_path, "small", study.hash, 1.0, _ABOUT))
    done = await asyncio.wait_for(play_cell(job, build, stop=asyncio.Event()), 20)

    assert done.outcome is RunOutcome.SEATS_FAILED
    seats = read_manifest(done.run).seats
    assert {seat.outcome for seat in seats} == {SeatOutcome.FAILED}
    assert sum("a bug" in seat.reason for seat in seats) == 1


async def test_a_market_that_is_stopped_is_kept_as_interrupted(tmp_path: Path) -> None:
    study, stop, store = study_of(plan_file(tmp_path)), asyncio.Event(), MemoryStore()
    cell = study.cells[0]

    def listen(event: Any) -> None:
        store.append(event)
        if sum(isinstance(one, ActSent) for one in store.events) == 7:
            stop.set()

    job = CellJob(cell, study.seated(cell), StudyFacts(tmp_path, "small", study.hash, 1.0, _ABOUT))
    done = await play_cell(job, build_strategy, stop=stop, listen=listen)

    assert done.outcome is RunOutcome.INTERRUPTED
    assert read_manifest(done.run).outcome is RunOutcome.INTERRUPTED


_ABOUT: dict[str, Any] = {"command": ("bots",), "packages": {}, "git": {}, "machine": {}}


def test_the_limit_is_exact_money(tmp_path: Path) -> None:
    plan = study_of(plan_file(tmp_path, SMALL + '[limits]\nmax_cost_usd = "0.10"')).plan

    assert plan.limits.max_cost_usd == Decimal("0.10")
