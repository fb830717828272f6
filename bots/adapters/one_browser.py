"""A browser that some participants share, replaced when it dies."""

from __future__ import annotations

import asyncio
import time

from bots.adapters.bidi_tabs import BidiTabs
from bots.adapters.browser_settings import BrowserSettings
from bots.adapters.tab import Tab, Tabs
from bots.domain.errors import PageOverdue, SessionLost


class OneBrowser:
    """A browser for some participants, started when the first opens its link.

    Args:
        starting: limits how many browsers start at the same time.
    """

    def __init__(self, settings: BrowserSettings, starting: asyncio.Semaphore) -> None:
        self._settings = settings
        self._starts = starting
        self._tabs: Tabs | None = None
        self._restarts_left = settings.restarts
        self._starting = asyncio.Lock()
        self._opening = asyncio.Semaphore(settings.opening_at_once)
        self._closed = False

    @property
    def page_seconds(self) -> float:
        """Longest wait for a page that was asked for."""
        return self._settings.page_seconds

    @property
    def page_bytes(self) -> int:
        """Most bytes of a page that is read."""
        return self._settings.page_bytes

    async def open_tab(self, link: str, *, isolated: bool) -> Tab:
        """Open a link in a tab of its own and wait for its first document. Few tabs open at once.

        Args:
            isolated: whether the tab must have cookies of its own; settings may ask for that too.

        Raises:
            TabLost: the tab or the browser went away meanwhile; asking again may help.
            PageOverdue: no document came in time.
            PageTooLong, LedAway: as they say.
            SessionLost: the browser is gone for good, or the link is no address.
        """
        async with self._opening:
            tabs = await self.running()
            try:
                async with asyncio.timeout(self._settings.page_seconds):
                    tab = await tabs.open(isolated=isolated or self._settings.isolated)
                    await _opened(tab, link)
            except TimeoutError as error:
                raise PageOverdue(
                    f"{link} showed nothing for {self._settings.page_seconds:g} s; is the server overloaded?"
                ) from error
            return tab

    async def running(self, *, at_once: bool = False) -> Tabs:
        """Return the running browser, started now if there is none, a new one if the last has died.

        Args:
            at_once: do not give a grid time that cannot start one now.

        Raises:
            SessionLost: it did not start, or died too often, or is closed.
        """
        async with self._starting:
            if self._closed:
                raise SessionLost("the browser is closed")
            if self._tabs is not None and self._tabs.lost:
                if self._restarts_left == 0:
                    raise SessionLost(f"the browser went away {self._settings.restarts + 1} times")
                self._restarts_left -= 1
                await self._tabs.close()
                self._tabs = None
            if self._tabs is None:
                patience = 0.0 if at_once or self._settings.grid is None else self._settings.grid_seconds
                self._tabs = await self._start(patience)
            return self._tabs

    async def _start(self, patience: float) -> Tabs:
        """Start a browser; for so many seconds a hub may name a node that has just gone."""
        until, pause = time.monotonic() + patience, 1.0
        while True:
            try:
                async with self._starts:
                    return await _started(self._settings)
            except SessionLost:
                if time.monotonic() + pause > until:
                    raise
            await asyncio.sleep(pause)
            pause *= 2

    async def left(self) -> None:
        """End the browser if it was for the one participant who has left."""
        if self._settings.bots_per_browser == 1:
            await self.close()

    async def close(self) -> None:
        """End the browser; its participants can do nothing any more."""
        self._closed = True
        if self._tabs is not None:
            await self._tabs.close()


async def _opened(tab: Tab, link: str) -> None:
    """Open a link in a tab; the tab is closed where that does not succeed."""
    try:
        await tab.open(link)
    except BaseException:
        await tab.close()
        raise


async def _started(settings: BrowserSettings) -> Tabs:
    if settings.classic:
        from bots.adapters.classic_tabs import ClassicTabs  # loads Selenium, which bots over HTTP do without

        return await ClassicTabs.start(settings)
    return await BidiTabs.start(settings)
