from __future__ import annotations

import asyncio
import os
import pty
import termios
import time
from collections.abc import Sequence

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process import InProcessMarket
from bots.agents.pauses import Pauses
from bots.agents.strategies import STRATEGIES
from bots.domain.errors import FailureKind
from bots.domain.experiment import Seat
from bots.domain.market import Decision
from bots.domain.ports import DecisionMaker, Record, Situation
from bots.domain.records import (
    DecisionMade,
    DecisionNotMade,
    SeatEnded,
    SeatOutcome,
    SeatPaused,
    SeatUnpaused,
)
from bots.services import keys
from bots.services.keys import keys_in, keys_pressed
from bots.services.progress import Progress
from bots.services.replay import replay
from bots.services.steering import Steering
from tests.market_pages import parameters
from tests.replay.recording import record


class Room:
    """Steering over seats, with what it wrote."""

    def __init__(self, seats: int) -> None:
        sitting = [Seat(n, f"c{n}", "link", "hold", n) for n in range(1, seats + 1)]
        self.progress = Progress(sitting, time.monotonic() + 600, SystemClock(), "Run 1")
        self.pauses, self.store, self.ended = Pauses(), MemoryStore(), 0
        self.steering = Steering(self.progress, self.pauses, self.store, SystemClock(), self._end)
        self.progress.choose(0)

    def _end(self) -> None:
        self.ended += 1

    def press(self, *pressed: str) -> None:
        for key in pressed:
            self.steering.press(key)

    @property
    def said(self) -> Sequence[tuple[str, int]]:
        return [(event.event, getattr(event, "seat", 0)) for event in self.store.events]


def test_space_pauses_and_resumes_the_chosen_trader_alone() -> None:
    room = Room(3)

    room.press("down", " ")
    assert set(room.pauses.seats) == {2}
    room.press(" ", "up", " ")

    assert set(room.pauses.seats) == {1}
    assert room.said == [("seat_paused", 2), ("seat_unpaused", 2), ("seat_paused", 1)]


def test_p_pauses_everybody_who_plays_and_resumes_everybody() -> None:
    room = Room(3)
    room.progress.listen(SeatEnded(at=SystemClock().now(), seat=2, outcome=SeatOutcome.FINISHED))

    room.press(" ", "p")
    assert set(room.pauses.seats) == {1, 3}
    room.press("p")

    assert not room.pauses.seats
    assert room.said[:2] == [("seat_paused", 1), ("seat_paused", 3)]


def test_q_ends_the_run_only_when_pressed_twice_running() -> None:
    room = Room(1)

    room.press("q", "x", "q")
    assert (room.ended, room.progress.hint) == (0, "q again ends the run; any other key does not")
    room.press("q")

    assert room.ended == 1


def test_arrows_are_keys_and_half_an_escape_is_none() -> None:
    assert list(keys_in("\x1b[A \x1bOBq\x1b")) == ["up", " ", "down", "q"]


async def test_keys_come_from_the_terminal_and_it_is_as_before_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setattr(keys, "_own_terminal", lambda: theirs)
    before = termios.tcgetattr(theirs)
    pressed: list[str] = []
    both = asyncio.Event()

    def note(key: str) -> None:
        pressed.append(key)
        if len(pressed) == 2:
            both.set()

    with keys_pressed(note) as there:
        assert there
        os.write(ours, b"p\x1b[B")
        await asyncio.wait_for(both.wait(), 10)

    assert pressed == ["p", "down"]
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def market() -> InProcessMarket:
    return InProcessMarket(parameters(paid_rounds=2), 3, seed="7")


class Thinker:
    """Takes its time; the test pauses its seat meanwhile."""

    name = "thinker"

    def __init__(self) -> None:
        self.asked = 0
        self.thinking = asyncio.Event()

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self.asked += 1
        if self.asked == 1:
            self.thinking.set()
            await asyncio.Event().wait()
        return Decision()


async def test_a_paused_traders_pages_fall_back_and_nobody_waits_for_it() -> None:
    thinker, pauses = Thinker(), Pauses()

    async def watch() -> None:
        await thinker.thinking.wait()
        pauses.pause(1)

    watching = asyncio.create_task(watch())
    makers: list[DecisionMaker] = [thinker, *(STRATEGIES["zero-intelligence"].make(n) for n in (2, 3))]
    played = await record(market(), makers, pauses=pauses)
    await watching

    assert {end.outcome for end in played.end.seats.values()} == {SeatOutcome.FINISHED}
    own = [event for event in played.events if getattr(event, "seat", None) == 1]
    failed = [event for event in own if isinstance(event, DecisionNotMade)]
    made = [event for event in own if isinstance(event, DecisionMade)]
    assert thinker.asked == 1
    assert {event.kind for event in failed} == {FailureKind.PAUSED}
    assert [event.decision for event in failed] == [event.decision for event in made]
    assert all(event.fallback for event in made)


async def test_a_run_with_pauses_replays_as_it_was() -> None:
    pauses = Pauses()
    makers = [PausedFor(STRATEGIES["zero-intelligence"].make(n), n, pauses) for n in (1, 2, 3)]
    played = await record(market(), makers, pauses=pauses)

    assert any(isinstance(event, DecisionNotMade) for event in played.events)
    now = SystemClock().now()
    watched = (SeatPaused(at=now, seat=2), SeatUnpaused(at=now, seat=2))
    again = await replay((*played.events[:-5], *watched, *played.events[-5:]), played.manifest)

    assert [list(one.lines()) for one in again.differences] == []


class PausedFor:
    """A strategy whose seat 2 is paused after its first decision and goes on after its neighbour's third."""

    def __init__(self, maker: DecisionMaker, seat: int, pauses: Pauses) -> None:
        self._maker, self._seat, self._pauses, self._made = maker, seat, pauses, 0

    @property
    def name(self) -> str:
        return self._maker.name

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self._made += 1
        if (self._seat, self._made) == (2, 1):
            self._pauses.pause(2)
            await asyncio.sleep(0)
        if (self._seat, self._made) == (3, 3):
            self._pauses.resume(2)
        return await self._maker.decide(situation, deadline, record)
