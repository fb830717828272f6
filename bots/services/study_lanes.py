"""Plays a study's markets side by side: computed in processes or on a cluster, or waiting for others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bots.domain.errors import BotsError
from bots.domain.records import Event, RunOutcome
from bots.services.people import keep_people
from bots.services.room import Room
from bots.services.study_cell import CellDone, CellJob, Listen, build_strategy, play_cell, play_strategies
from bots.services.study_cluster import Cluster
from bots.services.study_pool import processes, processors
from bots.services.study_progress import StudyProgress
from bots.services.study_venue import Server
from bots.services.traders import Traders

MODEL_CELLS: Final = 8
"""Markets with models at a time, where --jobs does not say."""

SERVER_CELLS: Final = 2
"""Markets on an oTree server at a time, where --jobs does not say; oTree works one request at a time."""

Play = Callable[[CellJob, Listen], Awaitable[CellDone]]
"""Plays a market; what shares this process tells its events as they come."""


_Lane = tuple[Sequence[CellJob], Play, int]  # markets, how they are played, and how many at a time


@dataclass(frozen=True, slots=True)
class Lanes:
    """Plays markets; each lane takes the next one when it is through with its last.

    Args:
        stop: set where no further market is begun.
        listen: is told every event of markets that share this process.
        most_failed: failed and undecided markets after which no further one is begun; None for no such rule.
        cluster: plays what it can; None plays it on this machine.
        server: where markets on a server take place; needed where there are such.
    """

    stop: asyncio.Event
    progress: StudyProgress
    listen: Callable[[Event], None]
    most_failed: int | None = None
    cluster: Cluster | None = None
    server: Server | None = None

    async def play_all(self, left: Sequence[CellJob], jobs: int | None, traders: Traders) -> None:
        """Play what is left, until all is played or `stop` is set."""
        cluster = self.cluster
        away = [job for job in left if cluster is not None and cluster.takes(job)]
        here = [job for job in left if cluster is None or not cluster.takes(job)]
        computed = [job for job in here if job.computes]
        served = [job for job in here if job.on_server]
        waiting = [job for job in here if job.asks_models and not job.on_server]
        with ExitStack() as stack:
            compute, places = self._computing(stack, len(computed), jobs)
            try:
                async with asyncio.TaskGroup() as lanes:
                    for queue, play, width in (
                        *self._away(away, jobs),
                        (computed, compute, places),
                        (waiting, self._with(traders), jobs or MODEL_CELLS),
                        (served, self._with(traders), jobs or SERVER_CELLS),
                    ):
                        jobs_left = iter(queue)
                        for _ in range(min(width, len(queue))):
                            lanes.create_task(self._lane(jobs_left, play))
            except ExceptionGroup as group:
                raise group.exceptions[0] from group

    def _away(self, jobs_away: Sequence[CellJob], jobs: int | None) -> Iterator[_Lane]:
        if self.cluster is not None:
            yield jobs_away, self.cluster.play, jobs or self.cluster.places

    def _computing(self, stack: ExitStack, count: int, jobs: int | None) -> tuple[Play, int]:
        """Return how markets that only compute are played, and how many at a time."""
        places = min(jobs or processors(), count)
        if places <= 1:
            return self._here, places
        return self._in(stack.enter_context(processes(places))), places

    async def _lane(self, jobs: Iterator[CellJob], play: Play) -> None:
        while not self.stop.is_set() and (job := next(jobs, None)) is not None:
            with self.progress.running(job.cell.treatment) as meter:
                self.progress.ended(await play(job, meter.listen))
            failed = self.progress.failed + self.progress.undecided
            if self.most_failed is not None and failed >= self.most_failed:
                self.stop.set()

    async def _here(self, job: CellJob, _: Listen) -> CellDone:
        return await play_cell(job, build_strategy, stop=self.stop)

    def _with(self, traders: Traders) -> Play:
        async def play(job: CellJob, tell: Listen) -> CellDone:
            def listen(event: Event) -> None:
                tell(event)
                self.listen(event)

            if self.server is None or not job.on_server:
                return await play_cell(job, traders.build, stop=self.stop, listen=listen)
            before = job.before if job.with_people else ()
            venue = await self.server.venue(job.cell, job.specs, before)
            with self.progress.awaiting(job.cell, venue.people):
                self._tell_people(job, venue.people, self.server.room)
                done = await play_cell(job, traders.build, stop=self.stop, listen=listen, venue=venue)
            if venue.people:
                await keep_people(done.run, self.server.room)
            return done

        return play

    def _tell_people(self, job: CellJob, people: Mapping[int, str], room: Room) -> None:
        """Print the links of a market's people where no live table shows them."""
        for number, link in people.items():
            if not room.console.is_terminal:
                room.say(f"{job.cell.treatment}, repetition {job.cell.repetition}, person {number}: {link}")

    def _in(self, pool: Executor) -> Play:
        async def play(job: CellJob, _: Listen) -> CellDone:
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
