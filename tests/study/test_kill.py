"""A study that is killed anywhere goes on where it was, leaves nothing running, and gives the same result."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from bots.adapters.run_folder import read_manifest
from bots.domain.records import RunManifest, RunOutcome
from bots.services.study_folder import cell_runs, spent_so_far
from tests.end_to_end.command import descendants, gone
from tests.standins.model_server import Asked, ModelServer, trading_answer
from tests.study.plans import ASKING, asked_by_cell, end, plan_file, play, prices, start, the_folder

PLAN = """
name = "killed"
repetitions = 6
traders = 4
seats = "zero-intelligence"
market = { practice_rounds = 1, paid_rounds = 12 }
[treatments.alone]
[treatments.mixed]
seats = "2 x zero-intelligence, 2 x speculator"
"""
CELLS = 12


async def begun(data: Path, run: int) -> None:
    """Wait until the study has begun its `run`-th market."""
    async with asyncio.timeout(30):
        while not [*data.glob(f"studies/*/run-{run}/journal.jsonl")]:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.005)


async def whole(folder: Path) -> tuple[Path, object]:
    """Play the plan without a break; return the plan and its prices."""
    plan = plan_file(folder, PLAN)
    assert (await play(plan, folder / "whole"))[0] == 0
    return plan, prices(the_folder(folder / "whole"))


@pytest.mark.parametrize(("number", "jobs"), [(1, 1), (2, 2), (3, 2)])
@pytest.mark.slow
async def test_a_study_killed_at_random_and_resumed_has_the_same_result(
    tmp_path: Path, number: int, jobs: int
) -> None:
    plan, expected = await whole(tmp_path)
    draw, data = random.Random(number), tmp_path / "killed"
    process = await start(plan, data, "-j", str(jobs))
    await begun(data, draw.randint(1, CELLS - 2))
    await asyncio.sleep(draw.uniform(0, 0.1))
    children = descendants(process.pid)
    process.kill()
    await process.wait()

    assert await gone(children)
    finished = {key: run.folder for key, run in cell_runs(the_folder(data)).items() if run.finished}
    assert len(finished) < CELLS
    code, said = await end(await start(plan, data, "-j", str(jobs)))
    assert code == 0, said
    after = cell_runs(the_folder(data))
    assert prices(the_folder(data)) == expected
    assert {key: after[key].folder for key in finished} == finished


def tokens(folder: Path) -> int:
    return sum(one.tokens for one in spent_so_far(folder).values())


def goes_on(manifest: RunManifest) -> list[str]:
    return list(manifest.configuration["study"].get("goes_on", ()))


@pytest.mark.parametrize(("number", "jobs"), [(1, 1), (2, 3)])
async def test_a_study_of_models_killed_at_random_is_asked_again_only_what_was_under_way(
    tmp_path: Path, number: int, jobs: int
) -> None:
    async with ModelServer() as server:
        environment = server.environment("sk-key")
        plan = plan_file(tmp_path, ASKING)
        assert (await play(plan, tmp_path / "whole", environment=environment))[0] == 0
        whole = asked_by_cell(the_folder(tmp_path / "whole"))
        once = len(server.asked)
        assert once == sum(whole.values()) > 0

        last = once + random.Random(number).randint(once // 3, once - 1)
        data = tmp_path / "killed"
        process = await start(plan, data, "-j", str(jobs), environment=environment)

        def kill_at_last(asked: Asked) -> str:
            if len(server.asked) >= last and process.returncode is None:  # several may have come at once
                process.kill()
            return trading_answer(asked)

        server.answer = kill_at_last
        code, said = await end(process)
        assert code == -signal.SIGKILL, said
        finished = {key: run.folder for key, run in cell_runs(the_folder(data)).items() if run.finished}
        spent = tokens(the_folder(data))
        code, said = await end(await start(plan, data, "-j", str(jobs), environment=environment))
        assert code == 0, said

    folder = the_folder(data)
    runs = cell_runs(folder)
    assert prices(folder) == prices(the_folder(tmp_path / "whole"))
    assert {key: runs[key].folder for key in finished} == finished
    assert asked_by_cell(folder) == whole
    left_over = {path.parent for path in folder.glob("run-*/journal.jsonl")} - {
        one.folder for one in runs.values()
    }
    assert len(left_over) <= jobs
    assert once <= len(server.asked) - once <= once + jobs  # again is asked what was under way, and no more
    paid_before = {name for run in runs.values() for name in goes_on(run.manifest)}
    assert paid_before <= {path.name for path in left_over}
    assert tokens(folder) > spent


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.slow
async def test_ctrl_c_ends_a_study_in_order(tmp_path: Path, jobs: int) -> None:
    plan, expected = await whole(tmp_path)
    data = tmp_path / "stopped"
    process = await start(plan, data, "-j", str(jobs))
    await begun(data, 3)
    children = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    code, said = await end(process)

    assert (code, "Go on with" in said) == (130, True), said
    assert "Traceback" not in said
    assert await gone(children)
    outcomes = {read_manifest(run).outcome for run in the_folder(data).glob("run-*")}
    assert outcomes <= {RunOutcome.FINISHED, RunOutcome.INTERRUPTED}
    assert (await play(plan, data))[0] == 0
    assert prices(the_folder(data)) == expected


async def test_of_two_runs_of_one_study_the_second_is_told(tmp_path: Path) -> None:
    plan, data = plan_file(tmp_path, PLAN), tmp_path / "data"
    first = await start(plan, data, "-j", "1")
    await begun(data, 1)
    first.send_signal(signal.SIGSTOP)  # it must not be through before the second begins
    code, said = await end(await start(plan, data, "-j", "1"))
    first.send_signal(signal.SIGCONT)

    assert (code, "another process" in said) == (2, True), said
    assert (await end(first))[0] == 0
    assert len(prices(the_folder(data))) == CELLS
