"""The orchestration of one run: seats → agents in parallel → finished, failed, timed out or interrupted.

A seat that fails is recorded and does not disturb its siblings, who may be trading against people.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bots.domain.errors import RecordLost, SeatError, TimeIsOver
from bots.domain.ports import Clock, RunStore
from bots.domain.records import (
    RunEnded,
    RunManifest,
    RunOutcome,
    RunStarted,
    SeatEnded,
    SeatOutcome,
    SeatRecord,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seat:
    """One participant link and who sits there.

    Attributes:
        number: 1 for the first link of the run's bots.
        participant: oTree's participant code.
        link: the participant's start link.
        trader: name of the model or strategy.
        seed: of this trader's own random draws.
    """

    number: int
    participant: str
    link: str
    trader: str
    seed: int


@dataclass(frozen=True, slots=True)
class SeatEnd:
    """How a seat ended, and why where it did not finish."""

    outcome: SeatOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How and when (UTC) a run ended; one entry a seat, by seat number."""

    outcome: RunOutcome
    seats: Mapping[int, SeatEnd]
    at: datetime
    reason: str = ""


Play = Callable[[Seat], Awaitable[None]]


async def run_experiment(
    seats: Sequence[Seat], play: Play, *, store: RunStore, clock: Clock, until: float, stop: asyncio.Event
) -> RunEnd:
    """Play all seats at once and say how each ended.

    Args:
        seats: who plays; at least one.
        play: plays one seat to its end; raises SeatError where the seat cannot go on. Cancelled where the run
            is cut short, it may say in its CancelledError what the seat was waiting for.
        until: deadline of the run, monotonic seconds.
        stop: set from outside to interrupt the run.

    Returns:
        The end of the run, already in the store.

    Raises:
        RecordLost: the store cannot keep an event. All seats are left; the store has no end of the run.
    """
    ends: dict[int, SeatEnd] = {}
    waiting: dict[int, str] = {}

    def ended(seat: Seat, end: SeatEnd) -> None:
        ends[seat.number] = end
        store.append(SeatEnded(at=clock.now(), seat=seat.number, outcome=end.outcome, reason=end.reason))

    async def sit(seat: Seat) -> None:
        try:
            end = await _play_to_end(play, seat)
        except asyncio.CancelledError as cut_short:
            waiting[seat.number] = str(cut_short)
            raise
        ended(seat, end)

    store.append(RunStarted(at=clock.now(), seats=len(seats)))
    tasks = [asyncio.create_task(sit(seat), name=f"seat {seat.number}") for seat in seats]
    try:
        cut = await _first_of(tasks, stop, seconds=until - clock.monotonic())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (lost := task.exception()):
            raise lost
    for seat in seats:
        if seat.number not in ends:
            ended(seat, SeatEnd(cut or SeatOutcome.INTERRUPTED, waiting.get(seat.number, "")))
    end = _run_end(ends, clock.now())
    store.append(RunEnded(at=end.at, outcome=end.outcome, reason=end.reason))
    return end


async def _play_to_end(play: Play, seat: Seat) -> SeatEnd:
    try:
        await play(seat)
    except RecordLost:
        raise
    except TimeIsOver as over:
        return SeatEnd(SeatOutcome.TIMED_OUT, str(over))
    except SeatError as error:
        return SeatEnd(SeatOutcome.FAILED, f"{type(error).__name__}: {error}")
    except MemoryError:
        return SeatEnd(SeatOutcome.FAILED, "the machine had no memory left for this seat")
    except Exception as error:  # noqa: BLE001 - a bug is told in full and ends this seat alone
        _log.exception("seat %s (%s) ended on a bug", seat.number, seat.trader)
        return SeatEnd(SeatOutcome.FAILED, f"bug: {type(error).__name__}: {error}")
    return SeatEnd(SeatOutcome.FINISHED)


async def _first_of(
    tasks: Sequence[asyncio.Task[None]], stop: asyncio.Event, *, seconds: float
) -> SeatOutcome | None:
    """Wait for all tasks, the stop or the deadline; return how what is unfinished was cut short, or None.

    A task that raises ends the wait at once: only a store that can keep nothing does that.
    """
    everyone = asyncio.create_task(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
    stopped = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait(
            {everyone, stopped}, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        everyone.cancel()
        stopped.cancel()
    if everyone in done:
        return None
    return SeatOutcome.INTERRUPTED if stopped in done else SeatOutcome.TIMED_OUT


_WORST_FIRST = (
    (SeatOutcome.INTERRUPTED, RunOutcome.INTERRUPTED),
    (SeatOutcome.TIMED_OUT, RunOutcome.TIMED_OUT),
    (SeatOutcome.FAILED, RunOutcome.SEATS_FAILED),
)


def _run_end(ends: Mapping[int, SeatEnd], at: datetime) -> RunEnd:
    outcomes = [end.outcome for end in ends.values()]
    for seat_outcome, run_outcome in _WORST_FIRST:
        if seat_outcome in outcomes:
            count = outcomes.count(seat_outcome)
            return RunEnd(run_outcome, ends, at, f"{count} of {len(outcomes)} seats {seat_outcome.value}")
    return RunEnd(RunOutcome.FINISHED, ends, at)


def manifest_at_end(manifest: RunManifest, end: RunEnd) -> RunManifest:
    """Return a run's manifest once it has ended; seats that ended in an earlier part stay as they were."""
    unplayed = SeatOutcome.INTERRUPTED if end.outcome is RunOutcome.INTERRUPTED else SeatOutcome.FAILED

    def ended(seat: SeatRecord) -> SeatRecord:
        if seat.outcome is not SeatOutcome.RUNNING:
            return seat
        how = end.seats.get(seat.seat, SeatEnd(unplayed, end.reason))
        return seat.model_copy(update={"outcome": how.outcome, "reason": how.reason})

    return manifest.model_copy(
        update={
            "ended": end.at,
            "outcome": end.outcome,
            "reason": end.reason,
            "seats": tuple(map(ended, manifest.seats)),
        }
    )
