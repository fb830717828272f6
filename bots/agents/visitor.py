"""A participant on pages outside markets: read → decide → send → where it is refused, decide again.

A page has a budget of time and of tries. When it is spent, or a decision fails, the declared fallback
answers, and the record says so.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from bots.agents.page_notes import Remembering
from bots.agents.page_schema import asked_fields
from bots.agents.seat_log import SeatLog
from bots.domain.errors import DecisionFailed, FailureKind, SeatError
from bots.domain.market import Decision, PageMove
from bots.domain.pages import Answer, Form, Page, SubmitForm
from bots.domain.ports import Clock, PageDecider, PageSituation

MOST_TRIES = 4  # of a decision maker on one page
_MOST_FALLBACKS = 3  # tries of the fallback after that, before the seat gives up


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

    async def send_form(self, page: Page, act: SubmitForm, decision: str) -> tuple[Answer | None, Page]:
        """Send a form; return the server's answer, None where none came in time, and the page after it."""


class PageLeft(Exception):
    """The server moved the participant on before it had acted."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.name)
        self.page = page


class Visitor:
    """One participant's way over the pages of any oTree app.

    Args:
        decider: decides on pages that ask for something.
        fallback: answers where `decider` failed, or its tries are used up; never asks a model.
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
        self._location = ""
        self._tries = 0
        self._until = 0.0
        self._refused: tuple[str, ...] = ()

    async def visit(self, page: Page) -> Page:
        """Do one thing on a page and return the page after it, which is the same where it was refused.

        Raises:
            PageLeft: the page went on by itself first.
            SeatError: neither the decision maker nor the fallback found what the page accepts.
        """
        if page.location != self._location:
            self._arrive(page)
        if not asks_something(page):
            return await self._send(page, Decision(move=PageMove()), "")
        name = self._hands.next_decision(page.name, None)
        situation = PageSituation(
            self._log.seat.number,
            name,
            page,
            self._memory.notes.remembered(page.location),
            self._refused,
        )
        return await self._send(page, await self._decide(situation), name)

    def _arrive(self, page: Page) -> None:
        self._location, self._tries, self._refused = page.location, 0, ()
        self._until = self._hands.decision_deadline(page)

    async def _decide(self, situation: PageSituation) -> Decision:
        """Return the decision maker's answer, or the fallback's where it fails or has had its tries."""
        started = self._clock.monotonic()
        try:
            self._check_budget()
            decision = await self._hands.decided_here(
                situation.page,
                self._decider.answer(situation, self._until, self._memory.append),
                self._until,
            )
        except DecisionFailed as error:
            self._log.not_decided(situation, error, self._clock.monotonic() - started)
            decision = await self._fallback.answer(situation, self._until, self._memory.append)
            by, fallback = self._fallback.name, True
            self._tries = max(self._tries, MOST_TRIES)
        else:
            by, fallback = self._decider.name, False
        self._log.decided(situation, decision, by, self._clock.monotonic() - started, fallback)
        return decision

    def _check_budget(self) -> None:
        if self._tries >= MOST_TRIES:
            words = " ".join(self._refused)
            raise DecisionFailed(
                FailureKind.BAD_REPLY, f"the page did not accept {MOST_TRIES} answers: {words}"
            )

    async def _send(self, page: Page, decision: Decision, name: str) -> Page:
        move = decision.move or PageMove()
        answer, after = await self._hands.send_form(page, _act(page, move), name)
        stays = after.location == page.location
        if answer is not None and not answer.accepted and stays:
            self._count_refusal(page, answer)
        return after

    def _count_refusal(self, page: Page, answer: Answer) -> None:
        self._tries += 1
        self._refused = answer.words or ("no reason given",)
        if self._tries >= MOST_TRIES + _MOST_FALLBACKS:
            raise SeatError(f"{page.name} was refused {self._tries} times: {' '.join(self._refused)}")


def asks_something(page: Page) -> bool:
    """Tell whether there is anything to decide: fields to fill, or more than one button to press."""
    form = page.form or Form()
    return bool(asked_fields(form)) or len(form.buttons) > 1


def _act(page: Page, move: PageMove) -> SubmitForm:
    buttons = page.form.buttons if page.form else ()
    place = move.button or 0
    return SubmitForm(move.values, buttons[place] if place < len(buttons) else None)
