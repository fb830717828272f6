"""A call market in this process, without server or browser: the oTree project's pages, over the same rules.

    market = InProcessMarket(MarketParameters.from_config({"paid_rounds": 5}), traders=6, seed="7")
    sessions = [market.session(seat) for seat in range(1, 7)]

Each trader goes phase_start → (trade → forecast → wait → results)* → final → payment at its own pace, as in
oTree; at the wait page everybody is waited for, and the round is cleared when the last one comes. Live
messages and forms are answered by the functions that the server uses. There is no consent page, and nothing
polls.

Everything happens on one event loop; a market is not to be shared between loops or threads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from bots.adapters.in_process_views import SharedViews
from bots.domain.errors import SessionLost
from bots.domain.market import MarketView
from bots.domain.pages import (
    Act,
    Answer,
    Button,
    Field,
    FieldKind,
    Form,
    Page,
    PageKind,
    SendLive,
    SubmitForm,
    UseControl,
)
from markets.call_market import MarketState, close_round, final_of, next_round, open_market
from markets.forecasts import GivenForecast, read_forecasts
from markets.live import Desk, Frame, Reaction, react
from markets.orders import Order
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, Pay
from markets.rounds import RoundRef
from markets.view import PageName, PageState

Step = Literal["phase_start", "opening", "trade", "forecast", "wait", "results", "final", "payment"]

_PAGE_CLASSES: Final[Mapping[Step, str]] = {
    "phase_start": "PhaseStart",
    "opening": "OpenMarket",
    "trade": "Trade",
    "forecast": "Forecast",
    "wait": "ClearMarket",
    "results": "Results",
    "final": "Final",
    "payment": "Payment",
}
_MOVED_ON: Final = "The page had moved on before this was sent."
_NEXT: Final = Button("Next")


@dataclass(slots=True)
class SeatState:
    """Where one trader is. `orders`, `answers` and `given` are those of its present round."""

    trader: int
    step: Step
    overall: int = 1
    visit: int = 1
    orders: list[Order] = field(default_factory=list)
    answers: dict[str, Frame] = field(default_factory=dict)
    given: tuple[GivenForecast, ...] = ()
    frames: list[Frame] = field(default_factory=list)
    errors: tuple[str, ...] = ()
    expires_at: float | None = None
    timer: asyncio.TimerHandle | None = None
    opened: bool = False
    page: Page | None = None  # as it is now; None until somebody looks
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def shown(self) -> tuple[str, int]:
        """Visit and revision of the present page."""
        return f"{self.trader}-{self.visit}", len(self.frames)

    def tell(self) -> None:
        """Wake whoever waits for this seat's page to change."""
        self.page = None
        self.news.set()
        self.news = asyncio.Event()


