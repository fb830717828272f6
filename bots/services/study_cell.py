"""One cell of a study: a market in this process or on a server, played by the same agents."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bots.adapters.clock import SystemClock
from bots.adapters.links import write_links_file
from bots.adapters.run_folder import (
    FanOut,
    JournalWriter,
    append_metadata,
    create_run_folder,
    write_manifest,
    written_in,
)
from bots.agents.past import Past
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Table, TradingAgent
from bots.analysis.collector import keep_to_the_end
from bots.analysis.model_use import ModelMeter
from bots.domain.errors import SessionLost
from bots.domain.experiment import RunEnd, Seat, manifest_at_end, run_experiment
from bots.domain.ports import Clock, DecisionMaker
from bots.domain.records import Event, RunDescribed, RunManifest, RunOutcome, SeatRecord
from bots.domain.study import Cell
from bots.services.study_folder import CellRun, cut_short, runs_by_cell
from bots.services.study_resume import Build, Earlier, earlier_parts, goes_on_in
from bots.services.study_venue import InProcess, Venue
from bots.services.trader_specs import TraderSpec
from bots.services.traders import make_fallback

Listen = Callable[[Event], None]
_LOOK_AFTER = 200_000  # values more than there were; a market of 24 traders and 33 rounds holds 65,000


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What every run of a study records beside its cell.

    Attributes:
        runs: the study's folder, in which run folders are made.
        about: packages, git, machine and command, as fields of a manifest.
    """

    runs: Path
    name: str
    hash: str
    timeout_minutes: float
    about: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CellJob:
    """All that playing one cell needs; can be sent to another process."""

    cell: Cell
    specs: tuple[TraderSpec, ...]  # by seat
    study: StudyFacts
    before: tuple[CellRun, ...] = ()  # runs of it that were cut short

    def again(self) -> CellJob:
        """Return the same market, which was begun in the meantime."""
        return replace(self, before=cut_short(runs_by_cell(self.study.runs).get(self.cell.key, ())))

    @property
    def asks_models(self) -> bool:
        """Whether a model trades in it."""
        return any(spec.model is not None for spec in self.specs)

    @property
    def on_server(self) -> bool:
        """Whether it takes place on an oTree server."""
        return self.cell.settings.place == "server"

    @property
    def with_people(self) -> bool:
        """Whether people trade in it."""
        return any(spec.is_person for spec in self.specs)

    @property
    def computes(self) -> bool:
        """Whether it takes nothing but processor time, so that any process can play it."""
        return not self.asks_models and not self.on_server


@dataclass(frozen=True, slots=True)
class CellDone:
    """Where a cell is kept, and how it ended."""

    treatment: str
    repetition: int
    run: Path
    outcome: RunOutcome
    reason: str
    undecided: bool = False  # every decision of some trader failed


@cache
def spare_libraries() -> None:
    """Let the garbage collector pass over all that is loaded by now, which is there to stay, and look seldom.

    A market makes so many values that it would look through the libraries again and again; its values are
    frozen, hold no cycles and go without it.
    """
    keep_to_the_end()
    gc.set_threshold(_LOOK_AFTER)


def play_strategies(job: CellJob) -> CellDone:
    """Play a cell in which only strategies trade, to its end; for processes of their own."""
    spare_libraries()

    async def play() -> CellDone:
        return await play_cell(job, build_strategy, stop=asyncio.Event())

    return asyncio.run(play())


def build_strategy(spec: TraderSpec, seed: int) -> DecisionMaker:
    """Return the strategy of one seat."""
    return STRATEGIES[spec.name].make(seed)


async def play_cell(
    job: CellJob,
    build: Build,
    *,
    stop: asyncio.Event,
    listen: Listen | None = None,
    venue: Venue | None = None,
) -> CellDone:
    """Play one cell and keep it as `run-N` in the study's folder.

    Args:
        build: makes the decision maker of a seat.
        stop: set from outside to interrupt the cell; it then goes on another time.
        listen: is told every event.
        venue: where; None is in this process.

    Raises:
        UserMustMend: the study's folder cannot be written.
    """
    clock = SystemClock()
    place = venue or InProcess(job.cell, job.specs)
    if place.goes_on is not None:
        folder, manifest, events = goes_on_in(place.goes_on, place.seats, clock)
    else:
        earlier = Earlier((), {})
        if job.before and job.asks_models:
            earlier = earlier_parts(job.before)
            build = earlier.given_again(build, place.seats)
        folder, manifest = _begin(job, clock, place, earlier.runs)
        events = ()
    end: RunEnd | None = None
    meter = ModelMeter(events)
    try:
        with JournalWriter(folder / "journal.jsonl", durable=job.with_people) as journal:
            listeners = (meter.listen, listen) if listen else (meter.listen,)
            table = _table(FanOut(journal, *listeners), clock, manifest)
            end = await play_in(place, job.cell, build, table, stop, events)
    except Exception as error:
        end = RunEnd(RunOutcome.FAILED, {}, clock.now(), f"{type(error).__name__}: {error}")
        raise
    finally:
        cut = RunEnd(RunOutcome.INTERRUPTED, {}, clock.now(), "ended before the traders had played")
        with written_in(folder):
            used = {
                "models": meter.uses,
                "over_budget": meter.over_budget,
                "undecided": meter.undecided,
            }
            write_manifest(folder, manifest_at_end(manifest.model_copy(update=used), end or cut))
    return CellDone(*job.cell.key, folder, end.outcome, end.reason, bool(meter.undecided))


