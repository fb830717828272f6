"""What a trader does on any page: decides in its time, acts, hears what became of it.

What is sent stands on record before it is sent, under a name of its own, and is never sent twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from typing import Any

from bots.agents.past import Past
from bots.agents.period_trading import is_open
from bots.agents.sitting import Sitting
from bots.agents.visitor import PageLeft
from bots.agents.waiting import Waiting
from bots.domain.errors import DecisionFailed, FailureKind, PageOverdue, SeatError
from bots.domain.market import Decision, MarketView
from bots.domain.pages import Act, Answer, Page, SendLive, SubmitForm

_MOST_REFUSALS = 3  # of one form, before the seat gives up
_CANCEL_SECONDS = 1.0  # a decision maker gets this long to stop when its page has gone


class AtPage:
    """One trader's decisions and acts; the `bots.agents.visitor.Hands` of a participant."""

    def __init__(self, sitting: Sitting, waiting: Waiting, past: Past) -> None:
        self._sitting = sitting
        self._waiting = waiting
        self._decisions = past.decisions
        self._acts = past.acts
        self._act_latency = 0.25
        self._refusals = 0

    def next_decision(self, page: str, overall: int | None) -> str:
        """Return the name of the next decision, unique in the run."""
        self._decisions += 1
        return f"s{self._sitting.seat.number}-r{overall or 0}-{page}-{self._decisions}"

    def decision_deadline(self, page: Page) -> float:
        """Return the end of the page's time less a margin that follows the measured latency of acting."""
        pace = self._sitting.table.pace
        if page.expires_at is None:
            return min(self._sitting.table.until, self._sitting.now + pace.untimed_seconds)
        margin = max(pace.margin_seconds, 4 * self._act_latency)
        return min(self._sitting.table.until, page.expires_at - margin)

    async def give_way(self) -> None:
        """Let the run's other traders have their turn before a decision that takes no time.

        Raises:
            DecisionFailed: the trader is paused.
        """
        await asyncio.sleep(0)
        if self._is_paused:
            raise DecisionFailed(FailureKind.PAUSED, "the trader is paused")

    @property
    def _is_paused(self) -> bool:
        return self._sitting.seat.number in self._sitting.table.pauses.seats

    async def decided_here(
        self, page: Page, deciding: Coroutine[Any, Any, Decision], deadline: float
    ) -> Decision:
        """Return a decision, if the page stays until it is made.

        Raises:
            DecisionFailed: none by the deadline, or as the decision maker says.
            PageLeft: the page went on meanwhile.
        """
        if self._is_paused:
            deciding.close()
            raise DecisionFailed(FailureKind.PAUSED, "the trader is paused")
        decision = asyncio.create_task(deciding)
        gone = asyncio.create_task(self._gone(page, deadline))
        paused = asyncio.create_task(self._sitting.table.pauses.until_paused(self._sitting.seat.number))
        try:
            done, _ = await asyncio.wait(
                {decision, gone, paused},
                timeout=max(0.0, deadline - self._sitting.now),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            for task in (decision, gone, paused):
                task.cancel()
            await asyncio.wait({decision, gone, paused}, timeout=_CANCEL_SECONDS)
        after = gone.result() if gone in done else None
        if after is not None:
            raise PageLeft(after)
        if decision in done:
            return decision.result()
        if paused in done:
            raise DecisionFailed(FailureKind.PAUSED, "the trader was paused while it decided")
        raise DecisionFailed(FailureKind.TIMEOUT, "no decision before the page's deadline")

    async def _gone(self, page: Page, until: float) -> Page | None:
        """Return the page that took the place of `page`, or on which the market closed; None at `until`.

        A page that is loaded anew, as after its tab was lost, is still there.
        """
        after: Page | None = page
        while after is not None and is_open(after):
            if after.visit != page.visit:
                if not after.shows_no_more_than(page):
                    break
                self._sitting.log.page_seen(after)
                page = after
            after = await self._sitting.session.wait(after, until)
        return after

    async def live(self, page: Page, message: Mapping[str, Any]) -> Answer:
        """Send one live message and return its answer; none in time is one that is not accepted."""
        ref = self._next_ref()
        act = SendLive({**message, "ref": ref}, ref)
        self._sitting.sent(page, act, ref)
        return await self._answer_to_live(act, ref)

    async def live_again(self, page: Page, view: MarketView, ref: str, message: Mapping[str, Any]) -> Answer:
        """Learn what became of a message whose answer was lost; the server does nothing twice for one ref."""
        told = view.market.stated_by == "readPage"  # it knows no names of orders and would place it twice
        if told and not view.orders_known:
            return Answer(accepted=False, words=("not sent again: whether it had arrived is not known",))
        if any(order.ref == ref for order in view.open_orders) or (told and self._is_listed(view, message)):
            answer = Answer(accepted=True, words=("found among the open orders of the page",))
            self._sitting.answered(ref, answer)
            return answer
        return await self._answer_to_live(SendLive({**message, "ref": ref}, ref), ref)

    def _is_listed(self, view: MarketView, message: Mapping[str, Any]) -> bool:
        """Tell whether more orders like a message's are listed than the answered ones of the decision."""
        begun = self._sitting.unfinished
        alike = [_triple(one.content) for one in begun.sent if one.ref in begun.answered] if begun else []
        listed = [(one.side.value, one.quantity, one.limit) for one in view.open_orders]
        wanted = _triple(message)
        return wanted is not None and listed.count(wanted) > alike.count(wanted)

    async def _answer_to_live(self, act: SendLive, ref: str) -> Answer:
        try:
            return await self._act(act, ref)
        except TimeoutError as error:
            return Answer(accepted=False, words=(str(error) or "no answer from the server in time",))

    async def submit(self, page: Page, values: Mapping[str, str | tuple[str, ...]]) -> Page:
        buttons = page.form.onward if page.form else ()
        answer, after = await self.send(page, SubmitForm(values, buttons[0] if buttons else None))
        if answer is not None:
            self._count_refusals(page, answer, after)
        return after

    async def send(self, page: Page, act: Act, decision: str = "") -> tuple[Answer | None, Page]:
        """Do an act; return the server's answer, None where none came in time, and the page after it."""
        ref = self._next_ref()
        self._sitting.sent(page, act, ref, decision)
        try:
            answer = await self._act(act, ref)
        except TimeoutError:
            self._sitting.interrupted = True
            return None, await self._waiting.look()
        return answer, answer.page or await self._waiting.look()

    def _count_refusals(self, page: Page, answer: Answer, after: Page) -> None:
        stuck = not answer.accepted and after.location == page.location
        self._refusals = self._refusals + 1 if stuck else 0
        if self._refusals >= _MOST_REFUSALS:
            words = " ".join(answer.words) or "no reason given"
            raise SeatError(f"{page.name} was refused {self._refusals} times: {words}")

    async def wait_for_news(self, page: Page, seconds: float | None) -> Page:
        """Return the page once there is news, or as it is after so many seconds; None waits until it goes.

        Raises:
            PageOverdue: it did not go before the run's time was over.
        """
        until = self._sitting.table.until if seconds is None else self._sitting.now + seconds
        if seconds is None:
            after = await self._gone(page, until)
            if after is None:
                raise PageOverdue(f"{page.name} did not go on before the run's time was over")
            return after
        return (
            await self._sitting.session.wait(page, min(until, self._sitting.table.until))
            or await self._sitting.session.look()
        )

    def _next_ref(self) -> str:
        self._acts += 1
        return f"{self._sitting.table.run_id}-s{self._sitting.seat.number}-{self._acts}"

    async def _act(self, act: Act, ref: str) -> Answer:
        """Send an act that is on record, record the answer.

        Raises:
            TimeoutError: no answer in time; recorded as unanswered.
            SeatError: the seat cannot go on; the act is recorded as unanswered.
        """
        started = self._sitting.now
        pace = self._sitting.table.pace
        echo = isinstance(act, SendLive) and act.ref is None
        until = min(self._sitting.table.until, started + (pace.echo_seconds if echo else pace.act_seconds))
        try:
            answer = await self._sitting.session.act(act, until)
        except TimeoutError as error:
            self._sitting.log.unanswered(ref, str(error) or "no answer in time")
            raise
        except SeatError as error:  # it ends the seat; what it was sent on shows nothing more
            self._sitting.log.unanswered(ref, str(error))
            raise
        self._act_latency += 0.3 * (self._sitting.now - started - self._act_latency)
        self._sitting.answered(ref, answer)
        return answer


def _triple(message: Mapping[str, Any]) -> tuple[str, int, Decimal] | None:
    """Return side, shares and limit of the order that a message places; None where it places none."""
    if message.get("type") != "place":
        return None
    return str(message["side"]), int(message["quantity"]), Decimal(str(message["limit"]))
