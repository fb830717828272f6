"""Tabs of one running browser: what the pages push is kept, and waiting is for what they push next."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Self, TypeVar
from urllib.parse import SplitResult, urlsplit

from bots.adapters.answers import frame_payload
from bots.adapters.bidi import BidiError, Connection, ConnectionLost
from bots.adapters.border import Border
from bots.adapters.browser_settings import BrowserSettings, Family
from bots.adapters.page_readers import Snapshot
from bots.domain.errors import LedAway, PageTooLong, SessionLost

_log = logging.getLogger(__name__)
_CHANNEL: Final = "page"
_MESSAGE: Final = "script.message"
_TAB_CLOSED: Final = "browsingContext.contextDestroyed"
_PROMPT: Final = "browsingContext.userPromptOpened"
_TAB_CRASHED: Final = "goog:cdp.Inspector.targetCrashed"  # the standard has no event for it yet
_EVENTS: Final = (_MESSAGE, _TAB_CLOSED, _PROMPT)
_NETWORK: Final = ("net::", "NS_ERROR")  # how Chromium and Firefox tell that the network refused
_OWN_SESSION: Final = {"capabilities": {"alwaysMatch": {"unhandledPromptBehavior": {"default": "accept"}}}}
_SCRIPT_THREW: Final = "javascript error"
_NO_SUCH_REALM: Final = "no such frame"

T = TypeVar("T")


class TabLost(Exception):
    """The tab was closed, crashed, or went down with its browser."""


class DocumentGone(Exception):
    """The document was left.

    Args:
        asked: whether it went while it was answering, so that it may have done what it was asked.
    """

    def __init__(self, *, asked: bool) -> None:
        super().__init__("the page was left")
        self.asked = asked


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was when it could be read first; `visit` is the browser's name for its realm."""

    visit: str
    address: str
    html: str
    status: int
    at: float  # monotonic seconds
    told: Any = None
    heard: int = 0  # live frames that came before it


