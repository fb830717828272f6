"""The loop of one trader: look → decide → act → record.

The agent owns time: a decision gets the page's time less a margin for acting, and where it fails the declared
fallback acts at once. Nothing here knows whether the page is in a browser, and nobody ever waits for a bot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from bots.agents.forms import plain_answers
from bots.agents.memory import Memory
from bots.domain.errors import DecisionFailed, FailureKind, PageOverdue, SeatError, SessionLost
from bots.domain.experiment import Seat
from bots.domain.market import Decision, MarketView
from bots.domain.pages import Act, Answer, Page, PageKind, SendLive, SubmitForm, check_flow
from bots.domain.ports import Clock, DecisionMaker, ParticipantSession, RunStore, Situation
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    PageMissed,
    PageSeen,
    SeatOpened,
)

_MOST_REFUSALS = 3  # of one form, before the seat gives up
_CANCEL_SECONDS = 1.0  # a decision maker gets this long to stop when its page has gone


@dataclass(frozen=True, slots=True)
class Pace:
    """How an agent spends a page's time.

    Attributes:
        untimed_seconds: longest decision on a page without a timer.
        margin_seconds: least time kept for acting before the page's timer ends.
        act_seconds: longest wait for the server's answer to one act.
        broken_waits: seconds between looks at a server that answers with errors, before the seat gives up.
    """

    untimed_seconds: float = 120.0
    margin_seconds: float = 1.0
    act_seconds: float = 30.0
    broken_waits: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 60)


@dataclass(frozen=True, slots=True)
class Table:
    """What all traders of a run share.

    Attributes:
        store: where everything is recorded, each act before it is sent.
        until: the run's deadline, monotonic seconds.
        run_id: makes the names of acts unique among all runs on one oTree session.
    """

    store: RunStore
    clock: Clock
    until: float
    run_id: str
    pace: Pace = field(default_factory=Pace)


class _PageLeft(Exception):
    """The server moved the trader on before it had acted."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.name)
        self.page = page


