"""The functions that a page itself defines, called in its tab, and what its server says to that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from bots.adapters.answers import MOVED_ON
from bots.adapters.tab import BrowserRefused, DocumentGone, Loaded, Tab, TabLost
from bots.domain.pages import Answer, Inquirer, PageCall, SendLive, Speaker

_ANSWER_SECONDS: Final = 4.0  # for a server that tells on being asked; answers come at once or are lost
_Judge = Callable[[Mapping[str, Any]], Answer | None]


async def called(tab: Tab, document: Loaded, calls: Sequence[PageCall]) -> Sequence[str]:
    """Call functions of a page, in order; return why that did not go, nothing where it did."""
    if not calls:
        return ()
    told = [{"name": call.function, "args": list(call.arguments)} for call in calls]
    try:
        problem = await tab.ask(document, "call", told)
    except BrowserRefused as error:
        return [f"The page's own script failed: {error.message}"]
    except DocumentGone as gone:
        return () if gone.asked else [MOVED_ON]
    except TabLost:
        return ()
    return [problem] if problem else ()


async def answered(tab: Tab, document: Loaded, known: int, speaker: Speaker, act: SendLive) -> Answer:
    """Return what the server says to an act that was sent after the `known` first frames of a document.

    Where no answer comes and the server can be asked what it holds, that is the answer.

    Raises:
        DocumentGone, TabLost: the page went first.
        TimeoutError: the server could not be asked.
    """
    if not isinstance(speaker, Inquirer):
        return await _said(tab, document, known, speaker.answer)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await _said(tab, document, known, partial(speaker.judge, act, lost=False))
    known = len(tab.frames)
    if words := await called(tab, document, speaker.asks()):
        raise TimeoutError(f"no answer came, and the server could not be asked: {' '.join(words)}")
    return await _said(tab, document, known, partial(speaker.judge, act, lost=True))


async def ask_once(tab: Tab, document: Loaded, speaker: Inquirer) -> None:
    """Ask the server what it holds, if it has not told, and give it a moment to answer."""
    if speaker.is_answered(tab.frames):
        return
    with contextlib.suppress(TimeoutError, TabLost):
        async with asyncio.timeout(_ANSWER_SECONDS):
            if not await called(tab, document, speaker.asks()):
                await tab.until(lambda: tab.loaded is not document or speaker.is_answered(tab.frames) or None)


async def _said(tab: Tab, document: Loaded, known: int, judge: _Judge) -> Answer:
    def said() -> Answer | None:
        if tab.loaded is not document:
            raise DocumentGone(asked=True)
        return next(filter(None, map(judge, tab.frames[known:])), None)

    return await tab.until(said)
