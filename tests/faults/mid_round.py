"""A run that loses a part in the middle of a round, and what its journal tells of decisions and pages."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActSent, ActUnanswered, DecisionMade, Event, PageMissed, PageSeen, RunOutcome
from tests.end_to_end.command import Ended, end, start
from tests.faults.invariants import check, on_server
from tests.standins.model_server import ModelServer

TRADERS, ROUNDS, KILLED_IN = 6, 3, 2
_THINKS = (0.3, 2.5)  # seconds
_JOURNALS = "bot-data/*-runs/run-*/journal.jsonl"


class ThinkingModel(ModelServer):
    """Takes its time, with each request another, so that a round has a middle."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(random.Random(len(self.asked)).uniform(*_THINKS))
        return await super()._handle(request)


@dataclass(frozen=True, slots=True)
class Lost:
    """A run that has finished, and what its journal tells of the part it lost."""

    part: str
    at: datetime
    ended: Ended

    @property
    def events(self) -> tuple[Event, ...]:
        return self.ended.events

    def decisions(self, seat: int) -> list[DecisionMade]:
        """Return a seat's own decisions on trade pages, in order."""
        return [
            event
            for event in self.events
            if isinstance(event, DecisionMade) and (event.seat, event.page) == (seat, "trade")
        ]

    def reloaded(self) -> dict[int, float]:
        """Return, by seat, the seconds until it saw once more a page that it had been on."""
        found: dict[int, float] = {}
        places: set[tuple[int, str]] = set()
        for event in self.events:
            if isinstance(event, PageSeen) and event.kind != "wait" and not event.again:
                if (event.seat, event.location) in places:
                    found.setdefault(event.seat, (event.at - self.at).total_seconds())
                places.add((event.seat, event.location))
        return found

    def missed(self) -> Counter[int]:
        """Return how many pages each seat missed."""
        return Counter(event.seat for event in self.events if isinstance(event, PageMissed))

    def check(self, *, disturbed: Callable[[int], bool]) -> None:
        """Check that no decision is lost and that only the page in flight is missed, and that by whom it may.

        Args:
            disturbed: whether so many seats may have had to load their page again.
        """
        for seat in range(1, TRADERS + 1):
            decided = self.decisions(seat)
            assert sorted(one.round or 0 for one in decided) == list(range(1, ROUNDS + 1)), seat
            for one in decided:
                self._check_acted(one)
        missed = [event for event in self.events if isinstance(event, PageMissed)]
        assert max(self.missed().values(), default=0) <= 1
        assert {event.round for event in missed} <= {KILLED_IN}
        again = self.reloaded()
        assert disturbed(len(again)), again
        unanswered = {event.seat for event in self.events if isinstance(event, ActUnanswered)}
        assert (unanswered | set(self.missed())) <= set(again), "the others were not disturbed"

    def _check_acted(self, decision: DecisionMade) -> None:
        """Check that a decision's orders were sent, each once, or that its page was the one missed."""
        sent = [
            event
            for event in self.events
            if isinstance(event, ActSent)
            and (event.seat, event.page, event.round) == (decision.seat, "trade", decision.round)
        ]
        placed = sum(event.content.get("type") == "place" for event in sent)
        assert placed == len(decision.content.orders) or self.missed()[decision.seat], decision

    def row(self) -> str:
        """Return what was seen as a line of the table."""
        again = self.reloaded()
        decisions = sum(len(self.decisions(seat)) for seat in range(1, TRADERS + 1))
        seconds = f"{max(again.values()):.1f} s" if again else "–"
        return (
            f"{self.part:<22}{decisions:>3} of {TRADERS * ROUNDS:<6}{self.missed().total():>6}"
            f"{len(again):>9} of {TRADERS}{seconds:>14}"
        )


HEAD = f"{'killed in mid-round':<22}{'decisions':<12}{'missed':>6}{'loaded again':>14}{'on after':>12}"


@pytest.fixture(scope="session")
def told(request: pytest.FixtureRequest) -> Iterator[Callable[[Lost], None]]:
    """Keeps what was seen of lost parts, and prints it as a table at the end."""
    seen: list[Lost] = []
    yield seen.append
    capture = request.config.pluginmanager.getplugin("capturemanager")
    if seen and capture is not None:
        with capture.global_and_fixture_disabled():
            print("", HEAD, *(lost.row() for lost in seen), sep="\n")


async def lose(
    server: OTreeServer, folder: Path, part: str, kill: Callable[[int], Awaitable[None]], *options: str
) -> Lost:
    """Play a session in browsers, and kill a part of it once some have decided in a round and others think.

    Args:
        kill: kills the part; is given the pid of the command.
    """
    config = {"practice_rounds": 0, "paid_rounds": ROUNDS}
    session = await server.rest.create_session("demo", TRADERS, modified=config)
    url = f"{server.url}/SessionStartLinks/{session['code']}"
    async with ThinkingModel() as model:
        command = (url, "gpt-4o", "--transport", "browser", *options)
        process = await start(folder, *command, environment=model.environment())
        try:
            await _decided(folder, random.Random(part).randint(1, TRADERS - 1))
            at = datetime.now(UTC)
            await kill(process.pid)
        except BaseException:
            process.kill()
            raise
        ended = await end(process, folder)
    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    check(ended.events, await on_server(server, session["code"]), rounds=ROUNDS)
    return Lost(part, at, ended)


async def _decided(folder: Path, count: int, seconds: float = 90) -> None:
    """Wait until so many have decided in the round in which the part is killed."""
    async with asyncio.timeout(seconds):
        while sum(map(_decisions_in, folder.glob(_JOURNALS))) < count:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


def _decisions_in(journal: Path) -> int:
    lines: Sequence[bytes] = journal.read_bytes().splitlines()
    made = (line for line in lines if b'"event":"decision_made"' in line and b'"page":"trade"' in line)
    return sum(f'"round":{KILLED_IN},'.encode() in line for line in made)
