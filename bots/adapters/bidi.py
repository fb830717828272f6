"""A small client of WebDriver BiDi over one asyncio WebSocket, for commands and events of many tabs at once.

Source: https://w3c.github.io/webdriver-bidi/ (sections Transport, Protocol).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from bots.adapters.tab import BrowserRefused
from bots.domain.errors import SessionLost

_log = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 20.0

Listener = Callable[[Mapping[str, Any]], None]


class BidiError(BrowserRefused):
    """The browser answered a command with an error.

    Args:
        code: the protocol's error code, e.g. `no such frame`.
        message: the browser's own words.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class NoBidi(SessionLost):
    """A browser was started, or refused to, that is driven over classic WebDriver alone."""


class ConnectionLost(Exception):
    """The browser or its driver went away, or the connection to it was closed."""


class Connection:
    """One WebSocket to one browser. Open it with `connect`; close it with `close`."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._socket = socket
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._listeners: dict[str, Listener] = {}
        self._on_lost: Callable[[], None] = lambda: None
        self._reader = asyncio.create_task(self._read(), name="bidi reader")
        self._watch: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, url: str) -> Connection:
        """Connect to the address that the driver gave as `webSocketUrl`.

        Raises:
            ConnectionLost: nobody answers there.
        """
        http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                socket = await http.ws_connect(url, max_msg_size=0)
        except (aiohttp.ClientError, OSError) as error:
            await http.close()
            raise ConnectionLost(f"the browser does not answer at {url}: {error}") from error
        except BaseException:
            await http.close()
            raise
        return cls(http, socket)

    @property
    def lost(self) -> bool:
        return self._reader.done()

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` with the parameters of each such event; it must not raise or block."""
        self._listeners[event] = listener

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Call `listener` once the connection has ended, for whatever reason."""
        self._on_lost = listener

    def watch(self, seconds: float) -> None:
        """Ask now and then whether the browser is there; where it does not answer the connection has ended.

        For browsers behind a hub, which keeps a connection open whose node has gone.

        Args:
            seconds: between questions, and the longest wait for an answer.
        """
        self._watch = asyncio.create_task(self._ask_now_and_then(seconds), name="bidi watch")

    async def command(self, method: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """Send a command and return its result.

        Raises:
            BidiError: the browser refused it.
            ConnectionLost: the connection ended before the answer.
        """
        if self.lost:
            raise ConnectionLost("the connection to the browser has ended")
        number = next(self._numbers)
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._socket.send_str(json.dumps({"id": number, "method": method, "params": params or {}}))
            return await answer
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ConnectionLost(f"the connection to the browser broke: {error}") from error
        finally:
            del self._pending[number]

    async def call(self, target: Mapping[str, str], function: str, *arguments: object) -> Any:
        """Call a JavaScript function in a page and return its value.

        Arguments and value travel as JSON inside BiDi strings, so that no text ever becomes part of a script.

        Args:
            target: `{"realm": …}` or `{"context": …}`.
            function: source of a function, constant text of this package, whose value can be put as JSON.

        Raises:
            BidiError: the realm is gone, or the function threw.
            ConnectionLost: as for `command`.
        """
        declaration = f"(given) => JSON.stringify(({function})(...JSON.parse(given)) ?? null)"
        result = await self.command(
            "script.callFunction",
            {
                "functionDeclaration": declaration,
                "arguments": [{"type": "string", "value": json.dumps(arguments)}],
                "target": target,
                "awaitPromise": False,
            },
        )
        if result["type"] == "exception":
            raise BidiError("javascript error", str(result["exceptionDetails"]["text"]))
        return json.loads(result["result"]["value"])

    async def close(self) -> None:
        """End the connection; safe to call twice."""
        if self._watch is not None:
            self._watch.cancel()
        await self._socket.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._http.close()

    async def _ask_now_and_then(self, seconds: float) -> None:
        with contextlib.suppress(ConnectionLost, TimeoutError):
            while True:
                await asyncio.sleep(seconds)
                async with asyncio.timeout(seconds):
                    await self.command("session.status")
        self._reader.cancel()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
        finally:
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(ConnectionLost("the connection to the browser has ended"))
            # The reader counts as done only after this step, and listeners ask for `lost`.
            asyncio.get_running_loop().call_soon(self._on_lost)

    def _take(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "event":
            if listener := self._listeners.get(message["method"]):
                listener(message["params"])
            return
        answer = self._pending.get(message.get("id") or 0)
        if answer is None or answer.done():
            _log.debug("an answer nobody waits for: %s", message.get("error", "success"))
        elif message["type"] == "error":
            answer.set_exception(BidiError(str(message["error"]), str(message["message"])))
        else:
            answer.set_result(message["result"])
