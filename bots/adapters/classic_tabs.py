"""Browsers that are driven over classic WebDriver alone: one window, for one participant.

Nothing runs in a page before its own scripts there. What tells of the page and its live frames is put into
it by the first script that reaches it: as a rule while it is being loaded, and else it finds oTree's live
channel in use. Frames that came before are not known. A redirect to another host is told once followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Self, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    InvalidArgumentException,
    WebDriverException,
)
from selenium.webdriver.remote.remote_connection import RemoteConnection

from bots.adapters.browser import started_browser
from bots.adapters.browser_settings import BrowserSettings
from bots.adapters.classic_driver import LONGEST_ROUND, ClassicDriver
from bots.adapters.tab import BrowserRefused, DocumentGone, Loaded, Tab, TabLost, page_script
from bots.domain.errors import SessionLost

_log = logging.getLogger(__name__)
_STUCK_SECONDS: Final = 4 * LONGEST_ROUND  # for a script that a dialog or a busy page holds up
_NOTHING: Final = "() => null"
_Message = tuple[str, float]  # what a page tells, as JSON, and how many milliseconds ago

T = TypeVar("T")


class ClassicTab(Tab):
    """What one participant has of a window, from the opening of an address on."""

    def __init__(self, driver: ClassicDriver, page_bytes: int) -> None:
        super().__init__(page_bytes)
        self._driver = driver
        self._name = uuid.uuid4().hex
        self._loop = asyncio.get_running_loop()

    async def until(self, happened: Callable[[], T | None]) -> T:
        """Listen to the page until something has happened; otherwise as `Tab.until`."""
        if (result := self._now(happened)) is not None:
            return result
        with self._driver.listening(self._hear):
            return await super().until(happened)

    async def ask(self, document: Loaded, script: str, *arguments: object) -> Any:
        """Call one of our page scripts in a document; otherwise as `Tab.ask`."""
        return await self._ask(document, page_script(script), arguments)

    async def catch_up(self) -> None:
        """Take in what the page has told by now."""
        if self.loaded is not None:
            with contextlib.suppress(DocumentGone):
                await self._ask(self.loaded, _NOTHING, ())

    async def close(self) -> None:
        """Give the window up; it is lost from then on. Safe to call twice."""
        self.lose()

    async def screenshot(self) -> bytes:
        """Return what the window shows of the page; otherwise as `Tab.screenshot`."""
        try:
            return await self._unless_gone(self._driver.command(lambda one: one.get_screenshot_as_png()))
        except WebDriverException as error:
            raise BrowserRefused(str(error.msg)) from error

    async def _navigate(self, address: str) -> None:
        def opened(driver: webdriver.Remote) -> None:
            driver.execute_script(f"({page_script('classic_leave')})()")
            driver.get(address)

        try:
            await self._unless_gone(self._driver.command(opened))
        except InvalidArgumentException as error:
            raise SessionLost(f"{address} cannot be opened: {error.msg}") from error
        except WebDriverException as error:
            # What the network refused is shown as the browser's error page.
            _log.debug("%s was not opened: %s", address, error.msg)

    async def _ask(self, document: Loaded, source: str, arguments: Sequence[object]) -> Any:
        def answered(driver: webdriver.Remote) -> Mapping[str, Any] | None:
            told = driver.execute_script(_asking(source), document.visit, json.dumps(arguments))
            if told is not None and "told" in told:
                self._loop.call_soon_threadsafe(self._take_all, document.visit, told["told"])
            return told  # type: ignore[no-any-return]

        try:
            told = await self._unless_gone(self._driver.command(answered))
        except WebDriverException as error:
            raise DocumentGone(asked=True) from error
        if told is None or "gone" in told:
            raise DocumentGone(asked=told is None)
        if "threw" in told:
            raise BrowserRefused(told["threw"])
        return json.loads(told["value"])

    def _hear(self, driver: webdriver.Remote, seconds: float) -> bool:
        """Listen to the page for a while, and tell whether it told anything. Blocks."""
        given = (self._name, uuid.uuid4().hex, 1e3 * seconds, self._page_bytes)
        visit, told = driver.execute_async_script(_listening(), *given) or ("", ())
        if told:
            self._loop.call_soon_threadsafe(self._take_all, visit, told)
        return bool(told)

    def _take_all(self, visit: str, told: Sequence[_Message]) -> None:
        now = time.monotonic()
        for text, milliseconds in told:
            try:
                message = json.loads(text)
                if message["kind"] == "prompt":
                    self.take_prompt(message["words"])
                else:
                    self.take(visit, message, now - (milliseconds + message.get("age", 0)) / 1e3)
            except (KeyError, TypeError, ValueError) as error:
                _log.warning("a page told what cannot be read: %r", error)


class ClassicTabs:
    """A running browser with one window. Make it with `start`; end it with `close`."""

    def __init__(self, selenium: webdriver.Remote, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._driver = ClassicDriver(selenium, self._lose)
        self._resources = contextlib.AsyncExitStack()
        self._tab: ClassicTab | None = None

    @classmethod
    async def start(cls, settings: BrowserSettings) -> Self:
        """Start a browser.

        Raises:
            SessionLost: it did not start.
        """
        async with contextlib.AsyncExitStack() as resources:
            running = await resources.enter_async_context(started_browser(settings))
            assert running.selenium is not None
            tabs = cls(running.selenium, settings.page_bytes)
            resources.push_async_callback(tabs._driver.close)
            # A hub keeps a connection open whose node has gone.
            patience = settings.page_seconds if settings.grid is None else settings.answer_seconds
            try:
                await tabs._driver.command(lambda driver: _hurry(driver, patience))
            except (TabLost, WebDriverException) as error:
                raise SessionLost(f"{settings.name} started and could not be driven: {error}") from error
            tabs._resources = resources.pop_all()
        return tabs

    @property
    def lost(self) -> bool:
        return self._driver.lost

    async def open(self, *, isolated: bool = False) -> ClassicTab:
        """Take the window over; whoever had it has lost it.

        Raises:
            TabLost: the browser is gone.
        """
        if self.lost:
            raise TabLost
        self._lose()
        self._tab = ClassicTab(self._driver, self._page_bytes)
        return self._tab

    async def close(self) -> None:
        """End the browser and everything that was started for it; safe to call twice."""
        self._lose()
        await self._resources.aclose()

    def _lose(self) -> None:
        if self._tab is not None:
            self._tab.lose()


def _hurry(driver: webdriver.Remote, patience: float) -> None:
    """Let no script and no command take forever. Blocks."""
    driver.set_script_timeout(_STUCK_SECONDS)
    assert isinstance(driver.command_executor, RemoteConnection)
    driver.command_executor.client_config.timeout = int(patience + _STUCK_SECONDS)


@cache
def _listening() -> str:
    return f"({page_script('classic_listen')})(({page_script('watch')}), ...arguments)"


@cache
def _asking(source: str) -> str:
    return f"return ({page_script('classic_ask')})(({source}), ...arguments)"
