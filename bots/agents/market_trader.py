"""A trader on the pages of a market: trade, forecast, and the end of a phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bots.agents.at_page import AtPage
from bots.agents.forms import plain_answers
from bots.agents.memory import Memory, Recollection
from bots.agents.past import Unfinished
from bots.agents.period_trading import PeriodTrader
from bots.agents.seat_log import overall_round
from bots.agents.sitting import Sitting
from bots.agents.visitor import PageLeft
from bots.agents.waiting import Waiting
from bots.domain.errors import DecisionFailed
from bots.domain.market import Decision, MarketView, OrderIntent
from bots.domain.pages import Answer, Page
from bots.domain.ports import DecidingAtOnce, DecisionMaker, Reflecting, Situation


class MarketTrader:
    """Decides and acts on a market's pages for one trader; a `bots.agents.period_trading.Floor`.

    Args:
        makers: who decides, and who does where that fails.
        memory: what it remembers of earlier rounds.
    """

    def __init__(
        self,
        sitting: Sitting,
        waiting: Waiting,
        at_page: AtPage,
        *,
        makers: tuple[DecisionMaker, DecisionMaker],
        memory: Memory,
    ) -> None:
        self._sitting = sitting
        self._waiting = waiting
        self._at_page = at_page
        self._maker, self._fallback = makers
        self._at_once = self._maker if isinstance(self._maker, DecidingAtOnce) else None
        self._memory = Recollection(memory)

    async def trade(self, page: Page, view: MarketView) -> Page:
        """Trade as the market's institution goes, and return the page after it. Raises PageLeft."""
        if view.period is not None:
            table = self._sitting.table
            return await PeriodTrader(self, table.pace.period, table.clock.monotonic).trade(page)
        begun = self._sitting.begun(view)
        decision = begun.decision if begun else await self.decide(page, view)
        await self.carry_out(page, view, decision, begun)
        return await self._at_page.submit(page, {})

    async def carry_out(
        self, page: Page, view: MarketView, decision: Decision, begun: Unfinished | None
    ) -> int:
        """Send a decision's messages, those of `begun` that were sent already left out.

        Returns:
            How many the server accepted.

        Raises:
            PageLeft: the page went on meanwhile.
        """
        accepted = 0
        for position, (message, order) in enumerate(_messages(view, decision)):
            if begun is None or position >= len(begun.sent):
                answer = await self.live(page, message)
            elif begun.sent[position].ref in begun.answered:
                continue
            else:
                answer = await self._at_page.live_again(page, view, begun.sent[position].ref, message)
            if order is not None:
                self._memory.answered(view, order, answer)
            if answer.page is not None and answer.page.visit != page.visit:
                raise PageLeft(answer.page)
            accepted += answer.accepted
        return accepted

    async def look_again(self, page: Page) -> Page:
        """Return the page as it is after what has come in, and record it.

        Raises:
            PageLeft: another one has taken its place.
        """
        return self._same(page, await self._waiting.look())

    async def hear(self, page: Page, until: float | None = None) -> Page | None:
        """Return the page once it has had another frame, and record it; None when time is over.

        Raises:
            PageLeft: another one has taken its place.
        """
        ends = self._sitting.table.until if until is None else min(until, self._sitting.table.until)
        after = await self._sitting.session.wait(page, ends)
        return None if after is None else self._same(page, after)

    def _same(self, page: Page, after: Page) -> Page:
        if after.visit != page.visit:
            raise PageLeft(after)
        if after.market is not None and after.revision > page.revision:
            self._sitting.log.frames_heard(after, page.revision)
            self._sitting.view = after.market
        return after

    async def leave_page(self, page: Page) -> Page:
        """Send the page's form as it stands and return the page after it."""
        return await self._at_page.submit(page, {})

    def begun(self, view: MarketView) -> Unfinished | None:
        """Return what was decided for this very page before the run or the connection broke."""
        return self._sitting.begun(view)

    async def live(self, page: Page, message: Mapping[str, Any]) -> Answer:
        """Send one live message and return its answer; none in time is one that is not accepted."""
        return await self._at_page.live(page, message)

    async def forecast(self, page: Page, view: MarketView) -> Page:
        """Give the forecasts that the page asks for, and return the page after it. Raises PageLeft."""
        begun = self._sitting.begun(view)
        decision = begun.decision if begun else await self.decide(page, view)
        return await self._at_page.submit(page, {one.field: f"{one.value:f}" for one in decision.forecasts})

    async def end_phase(self, page: Page, view: MarketView) -> Page:
        """Leave the last page of a phase, having looked back where the decision maker does."""
        maker = self._maker
        if (
            isinstance(maker, Reflecting)
            and maker.reflects
            and self._has_time_to_reflect(page)
            and self._sitting.begun(view) is None
        ):
            await self._reflect(page, view, maker)
        return await self._at_page.submit(page, plain_answers(page.form) if page.form else {})

    def _has_time_to_reflect(self, page: Page) -> bool:
        """Tell whether no person waits for it, and the trader remembers anything at all."""
        timed = page.expires_at is not None
        return self._memory.keeps and (timed or not self._sitting.table.with_people)

    async def _reflect(self, page: Page, view: MarketView, maker: Reflecting) -> None:
        """Let the trader look back and remember it; where it fails nobody does in its place.

        Raises:
            PageLeft: the page went on meanwhile.
        """
        situation, started = self._situation(view), self._sitting.now
        deadline = self._at_page.decision_deadline(page)
        record = self._sitting.table.store.append
        try:
            decision = await self._at_page.decided_here(
                page, maker.reflect(situation, deadline, record), deadline
            )
        except DecisionFailed as error:
            self._sitting.log.not_decided(situation, error, self._sitting.now - started)
            return
        self._sitting.log.decided(situation, decision, self._maker.name, self._sitting.now - started, False)
        self._sitting.decided(view, decision)
        self._memory.decided(view, decision)

    def _situation(self, view: MarketView) -> Situation:
        name = self._at_page.next_decision(view.page, overall_round(view))
        situation = Situation(self._sitting.seat.number, name, view)
        return situation if self._at_once is not None else self._remembering(situation)

    def _remembering(self, situation: Situation) -> Situation:
        """Return a situation with what the trader remembers; who decides at once sees the page alone."""
        return replace(situation, memory=self._memory.remembered, notes_kept=self._memory.keeps)

    async def decide(self, page: Page, view: MarketView) -> Decision:
        """Return the trader's decision, or the declared fallback's where it fails.

        Raises:
            PageLeft: the page went on meanwhile.
        """
        situation = self._situation(view)
        started = self._sitting.now
        deadline = self._at_page.decision_deadline(page)
        record = self._sitting.table.store.append
        try:
            if self._at_once is not None:
                await self._at_page.give_way()
                decision = self._at_once.decision(view)
            else:
                deciding = self._maker.decide(situation, deadline, record)
                decision = await self._at_page.decided_here(page, deciding, deadline)
        except DecisionFailed as error:
            self._sitting.log.not_decided(situation, error, self._sitting.now - started)
            decision = await self._fallback.decide(self._remembering(situation), deadline, record)
            by, fallback = self._fallback.name, True
        else:
            by, fallback = self._maker.name, False
        self._sitting.log.decided(situation, decision, by, self._sitting.now - started, fallback)
        self._sitting.decided(view, decision)
        self._memory.decided(view, decision)
        return decision


def _messages(view: MarketView, decision: Decision) -> list[tuple[Mapping[str, Any], OrderIntent | None]]:
    """Return a decision's live messages in the order of sending, each with the order it places, if any.

    Each names its round, so that the server can refuse one that comes too late for it.
    """
    where = {"round": overall_round(view)}
    cancels: list[tuple[Mapping[str, Any], OrderIntent | None]] = [
        ({"type": "cancel", "order_id": order_id, **where}, None) for order_id in decision.cancel
    ]
    return cancels + [
        (
            {
                "type": "place",
                "side": one.side.value,
                "quantity": one.quantity,
                "limit": f"{one.limit:f}",
                **where,
            },
            one,
        )
        for one in decision.orders
    ]
