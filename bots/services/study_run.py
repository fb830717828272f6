"""Runs a study: every market that is not finished yet, and none that is.

Markets of strategies are computed in processes of their own, as many as the machine has processors; markets
in which models trade wait for providers, and share one process, its clients, rate limits and budget.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.models.ledger import Ledger
from bots.adapters.models.limits import Budget, Spent
from bots.adapters.models.prices import price_table_version
from bots.adapters.run_folder import run_locked
from bots.agents.prompts import texts_hash
from bots.domain.errors import FailureKind
from bots.domain.ports import Clock
from bots.domain.records import DecisionNotMade, Event
from bots.services.configuration import models_file
from bots.services.live_view import shown
from bots.services.local_model import with_local_model
from bots.services.loop import EXIT_INTERRUPTED, EXIT_UNDECIDED
from bots.services.plan import Transport
from bots.services.room import Room
from bots.services.study_cell import CellJob, StudyFacts
from bots.services.study_cluster import Away, dask_cluster, goes_away, served_here
from bots.services.study_folder import cut_short, open_study_folder, runs_by_cell, spent_so_far, standing
from bots.services.study_lanes import Lanes
from bots.services.study_plan import Study, read_plan, resolve_study
from bots.services.study_progress import StudyProgress, tallies
from bots.services.study_venue import open_server
from bots.services.surroundings import git_state, machine, package_versions
from bots.services.trader_checks import check_parameters, check_priced, check_ready
from bots.services.traders import Traders

EXIT_NOT_ALL = 3


def load_study(path: Path, model: str | None = None) -> Study:
    """Return the study of a plan's file, checked.

    Args:
        model: who sits where the plan's seats say {model}; None is whom the plan names.

    Raises:
        UserMustMend: names file, table and key.
    """
    study = resolve_study(read_plan(path, model), path, load_catalogue(models_file()))
    return replace(study, model=model)


@dataclass(frozen=True, slots=True)
class Spread:
    """How a study's markets are spread over machines.

    Attributes:
        jobs: markets at a time; None is as many as there are processors, and eight where models trade.
        dask: address of a Dask scheduler; None plays in processes of this machine.
        server: address of an oTree server for markets that take place on one; None starts it.
        transport: how bots reach that server's pages.
        model: in the place of the plan's own.
    """

    jobs: int | None = None
    dask: str | None = None
    server: str | None = None
    transport: Transport = Transport.AUTO
    model: str | None = None


async def run_study(path: Path, data: Path, spread: Spread, room: Room) -> int:
    """Do what `bots study run` does; return the exit code.

    Raises:
        UserMustMend: the plan cannot be used, a key is missing, another process runs the study, or the
            cluster or the server cannot be used.
        BotsError: a process in which markets are played was killed.
    """
    study = load_study(path, spread.model)
    await _check(study, room)
    folder = open_study_folder(data, study)
    with run_locked(folder):
        runs = runs_by_cell(folder)
        done = {key for key, some in runs.items() if standing(some).stands(study.plan.rules)}
        facts = _facts(study, folder)
        left = [
            CellJob(cell, study.seated(cell), facts, cut_short(runs.get(cell.key, ())))
            for cell in study.cells
            if cell.key not in done
        ]
        room.say(f"Study {study.plan.name} is kept in {folder}")
        return await _Session(study, folder, room).play(left, spread) if left else _all_done(study, room)


async def _check(study: Study, room: Room) -> None:
    """Check all that models need, before anything is written.

    Raises:
        UserMustMend: a key, a parameter a model does not take, or a price where money is limited.
    """
    specs = set(study.traders)
    check_ready(specs, study.catalogue, room.environment)
    for cell in study.cells[: len(study.plan.treatments)]:
        await check_parameters(study.seated(cell), study.catalogue, study.parameters_set_in(cell.treatment))
    if study.plan.limits.max_cost_usd is not None:
        check_priced(specs, study.catalogue, where=f"{study.where}, table [limits], key max_cost_usd")


@dataclass(slots=True)
class _Session:
    """One call of `bots study run`: what its markets share."""

    study: Study
    folder: Path
    room: Room
    over_budget: bool = False

    async def play(self, left: Sequence[CellJob], spread: Spread) -> int:
        """Play the markets that are left and return the exit code."""
        clock = SystemClock()
        with_models = any(job.asks_models for job in left)
        used = spent_so_far(self.folder) if with_models else {}
        budget = self._budget(used)
        with self.room.interrupt.gently() as stop:
            spent = budget.spent if with_models else None
            progress = self._progress(left, clock, stop, spent, used)
            specs, log = (spec for job in left for spec in job.specs), self.folder / "local-model.log"
            catalogue = self.study.catalogue
            async with (
                AsyncExitStack() as stack,
                with_local_model(specs, catalogue, self.room.environment, log) as environment,
                Traders(catalogue, environment, clock, budget) as traders,
            ):
                cluster = server = None
                if away := self._away(left, spread):
                    ledger = self._ledger(traders, progress, stop)
                    cluster = await stack.enter_async_context(dask_cluster(away, ledger))
                if any(job.on_server for job in left):
                    opened = open_server(spread.server, spread.transport, self.room)
                    server = await stack.enter_async_context(opened)
                await stack.enter_async_context(shown(progress, self.room.console))
                most = self.study.plan.rules.stop_after_failed
                lanes = Lanes(stop, progress, lambda event: self._listen(event, stop), most, cluster, server)
                await lanes.play_all(left, spread.jobs, traders)
        return self._told(progress)

    def _away(self, left: Sequence[CellJob], spread: Spread) -> Away | None:
        """Return what is to be played on a cluster; None where nothing is."""
        catalogue = self.study.catalogue
        elsewhere = served_here(self.study.traders, catalogue, self.room.environment)
        jobs = tuple(job for job in left if goes_away(job, elsewhere))
        return Away(spread.dask, self.folder, jobs, catalogue, elsewhere) if spread.dask and jobs else None

    def _ledger(self, traders: Traders, progress: StudyProgress, stop: asyncio.Event) -> Ledger:
        def over_budget() -> None:
            self.over_budget = True
            stop.set()

        return Ledger(traders.allowances, SystemClock(), stop, progress.spent_on, over_budget)

    def _progress(
        self,
        left: Sequence[CellJob],
        clock: Clock,
        stop: asyncio.Event,
        spent: Spent | None,
        used: Mapping[str, Spent],
    ) -> StudyProgress:
        plan, missing = self.study.plan, {job.cell.key for job in left}
        return StudyProgress(
            f"Study {plan.name}",
            tallies(
                plan.treatments,
                plan.repetitions,
                (cell.treatment for cell in self.study.cells if cell.key not in missing),
                used,
            ),
            clock,
            stop,
            spent,
            not plan.rules.exclude_undecided,
        )

    def _budget(self, used: Mapping[str, Spent]) -> Budget:
        """Return the study's budget; what earlier calls have used is taken from it already."""
        limits, spent = self.study.plan.limits, Spent()
        for one in used.values():
            spent.add(one)
        return Budget(limits.max_tokens, limits.max_cost_usd, spent)

    def _listen(self, event: Event, stop: asyncio.Event) -> None:
        """Stop the study where the budget leaves no room: a market that goes on without it is no result."""
        if isinstance(event, DecisionNotMade) and event.kind is FailureKind.OVER_BUDGET:
            self.over_budget = True
            stop.set()

    def _told(self, progress: StudyProgress) -> int:
        """Say how far the study is, and what to do next; return the exit code."""
        again = f"bots study run {self.study.words}"
        if self.room.interrupt.happened:
            self.room.say(f"Interrupted. Go on with: {again}")
            return EXIT_INTERRUPTED
        if self.over_budget:
            self.room.say("The study has no room for another request within its [limits].")
            self.room.say(f"Raise them in {self.study.where}, then: {again}")
            return EXIT_NOT_ALL
        if progress.failed:
            self.room.say(f"{progress.failed} markets failed; their run folders tell why.")
            self.room.say(f"Play them anew with: {again}")
            return EXIT_NOT_ALL
        if progress.undecided:
            self.room.say(
                f"{progress.undecided} markets are undecided: every decision of some trader failed, as with "
                "a wrong key. Their run folders tell why; exclude_undecided in [rules] leaves them out."
            )
            self.room.say(f"Mend it, and play them anew with: {again}")
            return EXIT_UNDECIDED
        return _all_done(self.study, self.room)


def _all_done(study: Study, room: Room) -> int:
    room.say(f"All {len(study.cells)} markets are done. Compare them with: bots study report {study.words}")
    return 0


def _facts(study: Study, folder: Path) -> StudyFacts:
    about = {
        "command": tuple(sys.argv),
        "packages": package_versions(),
        "git": git_state(),
        "machine": machine(),
        "prices": price_table_version(),
        "prompts": texts_hash(),
    }
    return StudyFacts(folder, study.plan.name, study.hash, study.plan.timeout_minutes, about)
