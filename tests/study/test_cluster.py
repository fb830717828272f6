"""A study on a Dask cluster of three workers, one of which is killed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import Client, LocalCluster, Scheduler

from bots.adapters.run_folder import read_manifest
from bots.domain.errors import UserMustMend
from bots.domain.records import RunManifest, RunOutcome
from bots.services.study_folder import cell_runs, spent_so_far
from bots.services.study_run import Spread
from tests.adapters.small_server import free_port
from tests.standins.model_server import Asked, ModelServer, trading_answer
from tests.study.plans import ASKING, asked_by_cell, end, plan_file, play, prices, start, the_folder

PLAN = f"""{ASKING}[treatments.unasked]
seats = "3 x zero-intelligence"
"""
CELLS = 9
TOKENS = 960  # of a reply of the stand-in


@dataclass(frozen=True)
class Workers:
    """Three workers; their settings lead models to a stand-in on a port, and hold no key of Anthropic's."""

    cluster: LocalCluster
    port: int

    @property
    def spread(self) -> Spread:
        return Spread(dask=self.cluster.scheduler_address)

    @property
    def settings(self) -> Mapping[str, str]:
        return settings(self.port)

    def who_plays(self) -> int:
        """Return a process of theirs that has a journal open."""
        with Client(self.cluster) as client:  # type: ignore[no-untyped-call]
            pids = client.run(os.getpid).values()
        for pid in pids:
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                with suppress(OSError):
                    if os.readlink(link).endswith("journal.jsonl"):
                        return int(pid)
        raise AssertionError("no worker plays")


def settings(port: int) -> Mapping[str, str]:
    return {"LOCAL_BASE_URL": f"http://127.0.0.1:{port}/v1", "LOCAL_API_KEY": "sk-worker-key"}


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    port = free_port()
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None, env=settings(port)
    ) as cluster:
        yield Workers(cluster, port)


def manifests(folder: Path) -> list[RunManifest]:
    return [read_manifest(path.parent) for path in folder.glob("run-*/manifest.json")]


@pytest.mark.timeout(170)
@pytest.mark.slow
async def test_a_worker_is_killed_and_another_goes_on_with_its_market_each_is_played_and_paid_once(
    tmp_path: Path, workers: Workers
) -> None:
    plan, alone = plan_file(tmp_path, PLAN), tmp_path / "alone"
    async with ModelServer(port=workers.port) as server:
        assert (await play(plan, alone, environment=workers.settings))[0] == 0
        once = len(server.asked)
        server.asked.clear()
        killed = asyncio.Event()

        def kill_one(asked: Asked) -> str:
            if len(server.asked) >= once // 2 and not killed.is_set():  # several may have come at once
                os.kill(workers.who_plays(), signal.SIGKILL)
                killed.set()
            return trading_answer(asked)

        server.answer = kill_one
        code, told = await play(plan, tmp_path, environment=workers.settings, spread=workers.spread)

    assert code == 0, told
    assert killed.is_set()
    folder = the_folder(tmp_path)
    assert len([one for one in manifests(folder) if one.outcome is RunOutcome.FINISHED]) == CELLS
    assert all(run.finished for run in cell_runs(folder).values())
    assert prices(folder) == prices(the_folder(alone))
    assert sum(asked_by_cell(folder).values()) == once
    lost = len(server.asked) - once  # what the killed worker had sent; nothing it had a reply to
    assert 0 <= lost <= 1
    spent = sum(one.tokens for one in spent_so_far(folder).values())
    assert f"{spent:,} tokens" in told.splitlines()[-2]
    assert spent >= (once + lost) * TOKENS
    assert "sk-worker-key" not in "".join(path.read_text() for path in folder.rglob("*.json*"))


