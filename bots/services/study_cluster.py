"""Markets of a study on a Dask cluster: each is one task; a worker that is lost loses its market to
another one.

Markets in which models trade stay in the study's own process, whose budget and rate limits are then those
of all.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from bots.agents.prompts import texts_hash
from bots.domain.errors import BotsError, UserMustMend
from bots.domain.records import JOURNAL_VERSION
from bots.services.study_cell import CellDone, CellJob, Listen, play_strategies
from bots.services.surroundings import package_versions

_WORKER_SECONDS: Final = 60.0
_AHEAD: Final = 2  # tasks a thread, so that no worker waits for the study


class Cluster:
    """A Dask cluster that plays markets.

    Args:
        client: an asynchronous `distributed.Client`, whose methods have no types.
    """

    def __init__(self, client: Any, threads: int) -> None:
        self._client = client
        self.places = _AHEAD * threads
        """Markets to be handed out at a time."""

    async def play(self, job: CellJob, _: Listen) -> CellDone:
        """Play one market on some worker.

        Raises:
            BotsError: workers that played it were lost again and again.
        """
        from distributed import KilledWorker

        name = f"{job.study.name}-{job.cell.treatment}-{job.cell.repetition}-{uuid.uuid4().hex[:8]}"
        future = self._client.submit(play_strategies, job, key=name, pure=False)
        try:
            done: CellDone = await future
        except KilledWorker as error:
            raise BotsError(
                f"workers were lost again and again while they played {job.cell.treatment}, repetition "
                f"{job.cell.repetition}: see their logs for why. What is finished is kept; run the "
                "study again."
            ) from error
        finally:
            await future.cancel()
        return done


@asynccontextmanager
async def dask_cluster(address: str, folder: Path) -> AsyncIterator[Cluster]:
    """Join the cluster whose scheduler has this address.

    Args:
        folder: the study's; workers write into it, so it must be on a disk that all of them share.

    Raises:
        UserMustMend: Dask is not installed, nobody answers there, or a worker has other code or another disk.
    """
    client = await _joined(address)
    try:
        threads = await _checked(client, address, folder)
        yield Cluster(client, threads)
    finally:
        await client.close()


async def _joined(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise UserMustMend(
            "Dask is not installed",
            where="--dask",
            mend='Install it: pip install "llm-trading-agents[dask]" (or -r requirements-dask.txt).',
        ) from None
    try:
        connect: Any = Client  # has no types
        client = await connect(address, asynchronous=True, timeout=f"{_WORKER_SECONDS / 4:g}s")
        await client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise UserMustMend(
            f"no Dask cluster with a worker answers there ({str(error) or type(error).__name__})",
            where=f"--dask {address}",
            mend="Start `dask scheduler` and `dask worker tcp://…`, and give the scheduler's address.",
        ) from error
    return client


async def _checked(client: Any, address: str, folder: Path) -> int:
    """Return the threads of all workers, each of which has our code and sees the study's folder."""
    ours = fit(str(folder))
    told: dict[str, dict[str, Any]] = await client.run(fit, str(folder))
    for worker, theirs in told.items():
        wrong = [name for name, value in ours.items() if theirs.get(name) != value]
        if wrong:
            raise UserMustMend(
                f"the worker {worker} differs from this process in {', '.join(wrong)}",
                where=f"--dask {address}",
                mend="Start all workers from the same installation, with --data-dir on a disk they share.",
            )
    threads: int = sum((await client.nthreads()).values())
    return threads


def fit(folder: str) -> dict[str, Any]:
    """Return what must be the same in every worker."""
    packages = package_versions()
    return {
        "version": packages.get("llm-trading-agents"),
        "journal": JOURNAL_VERSION,
        "prompts": texts_hash(),
        "the study's folder": (Path(folder) / "study.json").exists(),
    }
