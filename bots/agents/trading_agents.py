"""The loop of one trader: look → decide → act → record.

The agent owns time: a decision gets the page's time less a margin for acting, and where it fails the declared
fallback acts at once. Nothing here knows whether the page is in a browser, and nobody ever waits for a bot.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from bots.agents.forms import FormAnswers, UnthinkingAnswers, plain_answers
from bots.agents.page_notes import Remembering
from bots.agents.past import Past, Unfinished, decision_pages_between
from bots.agents.pauses import Pauses
from bots.agents.period_trading import PeriodTrader, Rhythm, is_open
from bots.agents.seat_log import SeatLog, overall_round
from bots.agents.visitor import PageLeft, Visitor
from bots.domain.errors import (
    DecisionFailed,
    FailureKind,
    LedAway,
    PageOverdue,
    SeatError,
    SessionLost,
    WaitedTooLong,
)
from bots.domain.experiment import Seat
from bots.domain.market import Decision, MarketView, OrderIntent
from bots.domain.pages import Act, Answer, Page, PageKind, SendLive, SubmitForm, Trouble, check_flow
from bots.domain.ports import (
    Clock,
    DecisionMaker,
    PageDecider,
    ParticipantSession,
    Reflecting,
    RunStore,
    Situation,
)

_log = logging.getLogger(__name__)
_MOST_REFUSALS = 3  # of one form, before the seat gives up
_LAST_MOMENT = 0.05  # seconds: a wait to the run's end may return so early
_CANCEL_SECONDS = 1.0  # a decision maker gets this long to stop when its page has gone


@dataclass(frozen=True, slots=True)
class Pace:
    """How an agent spends a page's time.

    Attributes:
        untimed_seconds: longest decision on a page without a timer.
        margin_seconds: least time kept for acting before the page's timer ends.
        act_seconds: longest wait for the server's answer to one act.
        wait_seconds: longest stay on one wait page; None: to the run's end.
        echo_seconds: longest wait for what an app pushes after a live message that it need not answer.
        period: how a period of a double auction is spent.
        broken_waits: seconds between looks at a server that is away or answers with errors. One that is
            away is waited for to the run's end, the last of these at a time; errors that stay end the seat.
        gone_looks: looks after which a participant that the server does not know was deleted.
    """

    untimed_seconds: float = 120.0
    margin_seconds: float = 1.0
    act_seconds: float = 30.0
    echo_seconds: float = 2.0
    wait_seconds: float | None = None
    broken_waits: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 60)
    gone_looks: int = 4
    period: Rhythm = field(default_factory=Rhythm)


@dataclass(frozen=True, slots=True)
class Table:
    """What all traders of a run share.

    Attributes:
        store: where everything is recorded, each act before it is sent.
        until: the run's deadline, monotonic seconds.
        run_id: makes the names of acts unique among all runs on one oTree session.
        forms: how forms outside markets are answered where nobody decides, or a decision fails.
        pauses: the seats whose fallback decides for now.
        with_people: people sit in the session too, who wait for a bot on a page without a timer.
    """

    store: RunStore
    clock: Clock
    until: float
    run_id: str
    pace: Pace = field(default_factory=Pace)
    forms: FormAnswers = FormAnswers.DEFAULT
    pauses: Pauses = field(default_factory=Pauses)
    with_people: bool = False


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
        self._seat = seat
        self._session = session
        self._waiting = ("", 0.0)  # on which page, and since when
        self._maker = maker
        self._fallback = fallback
        self._table = table
        self._clock = table.clock
        remembering = Remembering(table.store, past.notes)
        self._log = SeatLog(seat, remembering, table.clock)
        unthinking = UnthinkingAnswers(seat.seed, table.forms)
        decider = maker if isinstance(maker, PageDecider) else unthinking
        self._visitor = Visitor(self, self._log, remembering, table.clock, (decider, unthinking))
        self._memory = past.memory
        self._view = past.view
        self._rounds = past.rounds
        self._left_open = past.left_open
        self._unfinished = past.unfinished
        self._in_flight = past.unanswered
        self._interrupted = True  # the last page was not left in order: what was begun on it is gone on with
        self._decisions = past.decisions
        self._acts = past.acts
        self._act_latency = 0.25
        self._refusals = 0
        self._broken = 0
        self._steps: Mapping[str, Callable[[Page, MarketView], Awaitable[Page]]] = {
            "trade": self._trade,
            "forecast": self._forecast,
            "final": self._end_phase,
        }

    async def play(self) -> None:
        """Play from the page that is due to the end of the session.

        Raises:
            SeatError: the seat cannot go on.
        """
        self._log.opened()
        try:
            await self._play()
        except LedAway as away:
            if not away.completes:
                raise
            self._note(_completion(away))

    async def _play(self) -> None:
        page = await self._look()
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
                if self._time_is_over:
                    raise
                page = await self._look()

    async def _look(self) -> Page:
        """Return the present page; a server that shows nothing is given time, to the run's end.

        Raises:
            PageOverdue: the run's time is over.
        """
        while True:
            try:
                return await self._session.look()
            except PageOverdue as error:
                if self._time_is_over:
                    raise
                self._interrupted = True
                await self._give_time(str(error))

    @property
    def _time_is_over(self) -> bool:
        return self._clock.monotonic() >= self._table.until - _LAST_MOMENT

    def _counted(self, page: Page) -> Page:
        """Return a page with its round counted from the session's first, where the page does not do that."""
        if page.market is None:
            return page
        view = self._rounds.placed(page.market, page.location, self._view)
        self._rounds = self._rounds.after(view, page.location)
        return page if view is page.market else replace(page, market=view)

    def _note(self, page: Page) -> None:
        """Record a page, and the decision pages that went by since the last one."""
        self._log.page_seen(page)
        if page.kind is not PageKind.BROKEN:
            self._note_in_flight(page.market)
        if page.market is None:
            return
        check_flow(self._view, page.market)
        self._note_left_open(page.market)
        if self._view is not None:
            for name, overall in decision_pages_between(self._view, page.market):
                self._log.page_missed(name, overall, "the server went past it while the trader was elsewhere")
        self._view = page.market

    def _note_in_flight(self, view: MarketView | None) -> None:
        """Record that acts on which the run was cut short have no answer, but for orders that get one now."""
        begun = self._unfinished if view and self._unfinished and self._unfinished.fits(view) else None
        sent_again = {act.ref for act in begun.sent} if begun else set()
        for ref in self._in_flight:
            if ref not in sent_again:
                self._log.unanswered(ref, "the run was cut short before the answer came")
        self._in_flight = ()

    def _note_left_open(self, view: MarketView) -> None:
        """Record the page on which the run was cut short, if the server has moved on since."""
        left_open, self._left_open = self._left_open, None
        if left_open and left_open != (view.page, overall_round(view)):
            self._log.page_missed(*left_open, "the run was cut short on it and the server has moved on")

    async def _step(self, page: Page) -> Page:
        if page.kind is PageKind.BROKEN:
            return await self._after_broken(page)
        self._broken = 0
        if page.kind is PageKind.WAIT:
            return await self._next(page)
        try:
            if page.market is None:
                return await self._visitor.visit(page)
            step = self._steps.get(page.name)
            if step is None:
                return await self._submit(page, plain_answers(page.form) if page.form else {})
            return await step(page, page.market)
        except PageLeft as left:
            reason = f"the server moved on to {left.page.name} first"
            self._log.page_missed(page.name, overall_round(page.market), reason)
            return left.page

    async def _after_broken(self, page: Page) -> Page:
        """Give a server time to come back, longer each time, then look again.

        Raises:
            SeatError: the participant is gone, or the page stays broken.
            SessionLost: the server is still away when the run's time is over.
        """
        self._interrupted = True
        words = page.title or page.text[:200]
        if page.trouble is Trouble.AWAY:
            if self._time_is_over:
                raise SessionLost(f"the server was away when the run's time was over: {words}")
        elif page.trouble is Trouble.GONE and self._broken + 1 >= self._table.pace.gone_looks:
            raise SeatError(
                f"the server does not know participant {self._seat.participant} (any more): the session was "
                f"deleted, or the link is another server's ({words})"
            )
        elif self._broken >= len(self._table.pace.broken_waits):
            raise SessionLost(f"the server still answers with an error page: {words}")
        await self._give_time(words)
        return await self._look()

    async def _give_time(self, words: str) -> None:
        waits = self._table.pace.broken_waits
        pause = waits[min(self._broken, len(waits) - 1)]
        self._broken += 1
        _log.info("seat %s waits %g s for the server: %s", self._seat.number, pause, words)
        await asyncio.sleep(min(pause, max(0.0, self._table.until - self._clock.monotonic())))

    async def _next(self, page: Page) -> Page:
        """Wait until the page goes on by itself."""
        location, since = self._waiting
        if location != page.location:  # a wait page that loads itself again is the same wait
            location, since = self._waiting = page.location, self._clock.monotonic()
        limit = self._table.pace.wait_seconds
        until = self._table.until if limit is None else min(self._table.until, since + limit)
        after = await self._session.wait(page, until)
        if after is None:
            words = " ".join(page.text.split())[:200]
            told = f"; it says: {words}" if words else ""
            reason = f"{page.name} did not go on for {self._clock.monotonic() - since:.0f} s{told}"
            raise PageOverdue(reason) if until == self._table.until else WaitedTooLong(reason)
        return after

    async def _trade(self, page: Page, view: MarketView) -> Page:
        if view.period is not None:
            return await PeriodTrader(self, self._table.pace.period, self._clock.monotonic).trade(page)
        begun = self.begun(view)
        decision = begun.decision if begun else await self.decide(page, view)
        await self.carry_out(page, view, decision, begun)
        return await self._submit(page, {})

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
                answer = await self._live_again(page, view, begun.sent[position].ref, message)
            if order is not None:
                self._memory = self._memory.after_answer(view, order, answer)
            if answer.page is not None and answer.page.visit != page.visit:
                raise PageLeft(answer.page)
            accepted += answer.accepted
        return accepted

    async def look_again(self, page: Page) -> Page:
        """Return the page as it is after what has come in, and record it.

        Raises:
            PageLeft: another one has taken its place.
        """
        return self._same(page, await self._look())

    async def hear(self, page: Page, until: float | None = None) -> Page | None:
        """Return the page once it has had another frame, and record it; None when time is over.

        Raises:
            PageLeft: another one has taken its place.
        """
        ends = self._table.until if until is None else min(until, self._table.until)
        after = await self._session.wait(page, ends)
        return None if after is None else self._same(page, after)

    def _same(self, page: Page, after: Page) -> Page:
        if after.visit != page.visit:
            raise PageLeft(after)
        if after.market is not None and after.revision > page.revision:
            self._log.frames_heard(after, page.revision)
            self._view = after.market
        return after

    async def leave_page(self, page: Page) -> Page:
        """Send the page's form as it stands and return the page after it."""
        return await self._submit(page, {})

    async def _forecast(self, page: Page, view: MarketView) -> Page:
        begun = self.begun(view)
        decision = begun.decision if begun else await self.decide(page, view)
        return await self._submit(page, {one.field: f"{one.value:f}" for one in decision.forecasts})

    async def _end_phase(self, page: Page, view: MarketView) -> Page:
        """Leave the last page of a phase, having looked back where the decision maker does."""
        maker = self._maker
        if (
            isinstance(maker, Reflecting)
            and maker.reflects
            and self._has_time_to_reflect(page)
            and self.begun(view) is None
        ):
            await self._reflect(page, view, maker)
        return await self._submit(page, plain_answers(page.form) if page.form else {})

    def _has_time_to_reflect(self, page: Page) -> bool:
        """Tell whether no person waits for it, and the trader remembers anything at all."""
        timed = page.expires_at is not None
        return self._memory.keeps and (timed or not self._table.with_people)

    async def _reflect(self, page: Page, view: MarketView, maker: Reflecting) -> None:
        """Let the trader look back and remember it; where it fails nobody does in its place.

        Raises:
            PageLeft: the page went on meanwhile.
        """
        situation, started = self._situation(view), self._clock.monotonic()
        deadline = self.decision_deadline(page)
        record = self._table.store.append
        try:
            decision = await self.decided_here(page, maker.reflect(situation, deadline, record), deadline)
        except DecisionFailed as error:
            self._log.not_decided(situation, error, self._clock.monotonic() - started)
            return
        self._log.decided(situation, decision, self._maker.name, self._clock.monotonic() - started, False)
        self._unfinished = Unfinished(view.page, overall_round(view), decision)
        self._memory = self._memory.after_decision(view, decision)

    def _situation(self, view: MarketView) -> Situation:
        name = self.next_decision(view.page, overall_round(view))
        return Situation(self._seat.number, name, view, self._memory.remembered, self._memory.keeps)

    def begun(self, view: MarketView) -> Unfinished | None:
        """Return what was decided for this very page before the run or the connection broke.

        Orders stand once they are placed, so a trade page that comes again is never traded on anew.
        """
        unfinished, self._unfinished = self._unfinished, None
        interrupted, self._interrupted = self._interrupted, False
        if unfinished is None or not unfinished.fits(view) or not (interrupted or view.page == "trade"):
            return None
        self._unfinished = unfinished
        return unfinished

    async def decide(self, page: Page, view: MarketView) -> Decision:
        """Return the trader's decision, or the declared fallback's where it fails.

        Raises:
            PageLeft: the page went on meanwhile.
        """
        situation = self._situation(view)
        started = self._clock.monotonic()
        deadline = self.decision_deadline(page)
        record = self._table.store.append
        try:
            decision = await self.decided_here(
                page, self._maker.decide(situation, deadline, record), deadline
            )
        except DecisionFailed as error:
            self._log.not_decided(situation, error, self._clock.monotonic() - started)
            decision = await self._fallback.decide(situation, deadline, record)
            by, fallback = self._fallback.name, True
        else:
            by, fallback = self._maker.name, False
        self._log.decided(situation, decision, by, self._clock.monotonic() - started, fallback)
        self._unfinished = Unfinished(view.page, overall_round(view), decision)
        self._memory = self._memory.after_decision(view, decision)
        return decision

    def next_decision(self, page: str, overall: int | None) -> str:
        """Return the name of the next decision, unique in the run."""
        self._decisions += 1
        return f"s{self._seat.number}-r{overall or 0}-{page}-{self._decisions}"

    def decision_deadline(self, page: Page) -> float:
        """Return the end of the page's time less a margin that follows the measured latency of acting."""
        pace = self._table.pace
        if page.expires_at is None:
            return min(self._table.until, self._clock.monotonic() + pace.untimed_seconds)
        margin = max(pace.margin_seconds, 4 * self._act_latency)
        return min(self._table.until, page.expires_at - margin)

    async def decided_here(
        self, page: Page, deciding: Coroutine[Any, Any, Decision], deadline: float
    ) -> Decision:
        """Return a decision, if the page stays until it is made.

        Raises:
            DecisionFailed: none by the deadline, or as the decision maker says.
            PageLeft: the page went on meanwhile.
        """
        if self._seat.number in self._table.pauses.seats:
            deciding.close()
            raise DecisionFailed(FailureKind.PAUSED, "the trader is paused")
        decision = asyncio.create_task(deciding)
        gone = asyncio.create_task(self._gone(page, deadline))
        paused = asyncio.create_task(self._table.pauses.until_paused(self._seat.number))
        try:
            done, _ = await asyncio.wait(
                {decision, gone, paused},
                timeout=max(0.0, deadline - self._clock.monotonic()),
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
        """Return the page that took the place of `page`, or on which the market closed; None at `until`."""
        after: Page | None = page
        while after is not None and after.visit == page.visit and is_open(after):
            after = await self._session.wait(after, until)
        return after

    async def live(self, page: Page, message: Mapping[str, Any]) -> Answer:
        """Send one live message and return its answer; none in time is one that is not accepted."""
        ref = self._next_ref()
        act = SendLive({**message, "ref": ref}, ref)
        self._sent(page, act, ref)
        return await self._answer_to_live(act, ref)

    async def _live_again(self, page: Page, view: MarketView, ref: str, message: Mapping[str, Any]) -> Answer:
        """Learn what became of a message whose answer was lost; the server does nothing twice for one ref."""
        told = view.market.stated_by == "readPage"  # it knows no names of orders and would place it twice
        if told and not view.orders_known:
            return Answer(accepted=False, words=("not sent again: whether it had arrived is not known",))
        if any(order.ref == ref for order in view.open_orders) or (told and self._is_listed(view, message)):
            answer = Answer(accepted=True, words=("found among the open orders of the page",))
            self._answered(ref, answer)
            return answer
        return await self._answer_to_live(SendLive({**message, "ref": ref}, ref), ref)

    def _is_listed(self, view: MarketView, message: Mapping[str, Any]) -> bool:
        """Tell whether more orders like a message's are listed than the answered ones of the decision."""
        begun = self._unfinished
        alike = [_triple(one.content) for one in begun.sent if one.ref in begun.answered] if begun else []
        listed = [(one.side.value, one.quantity, one.limit) for one in view.open_orders]
        wanted = _triple(message)
        return wanted is not None and listed.count(wanted) > alike.count(wanted)

    async def _answer_to_live(self, act: SendLive, ref: str) -> Answer:
        try:
            return await self._act(act, ref)
        except TimeoutError as error:
            return Answer(accepted=False, words=(str(error) or "no answer from the server in time",))

    async def _submit(self, page: Page, values: Mapping[str, str | tuple[str, ...]]) -> Page:
        button = page.form.onward[0] if page.form and page.form.onward else None
        answer, after = await self.send(page, SubmitForm(values, button))
        if answer is not None:
            self._count_refusals(page, answer, after)
        return after

    async def send(self, page: Page, act: Act, decision: str = "") -> tuple[Answer | None, Page]:
        """Do an act; return the server's answer, None where none came in time, and the page after it."""
        ref = self._next_ref()
        self._sent(page, act, ref, decision)
        try:
            answer = await self._act(act, ref)
        except TimeoutError:
            self._interrupted = True
            return None, await self._look()
        return answer, answer.page or await self._look()

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
        until = self._table.until if seconds is None else self._clock.monotonic() + seconds
        if seconds is None:
            after = await self._gone(page, until)
            if after is None:
                raise PageOverdue(f"{page.name} did not go on before the run's time was over")
            return after
        return await self._session.wait(page, min(until, self._table.until)) or await self._session.look()

    def _next_ref(self) -> str:
        self._acts += 1
        return f"{self._table.run_id}-s{self._seat.number}-{self._acts}"

    async def _act(self, act: Act, ref: str) -> Answer:
        """Send an act that is on record, record the answer.

        Raises:
            TimeoutError: no answer in time; recorded as unanswered.
            SeatError: the seat cannot go on; the act is recorded as unanswered.
        """
        started = self._clock.monotonic()
        pace = self._table.pace
        echo = isinstance(act, SendLive) and act.ref is None
        until = min(self._table.until, started + (pace.echo_seconds if echo else pace.act_seconds))
        try:
            answer = await self._session.act(act, until)
        except TimeoutError as error:
            self._log.unanswered(ref, str(error) or "no answer in time")
            raise
        except SeatError as error:  # it ends the seat; what it was sent on shows nothing more
            self._log.unanswered(ref, str(error))
            raise
        self._act_latency += 0.3 * (self._clock.monotonic() - started - self._act_latency)
        self._answered(ref, answer)
        return answer

    def _sent(self, page: Page, act: Act, ref: str, decision: str = "") -> None:
        event = self._log.sent(page, act, ref, decision)
        self._unfinished = self._unfinished and self._unfinished.after_sent(event)

    def _answered(self, ref: str, answer: Answer) -> None:
        self._log.answered(ref, answer)
        self._unfinished = self._unfinished and self._unfinished.after_answer(ref)


def _completion(away: LedAway) -> Page:
    """Return what is recorded where the session leads back to the service that recruited its participants."""
    words = f"The session ends at {away.host}{away.path}, where it was not followed."
    return Page(f"led away from {away.where}", PageKind.END, away.path, title=away.host, text=words)


def _triple(message: Mapping[str, Any]) -> tuple[str, int, Decimal] | None:
    """Return side, shares and limit of the order that a message places; None where it places none."""
    if message.get("type") != "place":
        return None
    return str(message["side"]), int(message["quantity"]), Decimal(str(message["limit"]))


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
