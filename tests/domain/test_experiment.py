from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bots.adapters.in_memory import MemoryStore
from bots.domain.errors import RecordLost, SeatError, TimeIsOver
from bots.domain.experiment import RunEnd, Seat, SeatEnd, manifest_at_end, run_experiment
from bots.domain.records import (
    Event,
    RunEnded,
    RunOutcome,
    SeatEnded,
    SeatOutcome,
    SeatRecord,
)
from tests.manifests import NOW, manifest
from tests.virtual_time import clock, in_virtual_time


def seats(count: int) -> list[Seat]:
    return [Seat(n, f"code{n}", f"http://localhost/{n}", "hold", n) for n in range(1, count + 1)]


async def run(
    play: Callable[[Seat], Awaitable[None]],
    *,
    count: int = 3,
    seconds: float = 5,
    stop: asyncio.Event | None = None,
    store: MemoryStore | None = None,
) -> RunEnd:
    return await run_experiment(
        seats(count),
        play,
        store=store or MemoryStore(),
        clock=clock(),
        until=clock().monotonic() + seconds,
        stop=stop or asyncio.Event(),
    )


@in_virtual_time
async def test_all_seats_that_finish_make_a_finished_run() -> None:
    async def play(seat: Seat) -> None:
        await asyncio.sleep(0)

    end = await run(play)

    assert end.outcome is RunOutcome.FINISHED
    assert {one.outcome for one in end.seats.values()} == {SeatOutcome.FINISHED}


@in_virtual_time
async def test_a_seat_that_fails_does_not_stop_its_siblings() -> None:
    finished = []

    async def play(seat: Seat) -> None:
        if seat.number == 2:
            raise SeatError("its browser went away")
        await asyncio.sleep(2)
        finished.append(seat.number)

    end = await run(play)

    assert finished == [1, 3]
    assert end.outcome is RunOutcome.SEATS_FAILED
    assert end.seats[2].reason == "SeatError: its browser went away"


@in_virtual_time
async def test_a_bug_in_one_seat_is_recorded_as_that_seats_failure() -> None:
    async def play(seat: Seat) -> None:
        if seat.number == 1:
            raise ZeroDivisionError("division by zero")

    end = await run(play)

    assert end.seats[1].outcome is SeatOutcome.FAILED
    assert end.seats[1].reason == "bug: ZeroDivisionError: division by zero"
    assert end.seats[3].outcome is SeatOutcome.FINISHED


@in_virtual_time
async def test_the_deadline_ends_the_seats_that_still_play_and_only_those() -> None:
    async def play(seat: Seat) -> None:
        await asyncio.sleep(0 if seat.number == 1 else 60)

    end = await run(play, seconds=5)

    assert end.outcome is RunOutcome.TIMED_OUT
    assert end.seats[1].outcome is SeatOutcome.FINISHED
    assert end.seats[2].outcome is SeatOutcome.TIMED_OUT
    assert end.reason == "2 of 3 seats timed-out"


@in_virtual_time
async def test_an_interrupt_ends_the_run_and_says_so() -> None:
    stop = asyncio.Event()

    async def play(seat: Seat) -> None:
        stop.set()
        await asyncio.sleep(60)

    end = await run(play, stop=stop)

    assert end.outcome is RunOutcome.INTERRUPTED


@in_virtual_time
async def test_a_seat_that_is_cut_short_may_say_what_it_was_waiting_for() -> None:
    async def play(seat: Seat) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as cut_short:
            await asyncio.sleep(1)
            raise asyncio.CancelledError(f"seat {seat.number} waited") from cut_short

    store = MemoryStore()
    end = await run(play, count=2, seconds=5, store=store)

    told = {
        1: SeatEnd(SeatOutcome.TIMED_OUT, "seat 1 waited"),
        2: SeatEnd(SeatOutcome.TIMED_OUT, "seat 2 waited"),
    }
    assert end.seats == told
    assert [event.reason for event in store.events if isinstance(event, SeatEnded)] == [
        one.reason for one in told.values()
    ]


