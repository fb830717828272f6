"""Fakes that ship: a store that keeps events in memory, a session that shows pages from a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bots.domain.errors import SessionLost
from bots.domain.pages import Act, Answer, Page, SendLive
from bots.domain.records import Event


@dataclass(slots=True)
class MemoryStore:
    """Keeps events in a list."""

    events: list[Event] = field(default_factory=list)

    def append(self, event: Event) -> None:
        self.events.append(event)


Answerer = Callable[[Page, Act], Answer]


def accept(page: Page, act: Act) -> Answer:
    """Accept whatever is sent."""
    return Answer(
        accepted=True, frame={"type": "placed", "ref": act.ref} if isinstance(act, SendLive) else None
    )


@dataclass(slots=True)
class ScriptedSession:
    """Shows `pages` one after another: an accepted form, or `move_on`, turns to the next.

    Attributes:
        answer: what the server says to an act; `accept` by default.
        acts: what was sent.
    """

    pages: Sequence[Page]
    answer: Answerer = accept
    acts: list[Act] = field(default_factory=list)
    closed: bool = False
    _at: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def page(self) -> Page:
        """The present page."""
        return self.pages[self._at]

    async def look(self) -> Page:
        if self.closed:
            raise SessionLost("the session is closed")
        return self.page

    async def act(self, act: Act, until: float) -> Answer:
        self.acts.append(act)
        answer = self.answer(self.page, act)
        if isinstance(act, SendLive):
            return answer
        if answer.accepted:
            self.move_on()
        return Answer(answer.accepted, answer.words, page=self.page)

    async def wait(self, seen: Page, until: float) -> Page | None:
        try:
            async with asyncio.timeout_at(until):
                while self.page.visit == seen.visit:
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            return None
        return self.page

    def move_on(self) -> None:
        """Turn to the next page, as a timer or an administrator would."""
        self._at = min(self._at + 1, len(self.pages) - 1)
        self._moved.set()

    async def close(self) -> None:
        self.closed = True
