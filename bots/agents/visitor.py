"""A participant on pages outside markets: read → decide → act → where it is refused, decide again.

A page has a budget of time and of tries. When it is spent, or a decision fails, the declared fallback
answers, and the record says so. A page that works by script or by live messages is looked at again after each
act and each piece of news; it is left by its own button or by itself, never by a form nobody decided to send.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Protocol

from bots.agents.page_notes import Remembering, sent_text
from bots.agents.page_replies import is_acted_on
from bots.agents.page_schema import asked_fields
from bots.agents.seat_log import SeatLog
from bots.domain.errors import DecisionFailed, FailureKind, SeatError
from bots.domain.market import Decision, PageMove
from bots.domain.pages import Act, Answer, FieldKind, Form, Page, SendLive, SubmitForm, UseControl
from bots.domain.ports import Clock, PageDecider, PageSituation

MOST_TRIES = 4  # of a decision maker on one form
MOST_BACKS = 3  # times one page is left for the one before it
MOST_MOVES = 60  # of a decision maker on one page that is acted on
_MOST_FALLBACKS = 12  # tries of the fallback after that, before the seat gives up
_MOST_FAILURES = 3  # decisions in a row that fail on a page that is acted on, before the fallback takes over
_PAUSE = PageMove(do="wait", seconds=5.0)  # what is done on such a page where a decision failed


class Hands(Protocol):
    """What a participant does with a page; a trader lends them."""

    def next_decision(self, page: str, overall: int | None) -> str:
        """Return the name of the next decision, unique in the run."""

    def decision_deadline(self, page: Page) -> float:
        """Return until when a decision on a page may take, monotonic seconds."""

    async def decided_here(
        self, page: Page, deciding: Coroutine[Any, Any, Decision], deadline: float
    ) -> Decision:
        """Return a decision, if the page stays until it is made.

        Raises:
            DecisionFailed: none by the deadline, or as the decision maker says.
            PageLeft: the page went on meanwhile.
        """

    async def send(self, page: Page, act: Act, decision: str) -> tuple[Answer | None, Page]:
        """Do an act; return the server's answer, None where none came in time, and the page after it."""

    async def wait_for_news(self, page: Page, seconds: float | None) -> Page:
        """Return the page once there is news, or as it is after so many seconds; None waits until it goes.

        Raises:
            PageOverdue: it did not go before the run's time was over.
        """