class InProcessMarket:
    """One call market and the seats of its traders.

    Args:
        parameters: of the session.
        traders: how many; ids are 1 … traders.
        seed: of dividends and of random rationing; the parameters' own `dividend_seed` goes first.
        pay: how points become money.
        timed: whether pages have the parameters' timers; without, a page stays until it is left.
    """

    app = "call_market"

    def __init__(
        self,
        parameters: MarketParameters,
        traders: int,
        *,
        seed: str = "",
        pay: Pay | None = None,
        timed: bool = False,
    ) -> None:
        self.parameters = parameters
        self.pay = pay or Pay()
        self._views = SharedViews(parameters, traders, self.pay)
        self._seed = parameters.dividend_seed or seed
        self._timed = timed
        self._next_order_id = 1
        self._open = {1: open_market(parameters, range(1, traders + 1))}
        self._closed: dict[int, MarketState] = {}
        self._seats = {trader: SeatState(trader, "phase_start") for trader in self._open[1].accounts}

    @property
    def rounds(self) -> tuple[MarketState, ...]:
        """The rounds that are closed, practice first; each as it was right after it closed."""
        return tuple(self._closed[overall] for overall in sorted(self._closed))

    def session(self, trader: int) -> InProcessSession:
        """Return the pages of one trader, 1 for the first."""
        return InProcessSession(self, trader)

    def final(self, trader: int) -> FinalOutcome:
        """Return how the session ended for a trader.

        Raises:
            KeyError: the last round is not closed yet.
        """
        state = self._closed[self.parameters.rounds]
        return final_of(state, trader, parameters=self.parameters, pay=self.pay)

    # What sessions ask for.

    def page(self, trader: int) -> Page:
        """Return a trader's present page; the first time, its timer starts."""
        seat = self._seats[trader]
        if not seat.opened:
            seat.opened = True
            seat.page = None
            self._start_timer(seat)
        return self._page(seat)

    def shown(self, trader: int) -> tuple[str, int]:
        """Return visit and revision of a trader's present page."""
        return self._seats[trader].shown

    def news(self, trader: int) -> asyncio.Event:
        """Return the event that is set when the trader's page next changes."""
        return self._seats[trader].news

    def submit(self, trader: int, act: SubmitForm) -> Answer:
        """Take a form; forecasts that cannot be read show the page again, unless its time is over."""
        seat = self._seats[trader]
        if seat.step in ("opening", "wait", "payment"):
            return Answer(accepted=False, words=("This page has no form.",), page=self._page(seat))
        if seat.step == "forecast":
            asked = self.parameters.questions(self._ref(seat))
            given, errors = read_forecasts(act.values, asked, self.parameters.forecast_max)
            if errors and not act.timed_out:
                words = tuple(f"{name}: {told}" for name, told in errors.items())
                self._turn(seat, errors=words)
                return Answer(accepted=False, words=words, page=self._page(seat))
            seat.given = given
        self._go_on(seat)
        return Answer(accepted=True, page=self._page(seat))

    def send(self, trader: int, act: SendLive) -> Answer:
        """React to a live message of the trade page as the server does."""
        seat = self._seats[trader]
        if seat.step != "trade":
            refusal = "This page takes no live messages."
            return Answer(accepted=False, words=(refusal,), page=self._page(seat))
        message = json.loads(json.dumps(dict(act.message)))  # what JSON cannot carry never reaches a server
        reaction = react(message, self._desk(seat), order_id=self._next_order_id)
        self._keep(seat, reaction)
        words = tuple(str(reason["message"]) for reason in reaction.frame.get("reasons", ()))
        return Answer(accepted=reaction.frame["type"] != "refused", words=words, frame=reaction.frame)

    # Orders.

    def _desk(self, seat: SeatState) -> Desk:
        account = self._open[seat.overall].accounts[seat.trader]
        return Desk(
            seat.trader, account, self.parameters.order_rules, seat.orders, seat.answers, seat.overall
        )

    def _keep(self, seat: SeatState, reaction: Reaction) -> None:
        if reaction.placed:
            self._next_order_id += 1
            seat.orders.append(reaction.placed)
        if reaction.cancelled is not None:
            seat.orders = [order for order in seat.orders if order.order_id != reaction.cancelled]
        if reaction.frame["ref"] and not reaction.repeated:
            seat.answers[reaction.frame["ref"]] = reaction.frame
        seat.frames.append(reaction.frame)
        seat.tell()

    # From page to page.

    def _go_on(self, seat: SeatState) -> None:
        following: Step = self._following(seat)
        if seat.step in ("results", "final") and following in ("trade", "phase_start"):
            seat.overall += 1
            seat.orders, seat.answers, seat.given = [], {}, ()
        seat.step = following
        self._turn(seat)
        self._start_timer(seat)
        if following == "wait" and all(one.step == "wait" for one in self._seats.values()):
            self._close_round(seat.overall)

    def _following(self, seat: SeatState) -> Step:
        ref = self._ref(seat)
        if seat.step == "trade" and self.parameters.questions(ref):
            return "forecast"
        if seat.step == "results" and ref.is_last:
            return "final"
        if seat.step == "final":
            return "payment" if ref.overall == self.parameters.rounds else "phase_start"
        plain: Mapping[Step, Step] = {"phase_start": "trade", "wait": "results", "results": "trade"}
        return plain.get(seat.step, "wait")

    def _close_round(self, overall: int) -> None:
        """Clear the market and let everybody go on to the results."""
        seats = self._seats.values()
        book = [order for seat in seats for order in seat.orders]
        given = {seat.trader: seat.given for seat in seats}
        closed = close_round(self._open[overall], book, given, parameters=self.parameters, seed=self._seed)
        self._closed[overall] = closed
        following = next_round(closed, self.parameters)
        if following:
            self._open[overall + 1] = following
        for seat in seats:
            self._go_on(seat)

    def _turn(self, seat: SeatState, errors: tuple[str, ...] = ()) -> None:
        """Show a new document: the next page, or the same one with the server's words."""
        seat.visit += 1
        seat.frames, seat.errors = [], errors
        seat.tell()

    def _start_timer(self, seat: SeatState) -> None:
        if seat.timer:
            seat.timer.cancel()
        seat.timer, seat.expires_at = None, None
        seconds = self.parameters.seconds(seat.step, self._ref(seat).phase) if self._timed else None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            seat.expires_at = loop.time() + seconds
            seat.timer = loop.call_at(
                seat.expires_at, self.submit, seat.trader, SubmitForm({}, timed_out=True)
            )

    def _ref(self, seat: SeatState) -> RoundRef:
        return self.parameters.round_at(seat.overall)

    # What a page shows.

    def _page(self, seat: SeatState) -> Page:
        if seat.page is None:
            seat.page = self._drawn(seat)
        return seat.page

    def _drawn(self, seat: SeatState) -> Page:
        kinds = {"opening": PageKind.WAIT, "wait": PageKind.WAIT, "payment": PageKind.END}
        kind = kinds.get(seat.step, PageKind.MARKET)
        view = None if kind is PageKind.WAIT else self._views.view(self._state(seat), seat.trader)
        visit, revision = seat.shown
        return Page(
            visit=visit,
            kind=kind,
            location=self._location(seat),
            title=_PAGE_CLASSES[seat.step],
            form=_form(view) if kind is PageKind.MARKET else None,
            market=view,
            live=seat.step == "trade",
            expires_at=seat.expires_at,
            errors=seat.errors,
            frames=tuple(seat.frames),
            revision=revision,
        )

    def _location(self, seat: SeatState) -> str:
        app = "market_end" if seat.step == "payment" else self.app
        index = (seat.overall - 1) * len(_PAGE_CLASSES) + list(_PAGE_CLASSES).index(seat.step) + 1
        return f"/p/trader{seat.trader}/{app}/{_PAGE_CLASSES[seat.step]}/{index}"

    def _state(self, seat: SeatState) -> PageState:
        if seat.step in ("phase_start", "trade", "forecast"):
            return self._before_clearing(seat, seat.step)
        if seat.step in ("results", "final"):
            return self._after_clearing(seat, seat.step)
        return self._page_state(seat, "payment", final=self.final(seat.trader))

    def _before_clearing(self, seat: SeatState, page: PageName) -> PageState:
        state, ref = self._open[seat.overall], self._ref(seat)
        return self._page_state(
            seat,
            page,
            ref=ref,
            account=state.accounts[seat.trader],
            open_orders=tuple(seat.orders),
            history=state.history,
            own=state.own[seat.trader],
            questions=self.parameters.questions(ref) if page == "forecast" else (),
            forecasts=state.forecasts[seat.trader],
        )

    def _after_clearing(self, seat: SeatState, page: PageName) -> PageState:
        state, last = self._closed[seat.overall], page == "final"
        ending = final_of(state, seat.trader, parameters=self.parameters, pay=self.pay) if last else None
        return self._page_state(
            seat,
            page,
            ref=self._ref(seat),
            account=state.accounts[seat.trader],
            history=state.history,
            own=state.own[seat.trader],
            forecasts=state.forecasts[seat.trader],
            show_result=not last,
            scored=() if last else state.scored[seat.trader],
            final=ending,
        )

    def _page_state(self, seat: SeatState, page: PageName, **more: Any) -> PageState:
        return PageState(page, self.parameters, len(self._seats), self.pay, trader=seat.trader, **more)


class InProcessSession:
    """One trader of an `InProcessMarket`; a `bots.domain.ports.ParticipantSession`."""

    def __init__(self, market: InProcessMarket, trader: int) -> None:
        self._market = market
        self._trader = trader
        self._shown = ""  # visit of the page that was returned last: acts are meant for it
        self._closed = False

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
        visit, _ = self._market.shown(self._trader)
        if not self._shown:
            await self.look()
        elif self._shown != visit:
            return Answer(accepted=False, words=(_MOVED_ON,), page=await self.look())
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
        try:
            async with asyncio.timeout_at(until):
                while True:
                    self._check_open()
                    news = self._market.news(self._trader)
                    if self._market.shown(self._trader) != (seen.visit, seen.revision):
                        return await self.look()
                    await news.wait()
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Give the seat up. Its timers, where pages have them, play on for it."""
        self._closed = True


def _form(view: MarketView | None) -> Form:
    inputs = view.forecast_inputs if view else ()
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
