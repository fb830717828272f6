"""What the domain needs of the world. A store and a session without any ship in `bots.adapters.in_memory`.

Deadlines are seconds on the clock's monotonic scale, which is that of `time.monotonic` and of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bots.domain.market import Decision, MarketView
from bots.domain.pages import Act, Answer, Page
from bots.domain.records import Event
from markets.values import often_made


class Clock(Protocol):
    """Time of day for records, monotonic time for deadlines."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def monotonic(self) -> float:
        """Return seconds on the scale of every deadline."""


class ParticipantSession(Protocol):
    """Someone sitting at a page: in a browser, in a browserless client, in process, or in a recording."""

    async def look(self) -> Page:
        """Return the present page; the first look opens the participant's link.

        Raises:
            SessionLost: browser, driver or server is gone for good.
        """

    async def act(self, act: Act, until: float) -> Answer:
        """Send what the page accepts and return what the server answered.

        Raises:
            TimeoutError: no answer by `until`; the act may have reached the server.
            SessionLost: as above.
        """

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the present page once its visit or revision differs from `seen`; None at `until`.

        Raises:
            SessionLost: as above.
        """

    async def close(self) -> None:
        """Give the seat up; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a trader carries from an earlier round: its words, what it did, what it was told."""

    phase: str
    round: int  # within the phase
    plan: str | None = None
    insight: str | None = None
    reasoning: str | None = None
    orders: tuple[str, ...] = ()  # one readable line an order, with the server's answer
    forecasts: tuple[str, ...] = ()
    market: int = 1  # of several in a row
    reflection: bool = False  # plan and insight look back on the phase that ended with the round


@often_made(frozen=True, slots=True)
class Situation:
    """What a decision maker is given: the page's view, the trader's memory, and names for the records."""

    seat: int
    decision: str  # unique name of this decision in the run
    view: MarketView
    memory: tuple[Remembered, ...] = ()
    notes_kept: bool = True  # what it notes now is shown to it again in later rounds


Record = Callable[[Event], None]


class DecisionMaker(Protocol):
    """Turns what a trader sees into what it does, before a deadline."""

    @property
    def name(self) -> str:
        """Name for records and tables, e.g. `openai:gpt-4o-2024-08-06` or `fundamentalist`."""

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Decide by `deadline`. Each exchange with a model is recorded as it happens.

        Raises:
            DecisionFailed: no valid decision; the caller's declared fallback acts.
        """


@runtime_checkable
class DecidingAtOnce(Protocol):
    """A decision maker that asks nobody, so that no page can go and no time can pass while it decides."""

    def decision(self, view: MarketView) -> Decision:
        """Return what `decide` returns on this page."""


@runtime_checkable
class Reflecting(Protocol):
    """Looks back in words on the last page of each phase; nothing is sent by it."""

    @property
    def reflects(self) -> bool:
        """Whether it wants to."""

    async def reflect(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Return a decision of `plan` and `insight` alone, by `deadline`; otherwise as `decide`.

        Raises:
            DecisionFailed: nothing usable; nobody reflects in its place.
        """


@dataclass(frozen=True, slots=True)
class PageSituation:
    """What is given for a decision on a page that is no page of a market.

    Attributes:
        decision: unique name of this decision in the run.
        memory: what the participant saw and did before, oldest first, within its limit of size.
        refused: the server's words about what was sent from this page last.
    """

    seat: int
    decision: str
    page: Page
    memory: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


@runtime_checkable
class PageDecider(Protocol):
    """Decides on pages outside markets: any form, any live page."""

    @property
    def name(self) -> str:
        """Name for records and tables."""

    async def answer(self, situation: PageSituation, deadline: float, record: Record) -> Decision:
        """Return a decision with a `move`, by `deadline`; otherwise as `DecisionMaker.decide`.

        Raises:
            DecisionFailed: no valid decision; the declared fallback answers.
        """


class RunStore(Protocol):
    """Keeps what happens, in order, at once."""

    def append(self, event: Event) -> None:
        """Write one event through to the disk before returning."""
