"""Tabs that WebDriver BiDi drives: what the pages push is kept, and waiting is for what they push next."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar
from urllib.parse import SplitResult

from bots.adapters.bidi import BidiError, Connection, ConnectionLost
from bots.adapters.border import Border
from bots.adapters.browser_settings import BrowserSettings, Family
from bots.adapters.tab import DocumentGone, Loaded, Tab, TabLost, page_script
from bots.domain.errors import SessionLost

_log = logging.getLogger(__name__)
_CHANNEL: Final = "page"
_CLOSE_SECONDS: Final = 10.0  # a browser may never answer for a page that goes on at that very moment
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


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tab is: its browsing context, and the user context that is its own, if it has one.

    `stays`: the browser has had it from its start, and might end with it. So it is emptied and not closed.
    """

    context: str
    jar: object = None
    stays: bool = False


class BidiTab(Tab):
    """One browsing context."""

    def __init__(
        self, connection: Connection, place: _Place, page_bytes: int, border: Border | None = None
    ) -> None:
        super().__init__(page_bytes)
        self._connection = connection
        self._border = border
        self._place = place
        self._context = place.context

    async def _navigate(self, address: str) -> None:
        if self._border is not None:
            await self._answered(self._border.keep(self._context, str(self._host), self._crossed))
        params = {"context": self._context, "url": address, "wait": "none"}
        try:
            await self._answered(self._connection.command("browsingContext.navigate", params))
        except BidiError as error:
            # What the network refused is shown as the browser's error page.
            if not any(sign in error.message for sign in _NETWORK):
                raise SessionLost(f"{address} cannot be opened: {error}") from error

    async def ask(self, document: Loaded, script: str, *arguments: object) -> Any:
        """Call one of our page scripts in a document, named by its realm; otherwise as `Tab.ask`."""
        try:
            call = self._connection.call({"realm": document.visit}, page_script(script), *arguments)
            return await self._answered(call)
        except BidiError as error:
            if error.code == _SCRIPT_THREW:
                raise
            raise DocumentGone(asked=error.code != _NO_SUCH_REALM) from error

    async def catch_up(self) -> None:
        """Do nothing: what a page tells is pushed."""

    async def close(self) -> None:
        """Close the tab; it is lost from then on. Safe to call twice."""
        if not self.lost:
            self.lose()
            if self._border is not None:
                self._border.forget(self._context)
            with contextlib.suppress(BidiError, ConnectionLost, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._connection.command(*self._leave())

    def _leave(self) -> tuple[str, dict[str, object]]:
        """Return the command by which the browser lets go of the page."""
        if self._place.jar is not None:
            return "browser.removeUserContext", {"userContext": self._place.jar}
        here: dict[str, object] = {"context": self._context}
        if self._place.stays:
            return "browsingContext.navigate", {**here, "url": "about:blank", "wait": "none"}
        return "browsingContext.close", here

    async def screenshot(self) -> bytes:
        """Return the whole page; otherwise as `Tab.screenshot`."""
        wanted = {"context": self._context, "origin": "document"}
        shot = await self._answered(self._connection.command("browsingContext.captureScreenshot", wanted))
        return base64.b64decode(shot["data"])

    def _crossed(self, address: SplitResult) -> None:
        self._leads_to(str(address.hostname), address.path)
        self._changed()

    async def _answered(self, command: Awaitable[T]) -> T:
        try:
            return await self._unless_gone(command)
        except ConnectionLost as error:
            raise TabLost from error


class BidiTabs:
    """A running browser and its tabs. Make it with `start`; end it with `close`."""

    def __init__(self, connection: Connection, border: Border | None, settings: BrowserSettings) -> None:
        self._connection = connection
        self._border = border
        self._page_bytes = settings.page_bytes
        self._debuggable = settings.family is Family.CHROMIUM
        self._windowless = settings.is_headless_shell
        self._open_border = False  # nothing holds the pages any more: the browser is given up
        self._resources = contextlib.AsyncExitStack()
        self._first: str | None = None  # the tab that the browser started with, until it is taken
        self._tabs: dict[str, BidiTab] = {}
        self._by_debugger: dict[str, BidiTab] = {}

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

    async def open(self, *, isolated: bool = False) -> BidiTab:
        """Open an empty tab.

        Args:
            isolated: with cookies and storage of its own; they go with the tab.

        Raises:
            TabLost: the browser is gone.
        """
        try:
            return await self._opened(isolated=isolated)
        except ConnectionLost as error:
            raise TabLost from error

    async def _opened(self, *, isolated: bool) -> BidiTab:
        place = await self._place(isolated=isolated)
        context = place.context
        tab = self._tabs[context] = BidiTab(self._connection, place, self._page_bytes, self._border)
        if self._debuggable:
            debugger = await self._connection.command("goog:cdp.getSession", {"context": context})
            self._by_debugger[debugger["session"]] = tab
            if self._windowless:
                await self._hide(debugger["session"])
        return tab

    async def _hide(self, debugger: str) -> None:
        """Hide a tab of the headless shell, as one behind another is in a window: it would draw them all."""
        window = await self._debug(debugger, "Browser.getWindowForTarget")
        hidden = {"windowId": window["windowId"], "bounds": {"windowState": "minimized"}}
        await self._debug(debugger, "Browser.setWindowBounds", hidden)

    async def _debug(self, debugger: str, method: str, params: Mapping[str, Any] | None = None) -> Any:
        asked = {"session": debugger, "method": method, "params": params or {}}
        return (await self._connection.command("goog:cdp.sendCommand", asked))["result"]

    async def _place(self, *, isolated: bool) -> _Place:
        if not isolated and self._first is not None:
            first, self._first = self._first, None
            return _Place(first, stays=True)
        wanted: dict[str, object] = {"type": "tab", "background": True}
        if isolated:
            jar = await self._connection.command("browser.createUserContext")
            wanted["userContext"] = jar["userContext"]
        context = (await self._connection.command("browsingContext.create", wanted))["context"]
        return _Place(context, wanted.get("userContext"))

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
        tree = await connection.command("browsingContext.getTree", {"maxDepth": 0})
        self._first = next((one["context"] for one in tree["contexts"]), None)
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

    def _lose(self, tab: BidiTab | None) -> None:
        if tab is not None:
            _log.debug("a tab was lost at %s", tab.loaded.address if tab.loaded else "its start")
            tab.lose()

    def _unguarded(self) -> None:
        self._open_border = True
        self._lose_all()

    def _lose_all(self) -> None:
        for tab in self._tabs.values():
            tab.lose()
