"""What all markets in this process have in common: seats, their pages and timers, a trader's session.

Everything happens on one event loop; a market is not to be shared between loops or threads.
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from bots.adapters.answers import MOVED_ON
from bots.domain.errors import SessionLost
from bots.domain.market import ForecastInput, MarketView
from bots.domain.pages import (
    Act,
    Answer,
    Button,
    Field,
    FieldKind,
    Form,
    Page,
    SendLive,
    SubmitForm,
    UseControl,
)
from markets.forecasts import GivenForecast
from markets.live import Frame
from markets.orders import Order

Step = Literal["phase_start", "opening", "trade", "forecast", "wait", "results", "final", "payment"]

_NEXT: Final = Button("Next")
_PLAIN: Final = frozenset({str, int, bool, type(None)})  # what JSON gives back as it was


@dataclass(slots=True)
class SeatState:
    """Where one trader is. `orders`, `answers` and `given` are those of its present round."""

    trader: int
    step: Step
    visit: str
    overall: int = 1
    visits: int = 1
    orders: list[Order] = field(default_factory=list)
    answers: dict[str, Frame] = field(default_factory=dict)
    given: tuple[GivenForecast, ...] = ()
    frames: list[Frame] = field(default_factory=list)
    errors: tuple[str, ...] = ()
    expires_at: float | None = None
    timer: asyncio.TimerHandle | None = None
    opened: bool = False
    page: Page | None = None  # as it is now; None until somebody looks
    news: asyncio.Event | None = None  # that somebody waits for

    @property
    def shown(self) -> tuple[str, int]:
        """Visit and revision of the present page."""
        return self.visit, len(self.frames)

    def tell(self) -> None:
        """Wake whoever waits for this seat's page to change."""
        self.page = None
        self.wake()

    def wake(self) -> None:
        """Let whoever waits for this seat's page look whether it has changed."""
        if self.news is not None:
            self.news.set()
            self.news = None


class InProcessPages(ABC):
    """The seats of one market and their pages.

    Args:
        traders: their ids.
        first: the page that everybody begins on.
        timed: whether pages have timers; without, a page stays until it is left.
    """

    def __init__(self, traders: Iterable[int], first: Step, *, timed: bool) -> None:
        self._seats = {trader: SeatState(trader, first, f"{trader}-1") for trader in traders}
        self._timed = timed
        self._asked: tuple[Sequence[ForecastInput], Form] = ((), _NO_QUESTIONS)

    def session(self, trader: int) -> InProcessSession:
        """Return the pages of one trader, 1 for the first."""
        return InProcessSession(self, trader)

    def page(self, trader: int) -> Page:
        """Return a trader's present page; the first time, its timer starts."""
        seat = self._seats[trader]
        if not seat.opened:
            seat.opened = True
            seat.page = None
            self._start_timer(seat)
        return self._page(seat)

    def visit(self, trader: int) -> str:
        """Return the visit of a trader's present page."""
        return self._seats[trader].visit

    def shown(self, trader: int) -> tuple[str, int]:
        """Return visit and revision of a trader's present page."""
        return self._seats[trader].shown

    def news(self, trader: int) -> asyncio.Event:
        """Return the event that is set when the trader's page next changes, or the trader is woken."""
        seat = self._seats[trader]
        if seat.news is None:
            seat.news = asyncio.Event()
        return seat.news

    def wake(self, trader: int) -> None:
        """Wake a trader that waits for its page to change."""
        self._seats[trader].wake()

    @abstractmethod
    def submit(self, trader: int, act: SubmitForm) -> Answer:
        """Take a form."""

    @abstractmethod
    def send(self, trader: int, act: SendLive) -> Answer:
        """React to a live message."""

    @abstractmethod
    def _drawn(self, seat: SeatState) -> Page:
        """Return what a seat's page shows."""

    @abstractmethod
    def _seconds(self, seat: SeatState) -> int | None:
        """Return the timer that a seat's page has for people; None: no timer."""

    def _page(self, seat: SeatState) -> Page:
        if seat.page is None:
            seat.page = self._drawn(seat)
        return seat.page

    def _all_are_at(self, step: Step) -> bool:
        """Tell whether everybody is there; who came last is asked first, as it mostly comes last again."""
        return all(seat.step == step for seat in reversed(self._seats.values()))

    def _form(self, view: MarketView | None) -> Form:
        """Return the form of a page; everybody is asked the same, so it is made once a round."""
        inputs = view.forecast_inputs if view else ()
        if inputs is not self._asked[0]:
            if not inputs:
                return _NO_QUESTIONS
            self._asked = (inputs, form_of(inputs))
        return self._asked[1]

    def _turn(self, seat: SeatState, errors: tuple[str, ...] = ()) -> None:
        """Show a new document: the next page, or the same one with the server's words."""
        seat.visits += 1
        seat.visit = f"{seat.trader}-{seat.visits}"
        seat.frames, seat.errors = [], errors
        seat.tell()

    def _start_timer(self, seat: SeatState) -> None:
        if seat.timer:
            seat.timer.cancel()
        seat.timer, seat.expires_at = None, None
        seconds = self._seconds(seat) if self._timed else None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            seat.expires_at = loop.time() + seconds
            seat.timer = loop.call_at(
                seat.expires_at, self.submit, seat.trader, SubmitForm({}, timed_out=True)
            )


