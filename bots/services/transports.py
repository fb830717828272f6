"""How the participants of a run reach their pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from bots.adapters.web_driver import BrowserSettings, open_browser
from bots.domain.ports import ParticipantSession
from bots.services.plan import Transport


class Entrance(Protocol):
    """Opens sessions for participant links."""

    async def open_session(self, link: str) -> ParticipantSession:
        """Return a session; the link is opened at its first look."""


@asynccontextmanager
async def open_entrance(transport: Transport, browser: BrowserSettings | None) -> AsyncIterator[Entrance]:
    """Start what the transport needs, and end it at the exit.

    Args:
        browser: where Chromium is; needed by the transport `browser` alone.

    Raises:
        SessionLost: the browser did not start.
    """
    if transport is Transport.HTTP or browser is None:
        from bots.adapters.http_session import open_http

        async with open_http() as http:
            yield http
    else:
        async with open_browser(browser) as started:
            yield started


def browser_for(transport: Transport, *, headed: bool) -> BrowserSettings | None:
    """Return where the browser is, or None where none is needed.

    Raises:
        UserMustMend: the browser, its driver or a screen is missing.
    """
    return None if transport is Transport.HTTP else BrowserSettings.find(headed=headed)
