"""Markets of a study on a Dask cluster: each is one task; another worker goes on where one is lost.

Who asks models there asks the study's own process first (`bots.adapters.models.ledger`), whose budget and
rate limits are then those of all. Keys are each worker's own. Markets on an oTree server stay in the study's
process, and so do those that ask the local model which it serves.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue
from bots.adapters.models.ledger import Ledger, LedgerAddress, RemoteLedger
from bots.agents.prompts import texts_hash
from bots.domain.chat import ModelFailed
from bots.domain.errors import BotsError, UserMustMend
from bots.domain.records import JOURNAL_VERSION, RunOutcome
from bots.services.configuration import environment
from bots.services.study_cell import CellDone, CellJob, Listen, play_cell, play_strategies
from bots.services.surroundings import package_versions
from bots.services.trader_checks import asks_shipped_model, check_ready
from bots.services.trader_specs import TraderSpec
from bots.services.traders import Traders

_WORKER_SECONDS: Final = 60.0
_AHEAD: Final = 2  # tasks a thread, so that no worker waits for the study


@dataclass(frozen=True, slots=True)
class Asking:
    """What a worker needs in order to ask models: whom, and who keeps the budget. It holds no key."""

    catalogue: Catalogue
    ledger: LedgerAddress


def play_with_models(job: CellJob, asking: Asking) -> CellDone:
    """Play a cell in which models trade, on a worker and with its keys.

    Raises:
        UserMustMend: a key is missing there.
        ModelFailed: the study's process cannot be reached.
    """

    async def play() -> CellDone:
        settings, clock, stop = environment(), SystemClock(), asyncio.Event()
        check_ready(job.specs, asking.catalogue, settings)
        ledger = RemoteLedger(asking.ledger, job.cell.treatment, clock, stop)
        async with (
            ledger.attending(f"{job.cell.treatment} {job.cell.repetition}"),
            Traders(asking.catalogue, settings, clock, allowances=ledger) as traders,
        ):
            if stop.is_set():
                return CellDone(*job.cell.key, job.study.runs, RunOutcome.INTERRUPTED, "not begun")
            return await play_cell(job.again() if ledger.begun else job, traders.build, stop=stop)

    return asyncio.run(play())


class Cluster:
    """A Dask cluster that plays markets.

    Args:
        client: an asynchronous `distributed.Client`, whose methods have no types.
        asking: for markets in which models trade; None where there are none.
        elsewhere: providers that answer this process alone.
    """

    def __init__(self, client: Any, threads: int, asking: Asking | None, elsewhere: frozenset[str]) -> None:
        self._client = client
        self._asking = asking
        self._elsewhere = elsewhere
        self.places = _AHEAD * threads
        """Markets to be handed out at a time."""

    def takes(self, job: CellJob) -> bool:
        """Tell whether a worker can play a market."""
        return goes_away(job, self._elsewhere)

    async def play(self, job: CellJob, _: Listen) -> CellDone:
        """Play one market on some worker.

        Raises:
            BotsError: workers that played it were lost again and again.
        """
        from distributed import KilledWorker

        name = f"{job.study.name}-{job.cell.treatment}-{job.cell.repetition}-{uuid.uuid4().hex[:8]}"
        task = (play_with_models, job, self._asking) if job.asks_models else (play_strategies, job)
        future = self._client.submit(*task, key=name, pure=False)
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


def goes_away(job: CellJob, elsewhere: frozenset[str]) -> bool:
    """Tell whether a worker can play a market."""
    return not job.on_server and not any(
        spec.model and spec.model.provider in elsewhere for spec in job.specs
    )


def served_here(
    specs: Iterable[TraderSpec], catalogue: Catalogue, settings: Mapping[str, str]
) -> frozenset[str]:
    """Return the providers of the local model that this process serves."""
    return frozenset(
        spec.model.provider for spec in specs if spec.model and asks_shipped_model(spec, catalogue, settings)
    )


@dataclass(frozen=True, slots=True)
class Away:
    """What is to be played on a cluster.

    Attributes:
        address: the scheduler's.
        folder: the study's; workers write into it, so it must be on a disk that all of them share.
        jobs: the markets.
        catalogue: whom models are asked by.
        elsewhere: providers that answer this process alone.
    """

    address: str
    folder: Path
    jobs: tuple[CellJob, ...]
    catalogue: Catalogue
    elsewhere: frozenset[str]


@asynccontextmanager
async def dask_cluster(away: Away, ledger: Ledger) -> AsyncIterator[Cluster]:
    """Join the cluster whose scheduler has this address.

    Args:
        ledger: is asked by workers before each request to a model.

    Raises:
        UserMustMend: Dask is not installed, nobody answers there, or a worker has other code, another disk,
            no key of a model, or no way to this process.
    """
    client = _client(away.address)
    try:
        await _join(client, away.address)
        threads = await _checked(client, away)
        specs = frozenset(spec for job in away.jobs for spec in job.specs if spec.model is not None)
        if not specs:
            yield Cluster(client, threads, None, away.elsewhere)
            return
        async with ledger.listening(_own_address(client)) as address:
            asking = Asking(away.catalogue, address)
            await _can_ask(client, away.address, specs, asking)
            yield Cluster(client, threads, asking, away.elsewhere)
    finally:
        await client.close()


def _own_address(client: Any) -> str:
    """Return the address at which this machine is known to that of the scheduler."""
    from distributed.comm.addressing import get_address_host
    from distributed.utils import get_ip

    host: Any = get_address_host  # has no types, nor has the other
    find: Any = get_ip
    return str(find(host(client.scheduler.address)))


def _client(address: str) -> Any:
    """Return a client that has not joined its cluster yet; it must be closed, also where it never does."""
    try:
        from distributed import Client
    except ImportError:
        raise UserMustMend(
            "Dask is not installed",
            where="--dask",
            mend='Install it: pip install "llm-trading-agents[dask]" (or -r requirements/dask.txt).',
        ) from None
    make: Any = Client  # has no types
    try:
        return make(address, asynchronous=True, timeout=f"{_WORKER_SECONDS / 4:g}s")
    except ValueError as error:
        raise _no_cluster(address, error) from error


async def _join(client: Any, address: str) -> None:
    try:
        await client
        await client.wait_for_workers(1, timeout=_WORKER_SECONDS)
    except (OSError, ValueError, TimeoutError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> UserMustMend:
    return UserMustMend(
        f"no Dask cluster with a worker answers there ({str(error) or type(error).__name__})",
        where=f"--dask {address}",
        mend="Start `dask scheduler` and `dask worker tcp://…`, and give the scheduler's address.",
    )


async def _checked(client: Any, away: Away) -> int:
    """Return the threads of all workers, each of which has our code and sees the study's folder."""
    ours = fit(str(away.folder))
    told: dict[str, dict[str, Any]] = await client.run(fit, str(away.folder))
    for worker, theirs in told.items():
        wrong = [name for name, value in ours.items() if theirs.get(name) != value]
        if wrong:
            raise UserMustMend(
                f"the worker {worker} differs from this process in {', '.join(wrong)}",
                where=f"--dask {away.address}",
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


async def _can_ask(client: Any, address: str, specs: frozenset[TraderSpec], asking: Asking) -> None:
    told: dict[str, tuple[str, str] | None] = await client.run(ready, tuple(specs), asking)
    for worker, wrong in told.items():
        if wrong is not None:
            what, mend = wrong
            raise UserMustMend(f"the worker {worker}: {what}", where=f"--dask {address}", mend=mend)


async def ready(specs: tuple[TraderSpec, ...], asking: Asking) -> tuple[str, str] | None:
    """Return what keeps this worker from asking models, and how to mend it; None where nothing does."""

    try:
        check_ready(specs, asking.catalogue, environment())
        await RemoteLedger(asking.ledger, "", SystemClock(), asyncio.Event()).greet()
    except UserMustMend as error:
        return f"{error.what} ({error.where})", error.mend
    except ModelFailed as failed:
        where = f"{asking.ledger.host}, port {asking.ledger.port}"
        return failed.reason, f"Let workers reach {where}, from where they are."
    return None
