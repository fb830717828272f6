"""Runs a study: every market that is not finished yet, and none that is.

Markets of strategies are computed in processes of their own, as many as the machine has processors; markets
in which models trade wait for providers, and share one process, its clients, rate limits and budget.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.models.limits import Budget, Spent
from bots.adapters.run_folder import run_locked
from bots.domain.errors import BotsError, FailureKind
from bots.domain.records import DecisionNotMade, Event, RunOutcome
from bots.services.configuration import models_file
from bots.services.live_view import shown
from bots.services.room import Room
from bots.services.study_cell import (
    CellDone,
    CellJob,
    StudyFacts,
    build_strategy,
    play_cell,
    play_strategies,
)
from bots.services.study_folder import cell_runs, open_study_folder, spent_so_far
from bots.services.study_plan import Study, read_plan, resolve_study
from bots.services.study_pool import processes, processors
from bots.services.study_progress import StudyProgress, tallies
from bots.services.surroundings import git_state, machine, package_versions
from bots.services.traders import Traders, check_ready

MODEL_CELLS = 8
"""Markets with models at a time, where --jobs does not say."""

EXIT_INTERRUPTED = 130
EXIT_NOT_ALL = 3

Play = Callable[[CellJob], Awaitable[CellDone]]


def load_study(path: Path) -> Study:
    """Return the study of a plan's file, checked.

    Raises:
        UserMustMend: names file, table and key.
    """
    return resolve_study(read_plan(path), path, load_catalogue(models_file()))


async def run_study(path: Path, data: Path, jobs: int | None, room: Room) -> int:
    """Do what `bots study run` does; return the exit code.

    Raises:
        UserMustMend: the plan cannot be used, a key is missing, or another process runs the study.
        BotsError: a process in which markets are played was killed.
    """
    study = load_study(path)
    check_ready(study.traders, study.catalogue, room.environment)
    folder = open_study_folder(data, study)
    with run_locked(folder):
        done = {key for key, run in cell_runs(folder).items() if run.finished}
        facts = _facts(study, folder)
        left = [CellJob(cell, study.seated(cell), facts) for cell in study.cells if cell.key not in done]
        _say(room, f"Study {study.plan.name} is kept in {folder}")
        return await _Session(study, folder, room).play(left, jobs) if left else _all_done(study, room)


@dataclass(slots=True)
class _Session:
    """One call of `bots study run`: what its markets share."""

    study: Study
    folder: Path
    room: Room
    over_budget: bool = False

    async def play(self, left: Sequence[CellJob], jobs: int | None) -> int:
        """Play the markets that are left and return the exit code."""
        clock = SystemClock()
        with_models = any(map(asks_models, left))
        budget = self._budget() if with_models else Budget()
        with self.room.interrupt.gently() as stop:
            spent = budget.spent if with_models else None
            progress = self._progress(left, clock, stop, spent)
            async with (
                shown(progress, self.room.console),
                Traders(self.study.catalogue, self.room.environment, clock, budget) as traders,
            ):
                most = self.study.plan.rules.stop_after_failed
                lanes = _Lanes(stop, progress, lambda event: self._listen(event, stop), most)
                await lanes.play_all(left, jobs, traders)
        return self._told(progress)

    def _progress(
        self, left: Sequence[CellJob], clock: SystemClock, stop: asyncio.Event, spent: Spent | None
    ) -> StudyProgress:
        plan, missing = self.study.plan, {job.cell.key for job in left}
        return StudyProgress(
            f"Study {plan.name}",
            tallies(
                plan.treatments,
                plan.repetitions,
                (cell.treatment for cell in self.study.cells if cell.key not in missing),
            ),
            clock,
            stop,
            spent,
        )

    def _budget(self) -> Budget:
        """Return the study's budget; what earlier calls have spent is taken from it already."""
        limits = self.study.plan.limits
        return Budget(limits.max_tokens, limits.max_cost_usd, spent_so_far(self.folder))

    def _listen(self, event: Event, stop: asyncio.Event) -> None:
        """Stop the study where the budget leaves no room: a market that goes on without it is no result."""
        if isinstance(event, DecisionNotMade) and event.kind is FailureKind.OVER_BUDGET:
            self.over_budget = True
            stop.set()

    def _told(self, progress: StudyProgress) -> int:
        """Say how far the study is, and what to do next; return the exit code."""
        again = f"bots study run {self.study.where}"
        if self.room.interrupt.happened:
            _say(self.room, f"Interrupted. Go on with: {again}")
            return EXIT_INTERRUPTED
        if self.over_budget:
            _say(self.room, "The study has no room for another request within its [limits].")
            _say(self.room, f"Raise them in {self.study.where}, then: {again}")
            return EXIT_NOT_ALL
        if progress.failed:
            _say(self.room, f"{progress.failed} markets failed; their run folders tell why.")
            _say(self.room, f"Play them anew with: {again}")
            return EXIT_NOT_ALL
        return _all_done(self.study, self.room)


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Plays markets side by side; each lane takes the next one when it is through with its last."""

    stop: asyncio.Event
    progress: StudyProgress
    listen: Callable[[Event], None]
    most_failed: int | None = None

    async def play_all(self, left: Sequence[CellJob], jobs: int | None, traders: Traders) -> None:
        models = [job for job in left if asks_models(job)]
        strategies = [job for job in left if not asks_models(job)]
        with ExitStack() as stack:
            computing = min(jobs or processors(), len(strategies))
            compute: Play = self._here
            if computing > 1:
                compute = self._in(stack.enter_context(processes(computing)))
            try:
                async with asyncio.TaskGroup() as lanes:
                    queue = iter(strategies)
                    for _ in range(computing):
                        lanes.create_task(self._lane(queue, compute))
                    waiting = iter(models)
                    for _ in range(min(jobs or MODEL_CELLS, len(models))):
                        lanes.create_task(self._lane(waiting, self._with(traders)))
            except ExceptionGroup as group:
                raise group.exceptions[0] from group

    async def _lane(self, jobs: Iterator[CellJob], play: Play) -> None:
        while not self.stop.is_set() and (job := next(jobs, None)) is not None:
            with self.progress.running(job.cell.treatment):
                self.progress.ended(await play(job))
            if self.most_failed is not None and self.progress.failed >= self.most_failed:
                self.stop.set()

    async def _here(self, job: CellJob) -> CellDone:
        return await play_cell(job, build_strategy, stop=self.stop)

    def _with(self, traders: Traders) -> Play:
        async def play(job: CellJob) -> CellDone:
            return await play_cell(job, traders.build, stop=self.stop, listen=self.listen)

        return play

    def _in(self, pool: Executor) -> Play:
        async def play(job: CellJob) -> CellDone:
            try:
                return await asyncio.get_running_loop().run_in_executor(pool, play_strategies, job)
            except BrokenProcessPool as error:
                if self.stop.is_set():
                    return CellDone(*job.cell.key, job.study.runs, RunOutcome.INTERRUPTED, "ended")
                raise BotsError(
                    "a process in which markets are played was killed, maybe for want of memory. "
                    "What is finished is kept; run the study again, with fewer --jobs."
                ) from error

        return play


def asks_models(job: CellJob) -> bool:
    """Tell whether a model trades in a market."""
    return any(spec.model is not None for spec in job.specs)


def _all_done(study: Study, room: Room) -> int:
    _say(room, f"All {len(study.cells)} markets are done. Compare them with: bots study report {study.where}")
    return 0


def _say(room: Room, text: str) -> None:
    room.console.print(text, highlight=False, markup=False, soft_wrap=True)


def _facts(study: Study, folder: Path) -> StudyFacts:
    about = {
        "command": tuple(sys.argv),
        "packages": package_versions(),
        "git": git_state(),
        "machine": machine(),
    }
    return StudyFacts(folder, study.plan.name, study.hash, study.plan.timeout_minutes, about)
