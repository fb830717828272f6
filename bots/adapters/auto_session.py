"""Participants without browsers until a page needs one: they then go on in a browser, from their links.

    async with open_auto(BrowserSettings.find()) as auto:
        session = await auto.open_session("http://localhost:8000/InitializeParticipant/abc123")
        page = await session.look()

The browser is started when the first page needs it, and is shared. Who sits in it stays there: a page's
script may keep in the browser what a later page asks for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from bots.adapters.answers import MOVED_ON, form_answer
from bots.adapters.http_session import Http, HttpSession, open_http
from bots.adapters.web_driver import Browser, BrowserSession, BrowserSettings, open_browser
from bots.domain.errors import NeedsBrowser, SessionLost, UserMustMend
from bots.domain.pages import Act, Answer, Page, SubmitForm

HandedOver = Callable[[str, NeedsBrowser], None]
"""Is told of a participant's link and why it goes on in a browser, before it does."""


@contextlib.asynccontextmanager
async def open_auto(
    browser: BrowserSettings | None, handed_over: HandedOver = lambda link, need: None
) -> AsyncIterator[Auto]:
    """Open connections for many participants; end them, and the browser if there is one, at the exit.

    Args:
        browser: which one to start when a page needs it; None: such a page is NeedsBrowser.
    """
    async with open_http() as http, contextlib.AsyncExitStack() as resources:
        yield Auto(http, _LaterBrowser(browser, resources), handed_over)


class _LaterBrowser:
    """A browser that is started when it is needed first."""

    def __init__(self, settings: BrowserSettings | None, resources: contextlib.AsyncExitStack) -> None:
        self._settings = settings
        self._resources = resources
        self._starting = asyncio.Lock()
        self._browser: Browser | None = None
        self._failure = ""

    @property
    def possible(self) -> bool:
        return self._settings is not None

    async def get(self) -> Browser:
        """Return the browser, started by now.

        Raises:
            SessionLost: it did not start, now or when it was asked for first.
        """
        async with self._starting:
            if self._failure:
                raise SessionLost(self._failure)
            if self._browser is None:
                assert self._settings is not None
                try:
                    self._browser = await self._resources.enter_async_context(open_browser(self._settings))
                except UserMustMend as failure:
                    self._failure = str(failure)
                    raise SessionLost(self._failure) from failure
            return self._browser


class Auto:
    """What such participants share. Get it from `open_auto`."""

    def __init__(self, http: Http, browser: _LaterBrowser, handed_over: HandedOver) -> None:
        self._http = http
        self._browser = browser
        self._handed_over = handed_over

    async def open_session(self, link: str) -> AutoSession:
        """Return a session for a participant's link. The link is opened at the first look."""
        return AutoSession(self, link, await self._http.open_session(link))

    async def in_browser(self, link: str, here: str, need: NeedsBrowser) -> BrowserSession:
        """Return a session in the browser for a participant whose page needs one.

        Args:
            link: by which the participant came in.
            here: the link that leads to the page that is due.

        Raises:
            NeedsBrowser: there is none to start.
            SessionLost: it did not start.
        """
        if not self._browser.possible:
            raise need
        self._handed_over(link, need)
        return await (await self._browser.get()).open_session(here)


class AutoSession:
    """A participant without a browser until a page needs one; a `bots.domain.ports.ParticipantSession`.

    Get it from `Auto.open_session`. Raises what the sessions raise in which it sits.
    """

    def __init__(self, auto: Auto, link: str, http: HttpSession) -> None:
        self._auto = auto
        self._link = link
        self._seat: HttpSession | BrowserSession = http
        self._moving = asyncio.Lock()

    async def look(self) -> Page:
        """Return the present page, in a browser if it needs one."""
        seat = self._seat
        try:
            return await seat.look()
        except NeedsBrowser as need:
            return await self._move(seat, need)

    async def act(self, act: Act, until: float) -> Answer:
        """Send what the page accepts; what follows it may be the page that needs a browser."""
        seat, form = self._seat, isinstance(act, SubmitForm)
        try:
            return await seat.act(act, until)
        except NeedsBrowser as need:
            page = await self._move(seat, need)
            if need.left is None or not form:
                return Answer(accepted=False, words=(MOVED_ON,), page=page)
            return form_answer(need.left, page)

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the present page once it is another than `seen`; None at `until`."""
        seat = self._seat
        try:
            return await seat.wait(seen, until)
        except NeedsBrowser as need:
            return await self._move(seat, need)

    async def screenshot(self) -> bytes | None:
        """Return what the participant sees, once it sits in a browser; None before."""
        return await self._seat.screenshot() if isinstance(self._seat, BrowserSession) else None

    async def close(self) -> None:
        """Give the seat up; safe to call twice."""
        await self._seat.close()

    async def _move(self, seat: HttpSession | BrowserSession, need: NeedsBrowser) -> Page:
        """Go on in the browser, if nobody has moved meanwhile, and return the page that is due there."""
        async with self._moving:
            if self._seat is seat and isinstance(seat, HttpSession):
                browser = await self._auto.in_browser(self._link, seat.link, need)
                await seat.close()
                self._seat = browser
        return await self._seat.look()
