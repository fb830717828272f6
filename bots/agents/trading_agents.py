"""The loop of one trader: look → decide → act → record.

The agent owns time: a decision gets the page's time less a margin for acting, and where it fails the declared
fallback acts at once. Nothing here knows whether the page is in a browser, and nobody ever waits for a bot.

    Sitting        where the trader sits, and what it has begun and not finished
    Waiting        a server that is away, a page of waiting
    AtPage         decides in a page's time and acts
    MarketTrader   the pages of a market
    Visitor        all others
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from bots.agents.at_page import AtPage
from bots.agents.forms import UnthinkingAnswers, plain_answers
from bots.agents.market_trader import MarketTrader
from bots.agents.page_notes import Remembering
from bots.agents.past import Past, decision_pages_between
from bots.agents.seat_log import SeatLog, overall_round
from bots.agents.sitting import Sitting
from bots.agents.table import Pace, Table
from bots.agents.told_rounds import is_told
from bots.agents.visitor import PageLeft, Visitor
from bots.agents.waiting import Waiting
from bots.domain.errors import LedAway, PageOverdue
from bots.domain.experiment import Seat
from bots.domain.market import MarketView
from bots.domain.pages import Page, PageKind, check_flow
from bots.domain.ports import DecisionMaker, PageDecider, ParticipantSession

__all__ = ["Pace", "Table", "TradingAgent"]


class TradingAgent:
    """One trader at one seat.

    Args:
        seat: who sits where.
        session: the seat's pages.
        maker: decides on trade and forecast pages, and on pages outside markets where it is a `PageDecider`.
        fallback: decides where `maker` failed.
        table: what it shares with the run's other traders.
        past: what it did before the run was cut short; the trader goes on from there.
    """

    def __init__(
        self,
        seat: Seat,
        session: ParticipantSession,
        *,
        maker: DecisionMaker,
        fallback: DecisionMaker,
        table: Table,
        past: Past | None = None,
    ) -> None:
        past = past or Past()
        remembering = Remembering(table.store, past.notes)
        log = SeatLog(seat, remembering, table.clock)
        self._sitting = Sitting(seat, session, table, log, past.view, past.unfinished)
        self._waiting = Waiting(self._sitting)
        self._at_page = AtPage(self._sitting, self._waiting, past)
        unthinking = UnthinkingAnswers(seat.seed, table.forms)
        decider = maker if isinstance(maker, PageDecider) else unthinking
        self._visitor = Visitor(self._at_page, log, remembering, table.clock, (decider, unthinking))
        trader = MarketTrader(
            self._sitting, self._waiting, self._at_page, makers=(maker, fallback), memory=past.memory
        )
        self._rounds = past.rounds
        self._left_open = past.left_open
        self._in_flight = past.unanswered
        self._steps: Mapping[str, Callable[[Page, MarketView], Awaitable[Page]]] = {
            "trade": trader.trade,
            "forecast": trader.forecast,
            "final": trader.end_phase,
        }

    async def play(self) -> None:
        """Play from the page that is due to the end of the session.

        Raises:
            SeatError: the seat cannot go on.
        """
        self._sitting.log.opened()
        try:
            await self._play()
        except LedAway as away:
            if not away.completes:
                raise
            self._note(_completion(away))

    async def _play(self) -> None:
        page = await self._waiting.look()
        seen = ""
        while True:
            page = self._counted(page)
            if page.visit != seen:
                self._note(page)
                seen = page.visit
            if page.kind is PageKind.END or page.name == "payment":
                return
            try:
                page = await self._step(page)
            except PageOverdue:
                if self._sitting.time_is_over:
                    raise
                page = await self._waiting.look()

    def _counted(self, page: Page) -> Page:
        """Return a page with its round counted from the session's first, where the page does not do that."""
        if page.market is None or not is_told(page.market):
            return page
        view = self._rounds.placed(page.market, page.location, self._sitting.view)
        self._rounds = self._rounds.after(view, page.location)
        return page if view is page.market else replace(page, market=view)

    def _note(self, page: Page) -> None:
        """Record a page, and the decision pages that went by since the last one."""
        self._sitting.log.page_seen(page)
        if self._in_flight and page.kind is not PageKind.BROKEN:
            self._note_in_flight(page.market)
        if page.market is None:
            return
        check_flow(self._sitting.view, page.market)
        self._note_left_open(page.market)
        if self._sitting.view is not None:
            for name, overall in decision_pages_between(self._sitting.view, page.market):
                self._sitting.log.page_missed(
                    name, overall, "the server went past it while the trader was elsewhere"
                )
        self._sitting.view = page.market

    def _note_in_flight(self, view: MarketView | None) -> None:
        """Record that acts on which the run was cut short have no answer, but for orders that get one now."""
        begun = (
            self._sitting.unfinished
            if view and self._sitting.unfinished and self._sitting.unfinished.fits(view)
            else None
        )
        sent_again = {act.ref for act in begun.sent} if begun else set()
        for ref in self._in_flight:
            if ref not in sent_again:
                self._sitting.log.unanswered(ref, "the run was cut short before the answer came")
        self._in_flight = ()

    def _note_left_open(self, view: MarketView) -> None:
        """Record the page on which the run was cut short, if the server has moved on since."""
        left_open, self._left_open = self._left_open, None
        if left_open and left_open != (view.page, overall_round(view)):
            self._sitting.log.page_missed(
                *left_open, "the run was cut short on it and the server has moved on"
            )

    async def _step(self, page: Page) -> Page:
        if page.kind is PageKind.BROKEN:
            return await self._waiting.after_broken(page)
        self._waiting.is_over()
        if page.kind is PageKind.WAIT:
            return await self._waiting.on_wait_page(page)
        try:
            if page.market is None:
                return await self._visitor.visit(page)
            step = self._steps.get(page.name)
            if step is None:
                return await self._at_page.submit(page, plain_answers(page.form) if page.form else {})
            return await step(page, page.market)
        except PageLeft as left:
            reason = f"the server moved on to {left.page.name} first"
            self._sitting.log.page_missed(page.name, overall_round(page.market), reason)
            return left.page


def _completion(away: LedAway) -> Page:
    """Return what is recorded where the session leads back to the service that recruited its participants."""
    words = f"The session ends at {away.host}{away.path}, where it was not followed."
    return Page(f"led away from {away.where}", PageKind.END, away.path, title=away.host, text=words)