@in_virtual_time
async def test_a_seat_that_waits_to_the_end_of_the_runs_time_has_timed_out_and_not_failed() -> None:
    async def play(seat: Seat) -> None:
        raise TimeIsOver("the others did not come")

    end = await run(play, count=1)

    assert end.outcome is RunOutcome.TIMED_OUT
    assert end.seats == {1: SeatEnd(SeatOutcome.TIMED_OUT, "the others did not come")}


@in_virtual_time
async def test_a_seat_can_clean_up_when_the_run_is_cut_short() -> None:
    cleaned = []

    async def play(seat: Seat) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(seat.number)

    await run(play, seconds=5)

    assert sorted(cleaned) == [1, 2, 3]


@in_virtual_time
async def test_each_seat_and_the_run_are_recorded_as_ended_once() -> None:
    store = MemoryStore()

    async def play(seat: Seat) -> None:
        if seat.number == 1:
            await asyncio.sleep(60)

    await run(play, seconds=5, store=store)

    assert sorted(e.seat for e in store.events if isinstance(e, SeatEnded)) == [1, 2, 3]
    assert [e.outcome for e in store.events if isinstance(e, RunEnded)] == [RunOutcome.TIMED_OUT]
    assert isinstance(store.events[-1], RunEnded)


@in_virtual_time
async def test_a_store_that_keeps_nothing_more_ends_all_seats_and_the_run() -> None:
    left = []

    class FullDisk(MemoryStore):
        def append(self, event: Event) -> None:
            if isinstance(event, SeatEnded):
                raise RecordLost("the disk is full", where="run-1", mend="Make room.")
            super().append(event)

    async def play(seat: Seat) -> None:
        try:
            await asyncio.sleep(seat.number)
        finally:
            left.append(seat.number)

    store = FullDisk()
    with pytest.raises(RecordLost, match="Make room"):
        await run(play, store=store)

    assert sorted(left) == [1, 2, 3]
    assert not [event for event in store.events if isinstance(event, RunEnded)]


@in_virtual_time
async def test_an_act_that_cannot_be_recorded_ends_the_run_and_is_no_failure_of_its_seat() -> None:
    async def play(seat: Seat) -> None:
        if seat.number == 2:
            raise RecordLost("the disk is full", where="run-1", mend="Make room.")
        await asyncio.sleep(60)

    store = MemoryStore()
    with pytest.raises(RecordLost):
        await run(play, store=store)

    assert not [event for event in store.events if isinstance(event, SeatEnded)]


@in_virtual_time
async def test_a_seat_for_which_no_memory_is_left_says_so_and_fails_alone() -> None:
    async def play(seat: Seat) -> None:
        if seat.number == 1:
            raise MemoryError

    end = await run(play, count=2)

    assert end.seats[1].reason == "the machine had no memory left for this seat"
    assert end.seats[2].outcome is SeatOutcome.FINISHED


@pytest.mark.parametrize(
    ("outcome", "unplayed"),
    [(RunOutcome.INTERRUPTED, SeatOutcome.INTERRUPTED), (RunOutcome.TIMED_OUT, SeatOutcome.FAILED)],
)
def test_a_manifest_at_the_end_says_how_each_seat_ended(outcome: RunOutcome, unplayed: SeatOutcome) -> None:
    earlier = SeatRecord(seat=1, participant="a", trader="hold", seed=1, outcome=SeatOutcome.FINISHED)
    open_seats = [SeatRecord(seat=n, participant="b", trader="hold", seed=n) for n in (2, 3)]
    begun = manifest(subjects=3, bots=3, seats=(earlier, *open_seats))

    ended = manifest_at_end(begun, RunEnd(outcome, {2: SeatEnd(SeatOutcome.FAILED, "away")}, NOW, "why"))

    assert (ended.ended, ended.outcome, ended.reason) == (NOW, outcome, "why")
    assert ended.seats[0] == earlier
    assert [(one.outcome, one.reason) for one in ended.seats[1:]] == [
        (SeatOutcome.FAILED, "away"),
        (unplayed, "why"),
    ]
