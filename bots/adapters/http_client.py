"""The connections that participants without browsers share."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import aiohttp
from yarl import URL

from bots.adapters.http_script_files import ScriptFiles, script_files
from bots.adapters.http_sending import Request
from bots.adapters.page_readers import Snapshot
from bots.domain.errors import MOST_PAGE_BYTES

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD: Final = frozenset({307, 308})
_MOST_REDIRECTS: Final = 10
_HEARTBEAT_SECONDS: Final = 30.0  # a server that went away without a word is noticed after this long
_GOODBYE_SECONDS: Final = 2.0
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0
_visits = itertools.count(1)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How participants without browsers reach the server.

    Attributes:
        requests_at_once: connections for pages, shared by all participants; further requests queue.
        page_seconds: longest wait for a page that was asked for.
        idle_seconds: how long an idle connection is kept; oTree ends those that are idle for 5 s.
        page_bytes: a page that is longer, once unpacked, is not read to its end.
        settled_seconds: how long a participant is on a page before it listens whether an experimenter moves
            it on. oTree tells those who ask late too, and a quick participant needs not ask at all.
    """

    requests_at_once: int = 32
    page_seconds: float = 60.0
    idle_seconds: float = 3.0
    page_bytes: int = MOST_PAGE_BYTES
    settled_seconds: float = 1.0


class Unreachable(Exception):
    """The server did not answer; a request that was sent may have reached it."""


class TooLong(Exception):
    """The server sends more than a page can be."""


class LeadsAway(Exception):
    """The server sends the participant to another host."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(f"it leads to {host}")
        self.host = host
        self.path = path


class HttpClient:
    """Loads pages, with their script files, and listens to sockets. Make it with `open`."""

    def __init__(
        self, settings: HttpSettings, pages: aiohttp.ClientSession, sockets: aiohttp.ClientSession
    ) -> None:
        self.settings = settings
        self._pages = pages
        # The connector's own limit gives a free connection to whoever asks next, and that is the participant
        # who has just had it: the others would wait until that one has nothing more to ask.
        self._turn = asyncio.Semaphore(settings.requests_at_once)
        self._sockets = sockets
        self.script_files = ScriptFiles(pages)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, settings: HttpSettings) -> AsyncIterator[Self]:
        """Open the client; its connections end at the exit."""
        pages = aiohttp.TCPConnector(limit=0, keepalive_timeout=settings.idle_seconds)
        # A socket holds its connection, so sockets must not take those of the pages.
        sockets = aiohttp.TCPConnector(limit=0, force_close=True)
        async with _session(pages) as for_pages, _session(sockets) as for_sockets:
            yield cls(settings, for_pages, for_sockets)

    async def get(self, address: str) -> Snapshot:
        """Load an address, and follow redirects on its host.

        Raises:
            Unreachable, LeadsAway, TooLong: as they say.
        """
        return await self._load(Request(address), URL(address).host)

    async def send(self, request: Request, page: str) -> Snapshot:
        """Send a form of the page at an address, and return what followed; otherwise as `get`."""
        return await self._load(request, URL(page).host)

    async def listen(
        self,
        address: str,
        take: Callable[[str], bool],
        opened: Callable[[aiohttp.ClientWebSocketResponse | None], None] = lambda _: None,
    ) -> None:
        """Hear a socket until `take` says of a message that it is enough; a lost socket is opened again.

        Args:
            address: of the page's host, http or https.
            opened: is told of the socket once it is open, and None when it is lost.
        """
        pause = _FIRST_PAUSE
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with self._sockets.ws_connect(
                    address,
                    heartbeat=_HEARTBEAT_SECONDS,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_GOODBYE_SECONDS),
                ) as socket:
                    pause = _FIRST_PAUSE
                    opened(socket)
                    try:
                        async for message in socket:
                            if message.type is aiohttp.WSMsgType.TEXT and take(message.data):
                                return
                    finally:
                        opened(None)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _load(self, request: Request, host: str | None) -> Snapshot:
        async with self._turn:
            snapshot = await self._load_page(request, host)
            files = script_files(snapshot.html, snapshot.address)
            await self.script_files.load(files)
        return replace(snapshot, script_files=files)

    async def _load_page(self, request: Request, host: str | None) -> Snapshot:
        url, body = URL(request.address), request.body
        for _ in range(_MOST_REDIRECTS):
            if url.host != host:
                raise LeadsAway(str(url.host), url.path)
            method, headers = (
                ("GET", None) if body is None else ("POST", {"Content-Type": request.content_type})
            )
            try:
                async with self._pages.request(
                    method, url, data=body, headers=headers, allow_redirects=False
                ) as response:
                    target = response.headers.get("Location")
                    if response.status not in _REDIRECTS or target is None:
                        html = await self._text(response)
                        return Snapshot(new_visit(), str(url), html, time.monotonic(), response.status)
                    if response.status not in _KEEP_METHOD:
                        body = None
                    url = url.join(URL(target))
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise Unreachable(f"{url.host} cannot be reached: {error or type(error).__name__}") from error
        raise Unreachable(f"{host} redirected more than {_MOST_REDIRECTS} times")

    async def _text(self, response: aiohttp.ClientResponse) -> str:
        """Read a body that may have no end."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self.settings.page_bytes:
                raise TooLong
        try:
            return body.decode(response.charset or "utf-8", "replace")
        except LookupError:  # a character set of that name there is none
            return body.decode("utf-8", "replace")


def new_visit() -> str:
    """Return a name for one loading of a document, unique in this process."""
    return f"http-{next(_visits)}"


def nothing_there(address: str, reason: str) -> Snapshot:
    """Return what is shown where no page came: an error page of our own, as a browser has one."""
    # The reason may hold what a server sent; it is text, also in an error page.
    words = reason.replace("&", "&amp;").replace("<", "&lt;")
    html = f"<title>{words}</title><body>{words}</body>"
    return Snapshot(new_visit(), f"no-page:{address}", html, time.monotonic(), status=0)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    # Participant pages need no cookie, and a shared one would make several participants one.
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0),
    )
