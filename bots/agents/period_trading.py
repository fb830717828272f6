"""A trader in a period of a double auction: decide → act → listen, until there is no more to do.

After it has acted, the trader tells the market that it is ready, and waits for news: a trade, another best
bid or offer, or a change of its own orders that it did not make itself. Steps that are none of these it
answers by being ready again. Where everybody is ready the market closes, so bots among themselves wait for no
timer; where people still trade, the bots stay and answer them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from bots.agents.options import Rhythm
from bots.agents.past import Unfinished
from bots.agents.visitor import PageLeft
from bots.domain.market import Decision, MarketView, Period
from bots.domain.pages import Answer, Page


class Floor(Protocol):
    """What a trader does on a trade page; the trading agent lends it."""

    def begun(self, view: MarketView) -> Unfinished | None:
        """Return what an earlier part of the run decided for this page, once."""

    async def decide(self, page: Page, view: MarketView) -> Decision:
        """Return the trader's decision, or the declared fallback's. Raises PageLeft."""

    async def carry_out(
        self, page: Page, view: MarketView, decision: Decision, begun: Unfinished | None
    ) -> int:
        """Send a decision's messages and return how many were accepted. Raises PageLeft."""

    async def live(self, page: Page, message: Mapping[str, Any]) -> Answer:
        """Send one live message."""

    async def look_again(self, page: Page) -> Page:
        """Return the page as it is now, and record it. Raises PageLeft."""

    async def hear(self, page: Page, until: float | None = None) -> Page | None:
        """Return the page once a frame has come; None when time is over. Raises PageLeft."""

    async def leave_page(self, page: Page) -> Page:
        """Send the page's form and return the page after it."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What makes a trader think again: where it changes, there are news."""

    trades: int
    best_bid: Decimal | None
    best_offer: Decimal | None
    own: tuple[tuple[int, int], ...]  # order id, shares

    @classmethod
    def of(cls, view: MarketView, period: Period) -> Sight:
        own = tuple((order.order_id, order.quantity) for order in view.open_orders)
        return cls(len(period.trades), period.best_bid, period.best_offer, own)


class PeriodTrader:
    """Plays the trade page of a double auction for one trader."""

    def __init__(self, floor: Floor, rhythm: Rhythm, monotonic: Callable[[], float]) -> None:
        self._floor = floor
        self._rhythm = rhythm
        self._monotonic = monotonic

    async def trade(self, page: Page) -> Page:
        """Trade until the period closes or the trader has no more to do; return the page after it.

        Raises:
            PageLeft: the page went before the trader had decided once.
        """
        decided = False
        try:
            begun = self._floor.begun(_view(page))
            if begun is None:
                page = await self._informed(page)
            for _ in range(self._rhythm.decisions):
                if not _period(page).open:
                    break
                after = await self._decide_and_act(page, begun)
                decided, begun = True, None
                if after is None:
                    break
                page = after
            return await self._floor.leave_page(page)
        except PageLeft as left:
            if not decided:
                raise
            return left.page

    async def _decide_and_act(self, page: Page, begun: Unfinished | None) -> Page | None:
        """Make one decision and act on it; return the page with the next news, None where there are none."""
        started, view = self._monotonic(), _view(page)
        decision = begun.decision if begun else await self._floor.decide(page, view)
        accepted = await self._floor.carry_out(page, view, decision, begun)
        if decision.leave:
            return None
        acted = await self._floor.look_again(page)
        foreign = _period(acted).seq - _period(page).seq - accepted
        told = acted if foreign > 0 or begun else await self._news(acted)
        return told if told is None else await self._rested(told, started + self._rhythm.pause)

    async def _news(self, page: Page) -> Page | None:
        """Be ready, and return the page once something has happened that matters; None when it is over."""
        before, ready_at = Sight.of(_view(page), _period(page)), -1
        while _period(page).open:
            if not _period(page).complete:
                page = await self._informed(page)
            elif Sight.of(_view(page), _period(page)) != before:
                return page
            elif ready_at != _period(page).seq:
                ready_at = await self._ready(page)
                page = await self._floor.look_again(page)
            else:
                heard = await self._floor.hear(page)
                if heard is None:
                    return None
                page = heard
        return None

    async def _ready(self, page: Page) -> int:
        """Say that there is nothing more to do; return the step as of which it counts, -1 if it does not."""
        seq = _period(page).seq
        answer = await self._floor.live(page, {"type": "ready", "seq": seq, "round": _round(page)})
        missed = answer.frame is not None and answer.frame.get("counts") is False
        return -1 if missed else seq

    async def _informed(self, page: Page) -> Page:
        """Ask for the whole state: steps between the making of a page and its channel are in no frame."""
        await self._floor.live(page, {"type": "sync"})
        return await self._floor.look_again(page)

    async def _rested(self, page: Page, until: float) -> Page:
        """Let time pass until the next decision may be made, and return the page as it is then."""
        while self._rhythm.pause and _period(page).open:
            heard = await self._floor.hear(page, until)
            if heard is None:
                break
            page = heard
        return page


def is_open(page: Page) -> bool:
    """Whether a page is not that of a period which is over."""
    return page.market is None or page.market.period is None or page.market.period.open


def _view(page: Page) -> MarketView:
    if page.market is None:
        raise PageLeft(page)
    return page.market


def _period(page: Page) -> Period:
    period = _view(page).period
    if period is None:
        raise PageLeft(page)
    return period


def _round(page: Page) -> int | None:
    ref = _view(page).round
    return ref.overall if ref else None