class InProcessSession:
    """One trader of a market in this process; a `bots.domain.ports.ParticipantSession`."""

    def __init__(self, market: InProcessPages, trader: int) -> None:
        self._market = market
        self._trader = trader
        self._shown = ""  # visit of the page that was returned last: acts are meant for it
        self._closed = False
        self._alarm: asyncio.TimerHandle | None = None

    async def look(self) -> Page:
        """Return the present page.

        Raises:
            SessionLost: the seat was given up.
        """
        self._check_open()
        page = self._market.page(self._trader)
        self._shown = page.visit
        return page

    def _check_open(self) -> None:
        if self._closed:
            raise SessionLost(f"the seat of trader {self._trader} was given up")

    async def act(self, act: Act, until: float) -> Answer:
        """Send a form or a live message; not accepted where the page that was returned last has gone.

        Raises:
            SessionLost: the seat was given up.
        """
        self._check_open()
        visit = self._market.visit(self._trader)
        if not self._shown:
            await self.look()
        elif self._shown != visit:
            return Answer(accepted=False, words=(MOVED_ON,), page=await self.look())
        if isinstance(act, SendLive):
            return self._market.send(self._trader, act)
        if isinstance(act, UseControl):
            return Answer(accepted=False, words=("This market has no controls.",))
        answer = self._market.submit(self._trader, act)
        self._shown = answer.page.visit if answer.page else visit
        return answer

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the present page once it is another than `seen` or has had more live frames.

        Raises:
            SessionLost: the seat was given up.
        """
        loop = asyncio.get_running_loop()
        while True:
            self._check_open()
            if self._market.shown(self._trader) != (seen.visit, seen.revision):
                return await self.look()
            if loop.time() >= until:
                return None
            self._be_woken_at(until, loop)
            await self._market.news(self._trader).wait()

    def _be_woken_at(self, until: float, loop: asyncio.AbstractEventLoop) -> None:
        """Set the alarm; one that is no later stands, as most waits may last to the run's end."""
        if self._alarm is not None and self._alarm.when() <= until:
            return
        self._stop_alarm()
        self._alarm = loop.call_at(until, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._market.wake(self._trader)

    def _stop_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    async def close(self) -> None:
        """Give the seat up. Its timers, where pages have them, play on for it."""
        self._closed = True
        self._stop_alarm()


def form_of(inputs: Sequence[ForecastInput]) -> Form:
    """Return the form of a market's page: its forecasts, and a button."""
    return Form(
        tuple(
            Field(
                name=one.field,
                kind=FieldKind.DECIMAL,
                label=f"Price of round {one.round}",
                minimum=str(one.minimum),
                maximum=str(one.maximum),
            )
            for one in inputs
        ),
        (_NEXT,),
    )


_NO_QUESTIONS: Final = form_of(())


def as_received(message: Mapping[str, object]) -> dict[str, object]:
    """Return a live message as a server receives it: what JSON cannot carry never reaches one."""
    if _PLAIN.issuperset(map(type, message.values())):
        return dict(message)
    received: dict[str, object] = json.loads(json.dumps(dict(message)))
    return received