class TradingAgent:
    """One trader at one seat.

    Args:
        seat: who sits where.
        session: the seat's pages.
        maker: decides on trade and forecast pages.
        fallback: decides where `maker` failed.
        table: what it shares with the run's other traders.
    """

    def __init__(
        self,
        seat: Seat,
        session: ParticipantSession,
        *,
        maker: DecisionMaker,
        fallback: DecisionMaker,
        table: Table,
    ) -> None:
        self._seat = seat
        self._session = session
        self._maker = maker
        self._fallback = fallback
        self._store = table.store
        self._clock = table.clock
        self._until = table.until
        self._run_id = table.run_id
        self._pace = table.pace
        self._memory = Memory()
        self._view: MarketView | None = None
        self._act_latency = 0.25
        self._refusals = 0
        self._broken = 0
        self._decisions = 0
        self._acts = 0
        self._steps: Mapping[str, Callable[[Page, MarketView], Awaitable[Page]]] = {
            "trade": self._trade,
            "forecast": self._forecast,
        }

    async def play(self) -> None:
        """Play from the page that is due to the end of the session.

        Raises:
            SeatError: the seat cannot go on.
        """
        seat = self._seat
        self._store.append(
            SeatOpened(
                at=self._clock.now(),
                seat=seat.number,
                participant=seat.participant,
                trader=seat.trader,
                seed=seat.seed,
            )
        )
        page = await self._session.look()
        seen = ""
        while True:
            if page.visit != seen:
                self._note(page)
                seen = page.visit
            if page.kind is PageKind.END or page.name == "payment":
                return
            page = await self._step(page)

    async def _step(self, page: Page) -> Page:
        if page.kind is PageKind.BROKEN:
            return await self._after_broken(page)
        self._broken = 0
        if page.kind is PageKind.WAIT:
            return await self._next(page)
        step = self._steps.get(page.name) if page.market else None
        if step is None or page.market is None:
            return await self._submit(page, plain_answers(page.form) if page.form else {})
        try:
            return await step(page, page.market)
        except _PageLeft as left:
            self._missed(page, f"the server moved on to {left.page.name} first")
            return left.page

    async def _after_broken(self, page: Page) -> Page:
        """Give a server that answers with errors time to come back, longer each time, then look again."""
        self._broken += 1
        if self._broken > len(self._pace.broken_waits):
            raise SessionLost(f"the server still answers with an error page: {page.title or page.text[:200]}")
        await asyncio.sleep(self._pace.broken_waits[self._broken - 1])
        return await self._session.look()

    async def _next(self, page: Page) -> Page:
        """Wait until the page goes on by itself."""
        after = await self._session.wait(page, self._until)
        if after is None:
            raise PageOverdue(f"{page.name} did not go on before the run's time was over")
        return after

    async def _trade(self, page: Page, view: MarketView) -> Page:
        decision = await self._decide(page, view)
        for order_id in decision.cancel:
            await self._live(page, {"type": "cancel", "order_id": order_id})
        for order in decision.orders:
            answer = await self._live(
                page,
                {
                    "type": "place",
                    "side": order.side.value,
                    "quantity": order.quantity,
                    "limit": str(order.limit),
                },
            )
            self._memory = self._memory.after_answer(view, order, answer)
        return await self._submit(page, {})

    async def _forecast(self, page: Page, view: MarketView) -> Page:
        decision = await self._decide(page, view)
        return await self._submit(page, {one.field: str(one.value) for one in decision.forecasts})

    async def _decide(self, page: Page, view: MarketView) -> Decision:
        """Return the trader's decision, or the declared fallback's where it fails.

        Raises:
            _PageLeft: the page went on meanwhile.
        """
        situation = Situation(
            seat=self._seat.number,
            decision=self._next_decision(view),
            view=view,
            memory=self._memory.remembered,
        )
        started = self._clock.monotonic()
        deadline = self._decision_deadline(page)
        try:
            decision = await self._unless_page_goes(
                page, self._maker.decide(situation, deadline, self._store.append), deadline
            )
        except DecisionFailed as error:
            self._store.append(
                DecisionNotMade(
                    at=self._clock.now(),
                    seat=self._seat.number,
                    decision=situation.decision,
                    page=view.page,
                    round=_overall(view),
                    kind=error.kind,
                    reason=error.reason,
                    seconds=self._clock.monotonic() - started,
                )
            )
            decision = await self._fallback.decide(situation, deadline, self._store.append)
            self._made(situation, decision, self._fallback.name, started, fallback=True)
        else:
            self._made(situation, decision, self._maker.name, started, fallback=False)
        self._memory = self._memory.after_decision(view, decision)
        return decision

    def _next_decision(self, view: MarketView) -> str:
        self._decisions += 1
        return f"s{self._seat.number}-r{_overall(view) or 0}-{view.page}-{self._decisions}"

    def _decision_deadline(self, page: Page) -> float:
        """The page's time less a margin that follows the measured latency of acting."""
        now = self._clock.monotonic()
        if page.expires_at is None:
            return min(self._until, now + self._pace.untimed_seconds)
        margin = max(self._pace.margin_seconds, 4 * self._act_latency)
        return min(self._until, page.expires_at - margin)

    async def _unless_page_goes(
        self, page: Page, deciding: Coroutine[Any, Any, Decision], deadline: float
    ) -> Decision:
        decision = asyncio.create_task(deciding)
        gone = asyncio.create_task(self._gone(page, deadline))
        try:
            done, _ = await asyncio.wait(
                {decision, gone},
                timeout=max(0.0, deadline - self._clock.monotonic()),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            decision.cancel()
            gone.cancel()
            await asyncio.wait({decision, gone}, timeout=_CANCEL_SECONDS)
        after = gone.result() if gone in done else None
        if after is not None:
            raise _PageLeft(after)
        if decision in done:
            return decision.result()
        raise DecisionFailed(FailureKind.TIMEOUT, "no decision before the page's deadline")

    async def _gone(self, page: Page, until: float) -> Page | None:
        """Return the page that took the place of `page`, or None if none did by `until`."""
        after: Page | None = page
        while after is not None and after.visit == page.visit:
            after = await self._session.wait(after, until)
        return after

    async def _live(self, page: Page, message: Mapping[str, Any]) -> Answer:
        ref = self._next_ref()
        act = SendLive({**message, "ref": ref}, ref)
        try:
            return await self._act(page, act, ref)
        except TimeoutError as error:
            return Answer(accepted=False, words=(str(error) or "no answer from the server in time",))

    async def _submit(self, page: Page, values: Mapping[str, str | tuple[str, ...]]) -> Page:
        ref = self._next_ref()
        button = page.form.buttons[0] if page.form and page.form.buttons else None
        try:
            answer = await self._act(page, SubmitForm(values, button), ref)
        except TimeoutError:
            return await self._session.look()
        after = answer.page or await self._session.look()
        self._count_refusals(page, answer, after)
        return after

    def _count_refusals(self, page: Page, answer: Answer, after: Page) -> None:
        stuck = not answer.accepted and after.location == page.location
        self._refusals = self._refusals + 1 if stuck else 0
        if self._refusals >= _MOST_REFUSALS:
            words = " ".join(answer.words) or "no reason given"
            raise SeatError(f"{page.name} was refused {self._refusals} times: {words}")

    def _next_ref(self) -> str:
        self._acts += 1
        return f"{self._run_id}-s{self._seat.number}-{self._acts}"

    async def _act(self, page: Page, act: Act, ref: str) -> Answer:
        """Record the act, send it, record the answer.

        Raises:
            TimeoutError: no answer in time; recorded as unanswered.
        """
        content = dict(act.message) if isinstance(act, SendLive) else {"values": dict(act.values)}
        self._store.append(
            ActSent(
                at=self._clock.now(),
                seat=self._seat.number,
                act="live" if isinstance(act, SendLive) else "form",
                page=page.name,
                location=page.location,
                round=_overall(page.market),
                ref=ref,
                content=content,
            )
        )
        started = self._clock.monotonic()
        try:
            answer = await self._session.act(act, min(self._until, started + self._pace.act_seconds))
        except TimeoutError as error:
            self._store.append(
                ActUnanswered(
                    at=self._clock.now(),
                    seat=self._seat.number,
                    ref=ref,
                    reason=str(error) or "no answer in time",
                )
            )
            raise
        self._act_latency += 0.3 * (self._clock.monotonic() - started - self._act_latency)
        self._store.append(
            ActAnswered(
                at=self._clock.now(),
                seat=self._seat.number,
                ref=ref,
                accepted=answer.accepted,
                words=answer.words,
                content=dict(answer.frame) if answer.frame is not None else None,
            )
        )
        return answer

    def _made(
        self, situation: Situation, decision: Decision, by: str, started: float, *, fallback: bool
    ) -> None:
        self._store.append(
            DecisionMade(
                at=self._clock.now(),
                seat=self._seat.number,
                decision=situation.decision,
                page=situation.view.page,
                round=_overall(situation.view),
                by=by,
                fallback=fallback,
                seconds=self._clock.monotonic() - started,
                content=decision,
            )
        )

    def _note(self, page: Page) -> None:
        """Record a page, and check that it may follow the last one."""
        left = None if page.expires_at is None else round(page.expires_at - self._clock.monotonic(), 3)
        self._store.append(
            PageSeen(
                at=self._clock.now(),
                seat=self._seat.number,
                page=page.name,
                kind=page.kind.value,
                location=page.location,
                seconds_left=left,
                view=page.market,
                text="" if page.market else page.text,
                form=page.form if page.form and page.form.fields else None,
                errors=page.errors,
            )
        )
        if page.market is not None:
            check_flow(self._view, page.market)
            self._view = page.market

    def _missed(self, page: Page, reason: str) -> None:
        self._store.append(
            PageMissed(
                at=self._clock.now(),
                seat=self._seat.number,
                page=page.name,
                round=_overall(page.market),
                reason=reason,
            )
        )


def _overall(view: MarketView | None) -> int | None:
    return view.round.overall if view is not None and view.round is not None else None