class Tab:
    """One browsing context. `loaded` is its present document, None before the first one.

    `frames` are the payloads of the live frames of the present document, `prompts` the words of dialogs it
    opened, both oldest first.
    """

    def __init__(
        self,
        connection: Connection,
        context: str,
        page_bytes: int,
        jar: object = None,
        border: Border | None = None,
    ) -> None:
        self._connection = connection
        self._border = border
        self._page_bytes = page_bytes
        self._context = context
        self._jar = jar  # the user context that is its own, if it has one
        self._frames: dict[str, list[Mapping[str, Any]]] = {}
        self._pulse = asyncio.Event()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._host: str | None = None  # of the experiment
        self._unread: LedAway | PageTooLong | None = None  # why it is not to be read or acted in any more
        self.loaded: Loaded | None = None
        self.prompts: list[str] = []

    @property
    def lost(self) -> bool:
        return self._gone.done()

    @property
    def frames(self) -> list[Mapping[str, Any]]:
        return self._frames.get(self.loaded.visit, []) if self.loaded else []

    def snapshot(self, anew: Mapping[str, Any] | None = None, heard: int = 0) -> Snapshot:
        """Return the present document, with the frames that had come when it was asked what is on it.

        What came after them may not be shown yet, and is news of it.

        Args:
            anew: `html` and `told` as read again; None for the document as it came.
            heard: how many frames there were before it was read again.
        """
        if self.loaded is None:
            raise ValueError("no document has been loaded in this tab")
        loaded = self.loaded
        return Snapshot(
            visit=loaded.visit,
            address=loaded.address,
            html=loaded.html if anew is None else anew["html"],
            told=loaded.told if anew is None else anew["told"],
            loaded_at=loaded.at,
            status=loaded.status,
            scripted=True,
            frames=tuple(self.frames[: loaded.heard if anew is None else heard]),
        )

    async def open(self, address: str) -> None:
        """Load an address and wait for its document, which may be the browser's error page.

        Raises:
            TabLost: the tab went away.
            LedAway: the server leads to another host.
            PageTooLong: the document has more bytes than a page can have.
        """
        before = self.loaded
        self._host = urlsplit(address).hostname
        if self._border is not None:
            await self._unless_gone(self._border.keep(self._context, str(self._host), self._crossed))
        params = {"context": self._context, "url": address, "wait": "none"}
        try:
            await self._unless_gone(self._connection.command("browsingContext.navigate", params))
        except BidiError as error:
            # What the network refused is shown as the browser's error page.
            if not any(sign in error.message for sign in _NETWORK):
                raise SessionLost(f"{address} cannot be opened: {error}") from error
        await self.until(lambda: self.loaded if self.loaded is not before else None)

    async def ask(self, document: Loaded, script: str, *arguments: object) -> Any:
        """Call one of our page scripts in a document and return its value.

        Raises:
            DocumentGone: the document is no longer there.
            TabLost: the tab went away.
            BidiError: the script threw.
        """
        try:
            call = self._connection.call({"realm": document.visit}, page_script(script), *arguments)
            return await self._unless_gone(call)
        except BidiError as error:
            if error.code == _SCRIPT_THREW:
                raise
            raise DocumentGone(asked=error.code != _NO_SUCH_REALM) from error

    async def until(self, happened: Callable[[], T | None]) -> T:
        """Return what `happened` returns, once it is not None; it is asked at each change of the tab.

        Raises:
            TabLost: the tab went away first.
            LedAway: the page wants to leave the experiment's host, or the server has led it off.
            PageTooLong: the next document has more bytes than a page can have.
        """
        while self._unread is not None or (result := happened()) is None:
            if self._unread is not None:
                raise self._unread
            if self.lost:
                raise TabLost
            pulse = self._pulse
            await pulse.wait()
        return result

    async def close(self) -> None:
        """Close the tab; it is lost from then on. Safe to call twice."""
        if not self.lost:
            self.lose()
            if self._border is not None:
                self._border.forget(self._context)
            with contextlib.suppress(BidiError, ConnectionLost):
                if self._jar is None:
                    await self._connection.command("browsingContext.close", {"context": self._context})
                else:
                    await self._connection.command("browser.removeUserContext", {"userContext": self._jar})

    async def screenshot(self) -> bytes:
        """Return what the tab shows, the whole page, as a PNG image.

        Raises:
            TabLost: the tab went away.
            BidiError: the browser could not make one.
        """
        wanted = {"context": self._context, "origin": "document"}
        shot = await self._unless_gone(self._connection.command("browsingContext.captureScreenshot", wanted))
        return base64.b64decode(shot["data"])

    def lose(self) -> None:
        """Tell everybody who waits here that nothing will come."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._changed()

    def take(self, visit: str, pushed: Mapping[str, Any]) -> None:
        """Keep what a document pushed."""
        if pushed["kind"] == "away":
            self._leads_to(str(pushed["host"]), str(pushed["path"]))
        elif pushed["kind"] == "long":
            path = urlsplit(str(pushed["address"])).path
            self._unread = self._unread or PageTooLong(path, self._page_bytes)
        elif pushed["kind"] == "frame":
            self._frames.setdefault(visit, []).append(frame_payload(pushed["data"]))
        elif pushed["address"] != "about:blank":
            self._frames = {visit: self._frames.get(visit, [])}
            self.prompts.clear()
            parts = urlsplit(pushed["address"])
            if parts.scheme in ("http", "https") and parts.hostname != self._host:
                self._leads_to(str(parts.hostname), parts.path)
            now, heard = time.monotonic(), len(self._frames[visit])
            self.loaded = Loaded(
                visit, pushed["address"], pushed["html"], pushed["status"], now, pushed["told"], heard
            )
        self._changed()

    def _crossed(self, address: SplitResult) -> None:
        self._leads_to(str(address.hostname), address.path)
        self._changed()

    def _leads_to(self, host: str, path: str) -> None:
        where = urlsplit(self.loaded.address).path if self.loaded else "the participant's link"
        self._unread = self._unread or LedAway(where, host, path)

    def take_prompt(self, words: str) -> None:
        self.prompts.append(words)
        self._changed()

    def _changed(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    async def _unless_gone(self, command: Awaitable[T]) -> T:
        """Await a command; the browser never answers one that a crashed tab holds."""
        task = asyncio.ensure_future(command)
        either: set[asyncio.Future[Any]] = {task, self._gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TabLost
            return task.result()
        except ConnectionLost as error:
            raise TabLost from error
        finally:
            task.cancel()


class Tabs:
    """A running browser and its tabs. Make it with `start`; end it with `close`."""

    def __init__(self, connection: Connection, border: Border | None, settings: BrowserSettings) -> None:
        self._connection = connection
        self._border = border
        self._page_bytes = settings.page_bytes
        self._debuggable = settings.family is Family.CHROMIUM
        self._open_border = False  # nothing holds the pages any more: the browser is given up
        self._resources = contextlib.AsyncExitStack()
        self._tabs: dict[str, Tab] = {}
        self._by_debugger: dict[str, Tab] = {}

    @classmethod
    async def start(cls, settings: BrowserSettings) -> Self:
        """Start a browser and listen to its pages.

        Raises:
            SessionLost: it did not start.
        """
        try:
            return await cls._started(settings)
        except (BidiError, ConnectionLost) as error:
            raise SessionLost(f"{settings.name} started and could not be driven: {error}") from error

    @classmethod
    async def _started(cls, settings: BrowserSettings) -> Self:
        from bots.adapters.browser import started_browser  # loads Selenium, which bots over HTTP do without

        async with contextlib.AsyncExitStack() as resources:
            running = await resources.enter_async_context(started_browser(settings))
            connection = await Connection.connect(running.bidi_url)
            resources.push_async_callback(connection.close)
            if not running.in_session:
                await connection.command("session.new", _OWN_SESSION)
            if settings.grid is not None:
                connection.watch(settings.answer_seconds)
            border = await Border.connect(running.debugger) if running.debugger else None
            tabs = cls(connection, border, settings)
            if border is not None:
                resources.push_async_callback(border.close)
                border.on_lost(tabs._unguarded)
            await tabs._listen()
            tabs._resources = resources.pop_all()
        return tabs

    @property
    def lost(self) -> bool:
        return self._connection.lost or self._open_border

    async def open(self, *, isolated: bool = False) -> Tab:
        """Open an empty tab.

        Args:
            isolated: with cookies and storage of its own; they go with the tab.

        Raises:
            ConnectionLost: the browser is gone.
        """
        wanted: dict[str, object] = {"type": "tab", "background": True}
        if isolated:
            jar = await self._connection.command("browser.createUserContext")
            wanted["userContext"] = jar["userContext"]
        context = (await self._connection.command("browsingContext.create", wanted))["context"]
        own_jar = wanted.get("userContext")
        tab = self._tabs[context] = Tab(self._connection, context, self._page_bytes, own_jar, self._border)
        if self._debuggable:
            debugger = await self._connection.command("goog:cdp.getSession", {"context": context})
            self._by_debugger[debugger["session"]] = tab
        return tab

    async def close(self) -> None:
        """End the browser and everything that was started for it."""
        self._lose_all()
        await self._resources.aclose()

    async def _listen(self) -> None:
        connection = self._connection
        connection.on_lost(self._lose_all)
        connection.on(_MESSAGE, self._pushed)
        connection.on(_TAB_CLOSED, lambda event: self._lose(self._tabs.get(event["context"])))
        connection.on(_TAB_CRASHED, lambda event: self._lose(self._by_debugger.get(event["session"])))
        connection.on(_PROMPT, self._prompted)
        events = [*_EVENTS, _TAB_CRASHED] if self._debuggable else _EVENTS
        await connection.command("session.subscribe", {"events": events})
        channel = {"type": "channel", "value": {"channel": _CHANNEL}}
        # Such a script is given channels and nothing else.
        watch = f"(push) => ({page_script('watch')})(push, {self._page_bytes})"
        await connection.command(
            "script.addPreloadScript", {"functionDeclaration": watch, "arguments": [channel]}
        )

    def _pushed(self, event: Mapping[str, Any]) -> None:
        tab = self._tabs.get(event["source"].get("context", ""))
        if tab is None or event["channel"] != _CHANNEL:
            return
        try:
            tab.take(event["source"]["realm"], json.loads(event["data"]["value"]))
        except (KeyError, TypeError, ValueError) as error:
            # A page that tampers with the browser's own functions may spoil its own tab, not the others.
            _log.warning("a page of %s pushed what cannot be read: %r", event["source"]["context"], error)

    def _prompted(self, event: Mapping[str, Any]) -> None:
        if tab := self._tabs.get(event["context"]):
            tab.take_prompt(str(event.get("message", "")))

    def _lose(self, tab: Tab | None) -> None:
        if tab is not None:
            _log.debug("a tab was lost at %s", tab.loaded.address if tab.loaded else "its start")
            tab.lose()

    def _unguarded(self) -> None:
        self._open_border = True
        self._lose_all()

    def _lose_all(self) -> None:
        for tab in self._tabs.values():
            tab.lose()


@cache
def page_script(name: str) -> str:
    """Return the source of one of the functions in `page_scripts`."""
    return files("bots.adapters").joinpath("page_scripts", f"{name}.js").read_text("utf-8")
