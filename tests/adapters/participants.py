"""Someone at a participant link, whatever they sit in, in words that all transports share."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Protocol

from bots.domain.pages import Page, SendLive, SubmitForm
from bots.domain.ports import ParticipantSession

ANSWERS: dict[str, str | tuple[str, ...]] = {
    "age": "30",
    "offer": "3",
    "share": "0.5",
    "city": '"); alert(1); ("',
    "reason": "First line\n</textarea><script>document.title = 1</script> ${1} 日本",
    "happy": "2",
    "agree": "4",
    "country": "de",
    "news": "",
    "terms": "y",
    "member": "False",
    "slider": "35",
    "colour": ("r", "b"),
}
STORED = {  # oTree exports line ends as spaces
    "age": "30",
    "offer": "3.0",
    "share": "0.5",
    "city": '"); alert(1); ("',
    "reason": "First line  </textarea><script>document.title = 1</script> ${1} 日本",
    "happy": "2",
    "agree": "4",
    "country": "de",
    "news": "0",
    "terms": "1",
    "member": "0",
    "nick": "",
    "slider": "35",
    "choice": "leave",
}


class Transport(Protocol):
    """What participants are seated with: a browser, or the connections of those without one."""

    async def open_session(self, link: str) -> ParticipantSession:
        """Return a session for a participant's link."""


def soon() -> float:
    return time.monotonic() + 10


@contextlib.asynccontextmanager
async def seated(transport: Transport, link: str) -> AsyncIterator[tuple[ParticipantSession, Page]]:
    """Someone at the first page of a link."""
    session = await transport.open_session(link)
    try:
        yield session, await session.look()
    finally:
        await session.close()


async def advance(session: ParticipantSession) -> Page:
    """Send the page's form as it is, and return the next page."""
    answer = await session.act(SubmitForm({}), soon())
    assert answer.page is not None
    assert answer.accepted, answer.words
    return answer.page


async def at_timed_page(one: ParticipantSession, other: ParticipantSession) -> Page:
    """Bring two of a pair over their wait page; return the page of the first."""
    waiting = await advance(one)
    await advance(other)
    page = await one.wait(waiting, soon())
    assert page is not None
    assert page.name == "Timed"
    return page


def say(text: str) -> SendLive:
    return SendLive({"type": "say", "text": text, "ref": text}, text)