def _begin(job: CellJob, clock: Clock, place: Venue, goes_on: Sequence[str]) -> tuple[Path, RunManifest]:
    """Make and describe the run folder of a cell."""
    number, folder = create_run_folder(job.study.runs)
    manifest = _manifest(job, number, clock, place, goes_on)
    links = {} if place.links is None else {link.number: link.url for link in place.links.links}
    with written_in(folder):
        if place.links is not None:
            write_links_file(folder / "bot-links.cfg", place.links)
        with JournalWriter(folder / "journal.jsonl", durable=False) as journal:
            journal.append(RunDescribed(at=clock.now(), manifest=manifest, links=links))
        write_manifest(folder, manifest)
        append_metadata(job.study.runs, manifest)
    return folder, manifest


def _table(store: FanOut, clock: Clock, manifest: RunManifest) -> Table:
    until = clock.monotonic() + 60 * manifest.timeout_minutes
    return Table(store, clock, until, manifest.run_id, with_people=manifest.subjects > manifest.bots)


async def play_market(
    cell: Cell, specs: Sequence[TraderSpec], build: Build, table: Table, stop: asyncio.Event
) -> RunEnd:
    """Play a cell's market in this process and return how it ended."""
    return await play_in(InProcess(cell, specs), cell, build, table, stop)


async def play_in(
    venue: Venue,
    cell: Cell,
    build: Build,
    table: Table,
    stop: asyncio.Event,
    earlier: Sequence[Event] = (),
) -> RunEnd:
    """Play a cell's market where it takes place and return how it ended.

    A market without timers waits for everybody, so where one trader cannot go on nobody can.
    Seats whose traders were through in the `earlier` part of the run are not played again.
    """
    settings = cell.settings
    window = None if settings.memory_window == "all" else settings.memory_window
    pasts = {seat.number: Past.of_seat(earlier, seat.number, window=window) for seat in venue.seats}
    by_seat = dict(zip(venue.seats, venue.specs, strict=True))
    stuck = asyncio.Event()

    async def play(seat: Seat) -> None:
        session = await venue.open(seat, table.store, table.clock)
        agent = TradingAgent(
            seat,
            session,
            maker=build(by_seat[seat], seat.seed),
            fallback=make_fallback(settings.fallback, seat.seed),
            table=table,
            past=pasts[seat.number],
        )
        try:
            await (agent.play() if settings.timed else _unless_stuck(agent.play(), stuck))
        finally:
            await session.close()

    left = tuple(seat for seat in by_seat if not pasts[seat.number].finished)
    if not left:  # killed between the end of its last seat and its own
        return RunEnd(RunOutcome.FINISHED, {}, table.clock.now())
    return await run_experiment(
        left, play, store=table.store, clock=table.clock, until=table.until, stop=stop
    )


async def _unless_stuck(playing: Coroutine[Any, Any, None], stuck: asyncio.Event) -> None:
    """Play on until another trader of the market cannot; tell the others where this one cannot.

    Raises:
        SessionLost: another trader could not go on.
    """
    play, lost = asyncio.create_task(playing), asyncio.create_task(stuck.wait())
    try:
        await asyncio.wait({play, lost}, return_when=asyncio.FIRST_COMPLETED)
        if not play.done():
            raise SessionLost("another trader could not go on, and a market without timers waits for all")
        if play.exception() is not None:
            stuck.set()
        play.result()
    finally:
        play.cancel()
        lost.cancel()
        await asyncio.wait({play, lost})


def _manifest(job: CellJob, number: int, clock: Clock, venue: Venue, goes_on: Sequence[str]) -> RunManifest:
    cell, settings, study = job.cell, job.cell.settings, job.study
    return RunManifest(
        run=number,
        run_id=uuid.uuid4().hex[:12],
        production=False,
        notes=f"study {study.name}, {cell.treatment}, repetition {cell.repetition}",
        url=venue.url,
        model=settings.seats,
        started=clock.now(),
        subjects=settings.traders,
        bots=len(venue.seats),
        timeout_minutes=study.timeout_minutes,
        fallback=settings.fallback,
        seed=cell.sampling_seed,
        seats=tuple(
            SeatRecord(
                seat=seat.number,
                participant=seat.participant,
                trader=seat.trader,
                asked=spec.asked,
                persona=spec.persona_name,
                parameters=dict(spec.parameters_at(seat.seed)),
                seed=seat.seed,
            )
            for seat, spec in zip(venue.seats, venue.specs, strict=True)
        ),
        configuration=_configuration(job, goes_on),
        **study.about,
    )


def _configuration(job: CellJob, goes_on: Sequence[str]) -> dict[str, Any]:
    cell, settings = job.cell, job.cell.settings
    return {
        "study": {
            "name": job.study.name,
            "hash": job.study.hash,
            "treatment": cell.treatment,
            "repetition": cell.repetition,
            **({"goes_on": list(goes_on)} if goes_on else {}),
        },
        "market": dict(settings.config),
        "dividend_seed": settings.own_seed or cell.dividend_seed,
        "seating_seed": cell.seating_seed,
        "shuffle": settings.shuffle,
        "memory_window": settings.memory_window,
        "timed": settings.timed,
    }
