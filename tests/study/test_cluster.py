"""A study on a Dask cluster of three workers, one of which is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from bots.adapters.run_folder import read_manifest
from bots.domain.errors import UserMustMend
from bots.domain.records import RunOutcome
from bots.services.study_folder import cell_runs
from bots.services.study_run import Spread
from tests.study.plans import SMALL, plan_file, play, prices, the_folder

MANY = SMALL.replace("repetitions = 2", "repetitions = 9").replace("paid_rounds = 3", "paid_rounds = 12")


@pytest.mark.timeout(170)
async def test_a_worker_is_killed_and_its_market_is_played_by_another_each_market_once(
    tmp_path: Path,
) -> None:
    plan = plan_file(tmp_path, MANY)
    async with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=3, threads_per_worker=1, processes=True, asynchronous=True, dashboard_address=None
        ) as cluster,
        Client(cluster, asynchronous=True) as client,  # type: ignore[no-untyped-call]
    ):
        workers = await client.run(os.getpid)
        playing = asyncio.create_task(play(plan, tmp_path, spread=Spread(dask=cluster.scheduler_address)))
        victim = await the_pid_of_a_worker_that_plays(tmp_path, set(workers.values()), playing)
        os.kill(victim, signal.SIGKILL)
        code, told = await playing

    assert code == 0, told
    folder = the_folder(tmp_path)
    runs = cell_runs(folder)
    assert len(runs) == 18
    assert all(run.finished for run in runs.values())
    outcomes = Counter(read_manifest(path.parent).outcome for path in folder.glob("run-*/manifest.json"))
    assert outcomes[RunOutcome.FINISHED] == 18
    alone = tmp_path / "alone"
    assert (await play(plan, alone, jobs=1))[0] == 0
    assert prices(folder) == prices(the_folder(alone))


async def the_pid_of_a_worker_that_plays(data: Path, pids: set[int], playing: asyncio.Task[object]) -> int:
    """Wait until a worker has a journal open, and return its process."""
    while not playing.done():
        for pid in pids:
            for link in Path(f"/proc/{pid}/fd").glob("*"):
                try:
                    if os.readlink(link).endswith("journal.jsonl"):
                        return pid
                except OSError:
                    continue
        await asyncio.sleep(0)
    raise AssertionError("the study was over before a worker could be killed")


async def test_a_cluster_that_does_not_answer_is_told_and_nothing_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.services.study_cluster._WORKER_SECONDS", 2.0)
    with pytest.raises(UserMustMend, match="no Dask cluster with a worker answers there"):
        await play(plan_file(tmp_path), tmp_path, spread=Spread(dask="tcp://127.0.0.1:9"))
    assert not list(the_folder(tmp_path).glob("run-*"))
