from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bots.adapters.in_memory import MemoryStore
from bots.domain.errors import SeatError
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.records import RunEnded, RunOutcome, SeatEnded, SeatOutcome
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
