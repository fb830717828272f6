"""A double auction in this process: the pages of the oTree project's app, over the same rules.

Each trader goes phase_start → (wait → trade → wait → results)* → final → payment. A period opens once
everybody is there, and closes when its time is over or when everybody has left or is ready; what happens in
it is told to each trader's page as frames, as on a server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from bots.adapters.answers import NO_CHANNEL
from bots.adapters.in_process import InProcessMarket, SeatState, Step
from bots.adapters.in_process_pages import as_received
from bots.domain.pages import Answer, SendLive
from markets.call_market import next_round
from markets.institution import Institution
from markets.live import Frame
from markets.parameters import MarketParameters
from markets.period_market import close_period, open_period
from markets.trading_period import TradingPeriod
from markets.view import PageName, PageState


class InProcessDoubleAuction(InProcessMarket):
    """One double auction and the seats of its traders; made as an `InProcessMarket`."""

    app = "double_auction"

    def __init__(self, parameters: MarketParameters, traders: int, **more: Any) -> None:
        super().__init__(parameters, traders, **more)
        self._periods: dict[int, TradingPeriod] = {}
        self._opened = 0.0

    def send(self, trader: int, act: SendLive) -> Answer:
        """React to a live message of the trade page as the server does, and tell everybody concerned."""
        seat = self._seats[trader]
        if seat.step != "trade":
            return Answer(accepted=False, words=(NO_CHANNEL,), page=self._page(seat))
        message = as_received(act.message)
        second = int(asyncio.get_running_loop().time() - self._opened)
        outcome = self._periods[seat.overall].receive(trader, message, second)
        self._tell(outcome.frames)
        words = tuple(str(reason["message"]) for reason in outcome.answer.get("reasons", ()))
        accepted = outcome.answer["type"] != "refused"
        return Answer(accepted=accepted, words=words, frame=outcome.answer)

    def _tell(self, frames: Mapping[int, Frame]) -> None:
        for trader, frame in frames.items():
            seat = self._seats[trader]
            if seat.step == "trade":
                seat.frames.append(frame)
                seat.tell()

    def _following(self, seat: SeatState) -> Step:
        following = super()._following(seat)
        if seat.step == "opening":
            return "trade"
        if seat.step == "trade":
            return "wait"
        return "opening" if following == "trade" else following

    def _go_on(self, seat: SeatState) -> None:
        before, following = seat.step, self._following(seat)
        if before in ("results", "final") and following in ("opening", "phase_start"):
            seat.overall += 1
        seat.step = following
        self._turn(seat)
        self._start_timer(seat)
        if before == "trade":
            self._tell(self._periods[seat.overall].leave(seat.trader))
        if following in ("opening", "wait") and self._all_are_at(following):
            if following == "opening":
                self._open_period(seat.overall)
            else:
                self._close_round(seat.overall)
            for one in self._seats.values():
                self._go_on(one)

    def _open_period(self, overall: int) -> None:
        accounts = self._open[overall].accounts
        self._periods[overall] = open_period(self.parameters, accounts, overall, self._next_order_id)
        self._opened = asyncio.get_running_loop().time()

    def _close_round(self, overall: int) -> None:
        period = self._periods[overall]
        closed = close_period(self._open[overall], period, parameters=self.parameters, seed=self._seed)
        self._closed[overall] = closed
        self._next_order_id = period.market.next_order_id
        following = next_round(closed, self.parameters)
        if following:
            self._open[overall + 1] = following

    def _before_clearing(self, seat: SeatState, page: PageName) -> PageState:
        state = self._open[seat.overall]
        trading = page == "trade"
        market = self._periods[seat.overall].market if trading else None
        return self._page_state(
            seat,
            page,
            ref=self._ref(seat),
            account=market.account(seat.trader) if market else state.accounts[seat.trader],
            open_orders=market.open_orders(seat.trader) if market else (),
            history=state.history,
            own=state.own[seat.trader],
            period=self._period_of(seat) if trading else None,
        )

    def _page_state(self, seat: SeatState, page: PageName, **more: Any) -> PageState:
        if page == "results":
            more["period"] = self._period_of(seat)
        units = self.parameters.units_of(seat.trader)
        return super()._page_state(seat, page, units=units, **more)

    def _period_of(self, seat: SeatState) -> dict[str, Any]:
        period: dict[str, Any] = self._periods[seat.overall].state(seat.trader)["period"]
        return period


def in_process_market(parameters: MarketParameters, traders: int, **more: Any) -> InProcessMarket:
    """Return a market of the parameters' institution; otherwise as `InProcessMarket`."""
    continuous = parameters.institution is Institution.DOUBLE_AUCTION
    return (InProcessDoubleAuction if continuous else InProcessMarket)(parameters, traders, **more)
