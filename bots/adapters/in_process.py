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

from collections.abc import Mapping
from typing import Any, Final

from bots.adapters.answers import NO_CHANNEL, NO_FORM
from bots.adapters.in_process_pages import InProcessPages, InProcessSession, SeatState, Step, as_received
from bots.adapters.in_process_views import SharedViews
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm
from markets.call_market import MarketState, close_round, final_of, next_round, open_market
from markets.forecasts import read_forecasts
from markets.live import Desk, Reaction, react
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, Pay
from markets.rounds import RoundRef
from markets.view import PageName, PageState

__all__ = ["InProcessMarket", "InProcessSession", "SeatState", "Step"]

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
_PLACES: Final[Mapping[Step, int]] = {step: place for place, step in enumerate(_PAGE_CLASSES, start=1)}
_KINDS: Final[Mapping[Step, PageKind]] = {
    "opening": PageKind.WAIT,
    "wait": PageKind.WAIT,
    "payment": PageKind.END,
}
_AFTER: Final[Mapping[Step, Step]] = {"phase_start": "trade", "wait": "results", "results": "trade"}


class InProcessMarket(InProcessPages):
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
        self._order_rules = parameters.order_rules
        self._refs = tuple(map(parameters.round_at, range(1, parameters.rounds + 1)))
        self._questions = tuple(map(parameters.questions, self._refs))
        self._views = SharedViews(parameters, traders, self.pay)
        self._seed = parameters.dividend_seed or seed
        self._next_order_id = 1
        self._open = {1: open_market(parameters, range(1, traders + 1))}
        self._closed: dict[int, MarketState] = {}
        super().__init__(self._open[1].accounts, "phase_start", timed=timed)

    @property
    def rounds(self) -> tuple[MarketState, ...]:
        """The rounds that are closed, practice first; each as it was right after it closed."""
        return tuple(self._closed[overall] for overall in sorted(self._closed))

    def final(self, trader: int) -> FinalOutcome:
        """Return how the session ended for a trader.

        Raises:
            KeyError: the last round is not closed yet.
        """
        state = self._closed[self.parameters.rounds]
        return final_of(state, trader, parameters=self.parameters, pay=self.pay)

    # What sessions ask for.

    def submit(self, trader: int, act: SubmitForm) -> Answer:
        """Take a form; forecasts that cannot be read show the page again, unless its time is over."""
        seat = self._seats[trader]
        if seat.step in ("opening", "wait", "payment"):
            return Answer(accepted=False, words=(NO_FORM,), page=self._page(seat))
        if seat.step == "forecast":
            asked = self._questions[seat.overall - 1]
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
            refusal = NO_CHANNEL
            return Answer(accepted=False, words=(refusal,), page=self._page(seat))
        reaction = react(as_received(act.message), self._desk(seat), order_id=self._next_order_id)
        self._keep(seat, reaction)
        words = tuple(str(reason["message"]) for reason in reaction.frame.get("reasons", ()))
        return Answer(accepted=reaction.frame["type"] != "refused", words=words, frame=reaction.frame)

    # Orders.

    def _desk(self, seat: SeatState) -> Desk:
        account = self._open[seat.overall].accounts[seat.trader]
        return Desk(seat.trader, account, self._order_rules, seat.orders, seat.answers, seat.overall)

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
        if following == "wait" and self._all_are_at("wait"):
            self._close_round(seat.overall)

    def _following(self, seat: SeatState) -> Step:
        ref = self._ref(seat)
        if seat.step == "trade" and self._questions[seat.overall - 1]:
            return "forecast"
        if seat.step == "results" and ref.is_last:
            return "final"
        if seat.step == "final":
            return "payment" if ref.overall == self.parameters.rounds else "phase_start"
        return _AFTER.get(seat.step, "wait")

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

    def _seconds(self, seat: SeatState) -> int | None:
        return self.parameters.seconds(seat.step, self._ref(seat).phase)

    def _ref(self, seat: SeatState) -> RoundRef:
        return self._refs[seat.overall - 1]

    # What a page shows.

    def _drawn(self, seat: SeatState) -> Page:
        kind = _KINDS.get(seat.step, PageKind.MARKET)
        view = None if kind is PageKind.WAIT else self._views.view(self._state(seat), seat.trader)
        visit, revision = seat.shown
        return Page(
            visit=visit,
            kind=kind,
            location=self._location(seat),
            title=_PAGE_CLASSES[seat.step],
            form=self._form(view) if kind is PageKind.MARKET else None,
            market=view,
            live=seat.step == "trade",
            expires_at=seat.expires_at,
            errors=seat.errors,
            frames=tuple(seat.frames),
            revision=revision,
        )

    def _location(self, seat: SeatState) -> str:
        app = "market_end" if seat.step == "payment" else self.app
        index = (seat.overall - 1) * len(_PAGE_CLASSES) + _PLACES[seat.step]
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
            questions=self._questions[seat.overall - 1] if page == "forecast" else (),
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