@pytest.mark.timeout(170)
async def test_where_the_study_is_killed_its_workers_ask_no_more_and_the_next_call_goes_on(
    tmp_path: Path, workers: Workers
) -> None:
    plan, address = plan_file(tmp_path, PLAN), workers.cluster.scheduler_address
    async with ModelServer(port=workers.port) as server:
        process = await start(plan, tmp_path, "--dask", address, environment=workers.settings)
        killed = asyncio.Event()

        def kill_the_study(asked: Asked) -> str:
            if len(server.asked) >= 12 and not killed.is_set():  # several may have come at once
                process.kill()
                killed.set()
            return trading_answer(asked)

        server.answer = kill_the_study
        assert (await end(process))[0] == -signal.SIGKILL
        assert killed.is_set()
        code, told = await play(plan, tmp_path, environment=workers.settings, spread=workers.spread)

    assert code == 0, told
    folder = the_folder(tmp_path)
    assert len(prices(folder)) == CELLS
    once = sum(asked_by_cell(folder).values())
    assert once <= len(server.asked) <= once + 2 * 3  # two on each worker: one under way, one answered
    outcomes = {one.outcome for one in manifests(folder)}
    assert outcomes <= {RunOutcome.FINISHED, RunOutcome.INTERRUPTED}  # no market was left to itself


@pytest.mark.timeout(170)
async def test_a_limit_holds_over_all_workers_and_what_was_answered_is_not_asked_again_once_it_is_raised(
    tmp_path: Path, workers: Workers
) -> None:
    limit = 20_000
    few = f"{PLAN}[limits]\nmax_tokens = {limit}\n"
    async with ModelServer(port=workers.port) as server:
        code, told = await play(
            plan_file(tmp_path, few), tmp_path, environment=workers.settings, spread=workers.spread
        )
        assert (code, "Raise them" in told) == (3, True), told
        assert 0 < len(server.asked) * TOKENS <= limit
        assert int(re.findall(r"([\d,]+) tokens", told)[-1].replace(",", "")) <= limit
        code, told = await play(
            plan_file(tmp_path, PLAN), tmp_path, environment=workers.settings, spread=workers.spread
        )

    assert code == 0, told
    assert len(prices(the_folder(tmp_path))) == CELLS
    once = sum(asked_by_cell(the_folder(tmp_path)).values())
    # All but what was under way when the limit was met, or refused by it, at each of the three workers.
    assert abs(len(server.asked) - once) <= 2 * 3


async def test_a_worker_without_a_key_is_told_before_anything_is_played(
    tmp_path: Path, workers: Workers
) -> None:
    plan = plan_file(tmp_path, PLAN.replace("1 x local", "1 x anthropic:claude-sonnet-4-20250514"))
    here = {"ANTHROPIC_API_KEY": "sk-here-alone"}

    with pytest.raises(UserMustMend, match=r"the worker tcp://.*: ANTHROPIC_API_KEY is not set"):
        await play(plan, tmp_path, environment=here, spread=workers.spread)
    assert not list(the_folder(tmp_path).glob("run-*"))


async def test_a_cluster_that_does_not_answer_is_told_and_nothing_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.services.study_cluster._WORKER_SECONDS", 2.0)
    with pytest.raises(UserMustMend, match="no Dask cluster with a worker answers there"):
        await play(plan_file(tmp_path), tmp_path, spread=Spread(dask="tcp://127.0.0.1:9"))
    assert not list(the_folder(tmp_path).glob("run-*"))


async def test_a_cluster_whose_workers_never_come_is_told_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.services.study_cluster._WORKER_SECONDS", 1.0)
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        with pytest.raises(UserMustMend, match=r"with a worker answers there \(Only 0/1 workers arrived"):
            await play(plan_file(tmp_path), tmp_path, spread=Spread(dask=scheduler.address))
        async with asyncio.timeout(30):
            while scheduler.client_comms:  # noqa: ASYNC110 - it hears of the end by its own socket
                await asyncio.sleep(0.01)
    assert not list(the_folder(tmp_path).glob("run-*"))