class PageLeft(Exception):
    """The server moved the participant on before it had acted."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.name)
        self.page = page


class Visitor:
    """One participant's way over the pages of any oTree app.

    Args:
        deciders: who decides on pages that ask for something, and who answers where that failed, or its tries
            are used up; the second never asks a model.
    """

    def __init__(
        self,
        hands: Hands,
        log: SeatLog,
        memory: Remembering,
        clock: Clock,
        deciders: tuple[PageDecider, PageDecider],
    ) -> None:
        self._hands = hands
        self._log = log
        self._memory = memory
        self._clock = clock
        self._decider, self._fallback = deciders
        self._seen: Page | None = None
        self._until = 0.0
        self._tries = self._moves = self._failures = 0
        self._refused: tuple[str, ...] = ()
        self._backs: Counter[str] = Counter()  # by location
        self._last = ""  # what was sent last, as text

    async def visit(self, page: Page) -> Page:
        """Do one thing on a page and return the page after it, which is the same where it stays.

        Raises:
            PageLeft: the page went on by itself first.
            SeatError: neither the decision maker nor the fallback found what the page accepts.
        """
        self._look_at(page)
        _check_files(page)
        page = self._offered(page)
        acted = is_acted_on(page)
        if not acted and not asks_something(page):
            return await self._do(page, PageMove(), "")
        if acted and self._spent(page):
            return await self._hands.wait_for_news(page, None)
        name = self._hands.next_decision(page.name, None)
        memory = self._memory.notes.remembered(page.location)
        situation = PageSituation(self._log.seat.number, name, page, memory, self._refused)
        decision = await self._decide(situation)
        return await self._do(page, decision.move or PageMove(), name)

    def _look_at(self, page: Page) -> None:
        """Take in a page; one that was there already is recorded again if there is news on it."""
        seen, self._seen = self._seen, page
        if seen is None or seen.location != page.location:
            self._tries = self._moves = self._failures = 0
            self._refused = ()
            self._until = self._hands.decision_deadline(page)
        elif seen.visit == page.visit and seen != page:
            self._log.page_seen(page, known_frames=seen.revision)

    def _offered(self, page: Page) -> Page:
        """Return the page without its ways back where they were used up."""
        if page.form is None or self._backs[page.location] < MOST_BACKS:
            return page
        return replace(page, form=replace(page.form, buttons=page.form.onward))

    def _spent(self, page: Page) -> bool:
        """Tell whether a page that is acted on is only waited out by now: it has no button to leave by."""
        late = page.expires_at is not None and self._clock.monotonic() >= self._until
        leaves = page.form is not None and bool(page.form.onward)
        return late or (self._moves >= MOST_MOVES and not leaves)

    async def _decide(self, situation: PageSituation) -> Decision:
        """Return the decision maker's answer, or the fallback's where it fails or has had its tries."""
        started, page = self._clock.monotonic(), situation.page
        by, fallback = self._decider.name, False
        try:
            self._check_budget()
            decision = await self._own_decision(situation)
            self._failures = 0
        except DecisionFailed as error:
            self._log.not_decided(situation, error, self._clock.monotonic() - started)
            self._failures += 1
            by, fallback, decision = await self._instead(situation)
            if not is_acted_on(page):
                self._tries = max(self._tries, MOST_TRIES)
        self._moves += 1
        self._log.decided(situation, decision, by, self._clock.monotonic() - started, fallback)
        return decision

    async def _own_decision(self, situation: PageSituation) -> Decision:
        acted = is_acted_on(situation.page)
        deadline = self._hands.decision_deadline(situation.page) if acted else self._until
        deciding = self._decider.answer(situation, deadline, self._memory.append)
        if self._decider is self._fallback:  # decides at once
            return await deciding
        return await self._hands.decided_here(situation.page, deciding, deadline)

    async def _instead(self, situation: PageSituation) -> tuple[str, bool, Decision]:
        """Return who acts where a decision failed, and what: on a page that is acted on, a pause at first."""
        if is_acted_on(situation.page) and self._failures < _MOST_FAILURES and self._moves < MOST_MOVES:
            return "a pause", True, Decision(move=_PAUSE)
        decision = await self._fallback.answer(situation, self._until, self._memory.append)
        return self._fallback.name, True, decision

    def _check_budget(self) -> None:
        if self._tries >= MOST_TRIES:
            words = " ".join(self._refused)
            raise DecisionFailed(
                FailureKind.BAD_REPLY, f"the page did not accept {MOST_TRIES} answers: {words}"
            )
        if self._moves >= MOST_MOVES:
            raise DecisionFailed(FailureKind.TIMEOUT, f"{MOST_MOVES} decisions on one page are the most")

    async def _do(self, page: Page, move: PageMove, name: str) -> Page:
        if move.do == "wait":
            return await self._hands.wait_for_news(page, move.seconds)
        act = _act(page, move)
        self._last = sent_text({"values": move.values})
        answer, after = await self._hands.send(page, act, name)
        if answer is not None and not answer.accepted and after.location == page.location:
            self._count_refusal(page, answer, form=isinstance(act, SubmitForm))
        else:
            self._refused = ()
            self._backs[page.location] += isinstance(act, SubmitForm) and bool(act.button and act.button.back)
        return after

    def _count_refusal(self, page: Page, answer: Answer, *, form: bool) -> None:
        self._refused = answer.words or ("no reason given",)
        self._tries += form
        if self._tries >= MOST_TRIES + _MOST_FALLBACKS:
            words = " ".join(self._refused)
            raise SeatError(f"{page.name} was refused {self._tries} times, last with {self._last}: {words}")


def _check_files(page: Page) -> None:
    """Let a page pass unless it goes on only with a file.

    Raises:
        SeatError: it does.
    """
    fields = page.form.fields if page.form else ()
    wanted = [field.label for field in fields if field.kind is FieldKind.FILE and field.required]
    if wanted:
        raise SeatError(
            f"{page.name} goes on only with a file ({', '.join(wanted)}), and bots have none to give. Make "
            "it optional, or let a person have this seat"
        )


def asks_something(page: Page) -> bool:
    """Tell whether there is anything to decide: fields to fill, or more than one button to press."""
    form = page.form or Form()
    return bool(asked_fields(form)) or len(form.buttons) > 1


def _act(page: Page, move: PageMove) -> Act:
    if move.do == "use" and move.control is not None:
        return UseControl(page.controls[move.control], move.values)
    if move.do == "send":
        return SendLive(move.message, None)
    form, place = page.form or Form(), move.button
    buttons = form.onward[:1] if place is None else form.buttons[place : place + 1]
    return SubmitForm(move.values, next(iter(buttons), None))
