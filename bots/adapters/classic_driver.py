"""A driver of Selenium on a thread of its own: one command at a time, and listening in between.

Classic WebDriver pushes nothing, and while a script of ours waits in the page for what happens there, no
command reaches the browser. So each round of listening has an end: after a tenth of what has been waited by
then, at least a tenth of a second and at most a second. So long a command may have to wait.

Source: https://www.w3.org/TR/webdriver2/ (sections Executing Script, User Prompts).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    InvalidSessionIdException,
    JavascriptException,
    NoSuchWindowException,
    TimeoutException,
    WebDriverException,
)
from urllib3.exceptions import HTTPError

from bots.adapters.tab import TabLost

_log = logging.getLogger(__name__)
LONGEST_ROUND: Final = 1.0
_SHORTEST_ROUND: Final = 0.1
_SHARE: Final = 0.1  # of the time listened so far that one round takes
_PAUSE: Final = 0.05  # after a round that failed as the one before did
_FAILURES: Final = 5  # in a row, after which a browser is taken for lost

T = TypeVar("T")
Round = Callable[[webdriver.Remote, float], bool]
"""Listens for at most so many seconds and tells whether there was anything to hear. Blocks."""


class ClassicDriver:
    """A driver that is given commands, and listens while somebody wants it to.

    Args:
        on_lost: is called once the browser or its driver is gone.
    """

    def __init__(self, selenium: webdriver.Remote, on_lost: Callable[[], None]) -> None:
        self._selenium = selenium
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "webdriver")
        self._commands = 0  # under way, or waiting for the end of a round
        self._rounds: list[Round] = []  # of those who want to hear something
        self._listening: asyncio.Future[None] | None = None
        self.lost = False

    async def command(self, wanted: Callable[[webdriver.Remote], T]) -> T:
        """Give a command, once no other is under way, and return what it returns.

        Raises:
            TabLost: the browser or its driver is gone.
            WebDriverException: the driver refused it.
        """
        if self.lost:
            raise TabLost
        self._commands += 1
        try:
            return await self._loop.run_in_executor(self._thread, self._carried_out, wanted)
        except TabLost:
            self._lose()
            raise
        finally:
            self._commands -= 1
            self._listen()

    @contextlib.contextmanager
    def listening(self, one_round: Round) -> Iterator[None]:
        """Listen, round after round, whenever no command is under way."""
        self._rounds.append(one_round)
        self._listen()
        try:
            yield
        finally:
            self._rounds.remove(one_round)

    async def close(self) -> None:
        """Give no more commands, and return once the last has ended; safe to call twice."""
        self.lost = True
        if self._listening is not None:
            await asyncio.wait({self._listening}, timeout=2 * LONGEST_ROUND)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _listen(self) -> None:
        if self._rounds and not self._commands and self._listening is None and not self.lost:
            self._listening = self._loop.run_in_executor(self._thread, self._listen_on, self._rounds[-1])
            self._listening.add_done_callback(self._listened)

    def _listened(self, listening: asyncio.Future[None]) -> None:
        self._listening = None
        if not listening.cancelled() and listening.exception() is not None:
            self._lose()
        # Who has heard what it waited for has the first word.
        self._loop.call_soon(self._listen)

    def _lose(self) -> None:
        self.lost = True
        self._on_lost()

    def _listen_on(self, one_round: Round) -> None:
        """Listen until there was something to hear, or a command is due, or nobody listens any more. Blocks.

        Raises:
            TabLost: the browser or its driver is gone.
        """
        began, failures = time.monotonic(), 0
        while one_round in self._rounds and not self._commands and not self.lost:
            seconds = max(_SHORTEST_ROUND, _SHARE * (time.monotonic() - began))
            try:
                if self._carried_out(lambda driver: one_round(driver, min(seconds, LONGEST_ROUND))):  # noqa: B023
                    return
                failures = 0
            except (JavascriptException, TimeoutException):  # the document was left, or the page is busy
                time.sleep(_PAUSE if failures else 0.0)
                failures = 1
            except WebDriverException as error:
                _log.debug("a round of listening failed: %s", error.msg)
                failures += 1
                if failures > _FAILURES:
                    raise TabLost from error
                time.sleep(_PAUSE)

    def _carried_out(self, wanted: Callable[[webdriver.Remote], T]) -> T:
        try:
            return wanted(self._selenium)
        except (NoSuchWindowException, InvalidSessionIdException, HTTPError, OSError) as error:
            _log.debug("the driver or its browser is gone: %r", error)
            raise TabLost from error
