"""Stops a browser's pages before they are loaded from another host than the experiment's.

A server's redirect would carry off what an address says of its participant before any script could see it. So
each request for a page is held until it is known where it leads, on a connection of its own: WebDriver BiDi
would hold all of a page's requests. What a page contains (pictures, fonts, frames) is not held.

The same connection tells when the hidden page crashes in which ChromeDriver turns WebDriver BiDi into
Chromium's own protocol: nothing would be answered any more, and its socket would stay open.

Source: https://chromedevtools.github.io/devtools-protocol/ (domains Target and Fetch).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import aiohttp

from bots.adapters.bidi import ConnectionLost

_log = logging.getLogger(__name__)
_CONNECT_SECONDS: Final = 20.0
_FIRST: Final = 1  # number of the command whose answer is waited for
_PAGES: Final = {"patterns": [{"urlPattern": "*", "resourceType": "Document", "requestStage": "Request"}]}
_NEW_PAGES: Final = {
    "autoAttach": True,
    "waitForDebuggerOnStart": True,
    "flatten": True,
    "filter": [{"type": "page"}],
}
_ALL_PAGES: Final = {"discover": True, "filter": [{"type": "page"}, {"type": "other"}]}
_MAPPER: Final = "BiDi-CDP Mapper"  # title that ChromeDriver gives its page; hidden but in the headless shell

Crossing = Callable[[SplitResult], None]
"""Is told of an address that was not loaded."""


class Border:
    """Holds the pages of one browser. Open it with `connect`; close it with `close`."""

    def __init__(self, http: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self._socket = socket
        self._numbers = itertools.count(_FIRST)
        self._homes: dict[str, tuple[str, Crossing]] = {}  # by target: the experiment's host, and who is told
        self._targets: dict[str, str] = {}  # by debugger's session
        self._mappers: set[str] = set()  # targets of the hidden pages of ChromeDriver
        self._watching: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._holding: dict[int, str] = {}  # targets whose pages will be held once a command is answered
        self._held: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)  # by target
        self._on_lost: Callable[[], None] = lambda: None
        self._reader = asyncio.create_task(self._read(), name="border reader")

    @classmethod
    async def connect(cls, address: str) -> Border:
        """Connect to a browser's debugger, and hold the pages of all its tabs from then on.

        Args:
            address: of its WebSocket, or `host:port` where it tells that.

        Raises:
            ConnectionLost: nobody answers there.
        """
        http = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                border = cls(http, await http.ws_connect(await _socket_of(http, address), max_msg_size=0))
                await border._watch()
        except (aiohttp.ClientError, OSError, KeyError, ValueError) as error:
            await http.close()
            raise ConnectionLost(f"the browser's debugger does not answer at {address}: {error}") from error
        except BaseException:
            await http.close()
            raise
        return border

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Call `listener` once nothing is held any more, or the browser's driver can do nothing any more."""
        self._on_lost = listener

    async def keep(self, target: str, host: str, crossing: Crossing) -> None:
        """Keep a tab on a host, and return once it is; `crossing` is told of each page it was not given."""
        self._homes[target] = host, crossing
        await self._held[target].wait()

    def forget(self, target: str) -> None:
        """Forget a tab that was closed."""
        self._homes.pop(target, None)
        self._held.pop(target, None)

    async def close(self) -> None:
        """End the connection; safe to call twice."""
        self._on_lost = lambda: None
        await self._socket.close()
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._http.close()

    async def _watch(self) -> None:
        await self._send("Target.setAutoAttach", _NEW_PAGES)
        await self._send("Target.setDiscoverTargets", _ALL_PAGES)
        await self._watching

    async def _send(self, method: str, params: Mapping[str, Any] | None = None, session: str = "") -> int:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params or {}}
        await self._socket.send_str(json.dumps(message | ({"sessionId": session} if session else {})))
        return number

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        except (ConnectionError, aiohttp.ClientError) as error:
            _log.debug("the connection to the browser's debugger broke: %s", error)
        finally:
            if not self._watching.done():
                self._watching.set_exception(ConnectionLost("the browser's debugger ended the connection"))
            self._on_lost()

    async def _take(self, message: Mapping[str, Any]) -> None:
        if "id" in message:
            self._answered(message)
            return
        params = message["params"]
        if message["method"] == "Fetch.requestPaused":
            await self._decide(message["sessionId"], params)
        elif message["method"] == "Target.attachedToTarget":
            await self._attached(params["sessionId"], params["targetInfo"])
        elif message["method"] == "Target.detachedFromTarget":
            self._targets.pop(params["sessionId"], None)
        else:
            await self._heard_of_page(message["method"], params)

    async def _heard_of_page(self, method: str, params: Mapping[str, Any]) -> None:
        """Give the browser up where ChromeDriver's hidden page has crashed."""
        if method in ("Target.targetCreated", "Target.targetInfoChanged"):
            if params["targetInfo"]["title"] == _MAPPER:
                self._mappers.add(params["targetInfo"]["targetId"])
        elif method == "Target.targetCrashed" and params["targetId"] in self._mappers:
            _log.debug("the page crashed by which ChromeDriver drives the browser")
            await self._socket.close()

    def _answered(self, message: Mapping[str, Any]) -> None:
        """Take in an answer; a command to a tab that is gone meanwhile is refused, and nothing is lost."""
        target = self._holding.pop(message["id"], None)
        if target is not None and "error" not in message:
            self._held[target].set()
        if message["id"] != _FIRST:
            return
        if "error" in message:
            words = str(message["error"].get("message"))
            self._watching.set_exception(ConnectionLost(f"the browser's debugger refused to watch: {words}"))
        else:
            self._watching.set_result(None)

    async def _attached(self, session: str, target: Mapping[str, Any]) -> None:
        """Hold the pages of a new tab, then let it start."""
        self._targets[session] = target["targetId"]
        self._holding[await self._send("Fetch.enable", _PAGES, session)] = target["targetId"]
        await self._send("Runtime.runIfWaitingForDebugger", session=session)

    async def _decide(self, session: str, held: Mapping[str, Any]) -> None:
        """Let a request go on, unless it would bring a tab a page of another host."""
        target, address = self._targets.get(session, ""), urlsplit(held["request"]["url"])
        request = {"requestId": held["requestId"]}
        if held["frameId"] != target or self._may(target, address):
            await self._send("Fetch.continueRequest", request, session)
            return
        await self._send("Fetch.failRequest", request | {"errorReason": "Aborted"}, session)
        if target in self._homes:
            self._homes[target][1](address)

    def _may(self, target: str, address: SplitResult) -> bool:
        """Tell whether a tab may load an address; one that nobody is known of may as far as any other."""
        hosts = (
            {self._homes[target][0]} if target in self._homes else {home for home, _ in self._homes.values()}
        )
        return address.scheme not in ("http", "https") or address.hostname in hosts


async def _socket_of(http: aiohttp.ClientSession, address: str) -> str:
    """Return the address of a browser's WebSocket."""
    if "://" in address:
        return address
    async with http.get(f"http://{address}/json/version") as response:
        return str((await response.json())["webSocketDebuggerUrl"])
