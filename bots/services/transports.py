"""How the participants of a run reach their pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from bots.adapters.browser_settings import BrowserOptions, BrowserSettings
from bots.domain.errors import NeedsBrowser, UserMustMend
from bots.domain.experiment import Seat
from bots.domain.ports import Clock, ParticipantSession, RunStore
from bots.domain.records import WentToBrowser
from bots.services.plan import Transport

if TYPE_CHECKING:
    from bots.adapters.auto_session import HandedOver


class Entrance(Protocol):
    """Opens sessions for participant links."""

    async def open_session(self, link: str) -> ParticipantSession:
        """Return a session; the link is opened at its first look."""


@asynccontextmanager
async def open_entrance(
    transport: Transport, browser: BrowserSettings | None, handed_over: HandedOver
) -> AsyncIterator[Entrance]:
    """Start what the transport needs, and end it at the exit.

    Args:
        browser: where Chromium is; needed by the transport `browser`, and by `auto` where a page needs one.
        handed_over: is told by the transport `auto` who goes on in a browser.

    Raises:
        UserMustMend: the browser did not start.
    """
    if transport is Transport.AUTO:
        from bots.adapters.auto_session import open_auto

        async with open_auto(browser, handed_over) as auto:
            yield auto
    elif transport is Transport.HTTP or browser is None:
        from bots.adapters.http_session import open_http

        async with open_http() as http:
            yield http
    else:
        from bots.adapters.web_driver import open_browser

        async with open_browser(browser) as started:
            yield started


def browser_for(transport: Transport, options: BrowserOptions) -> BrowserSettings | None:
    """Return where the browser is, or None where none is needed, or `auto` has to do without.

    Raises:
        UserMustMend: the browser, its driver or a screen is missing.
    """
    if transport is Transport.HTTP:
        return None
    try:
        return BrowserSettings.find(options)
    except UserMustMend:
        if transport is Transport.AUTO and options == BrowserOptions():
            return None
        raise


def recording_handovers(seats: Sequence[Seat], store: RunStore, clock: Clock) -> HandedOver:
    """Return what writes into the records that a seat goes on in a browser, and why."""
    numbers = {seat.link: seat.number for seat in seats}

    def handed_over(link: str, need: NeedsBrowser) -> None:
        store.append(
            WentToBrowser(at=clock.now(), seat=numbers[link], location=need.where, reason=need.reason)
        )

    return handed_over
