"""What a participant's tab is to who sits there, however its browser is driven."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlsplit

from bots.adapters.answers import frame_payload
from bots.adapters.page_readers import Snapshot
from bots.domain.errors import LedAway, PageTooLong

T = TypeVar("T")
_WITHOUT_WORDS: Final = "<body></body>"


class TabLost(Exception):
    """The tab was closed, crashed, or went down with its browser."""


class BrowserRefused(Exception):
    """The browser could not do what it was asked: a script of a page threw, or there is no picture to be had.

    Args:
        message: the browser's own words.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


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
    """A document as it was when it could be read first; `visit` names this loading of it."""

    visit: str
    address: str
    html: str
    status: int
    at: float  # monotonic seconds
    told: Any = None
    heard: int = 0  # live frames that came before it


class Tab(ABC):
    """A participant's tab. `loaded` is its present document, None before the first one.

    `frames` are the payloads of the live frames of the present document, `prompts` the words of dialogs it
    opened, both oldest first.
    """

    def __init__(self, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._frames: dict[str, list[Mapping[str, Any]]] = {}
        self._pulse = asyncio.Event()
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._host: str | None = None  # of the experiment
        self._server = ""  # its host and port
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
        html = loaded.html if anew is None else anew["html"]
        return Snapshot(
            visit=loaded.visit,
            address=loaded.address,
            html=html if loaded.address.startswith("http") else self._error_page(html),
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
        before, parts = self.loaded, urlsplit(address)
        self._host, self._server = parts.hostname, parts.netloc.rpartition("@")[2]
        await self._navigate(address)
        await self.until(lambda: self.loaded if self.loaded is not before else None)

    @abstractmethod
    async def _navigate(self, address: str) -> None:
        """Begin to load an address.

        Raises:
            TabLost: the tab went away.
            SessionLost: it is no address.
        """

    @abstractmethod
    async def ask(self, document: Loaded, script: str, *arguments: object) -> Any:
        """Call one of our page scripts in a document and return its value.

        Raises:
            DocumentGone: the document is no longer there.
            TabLost: the tab went away.
            BrowserRefused: the script threw.
        """

    @abstractmethod
    async def catch_up(self) -> None:
        """Take in what the page has told by now.

        Raises:
            TabLost: the tab went away.
        """

    async def until(self, happened: Callable[[], T | None]) -> T:
        """Return what `happened` returns, once it is not None; it is asked at each change of the tab.

        Raises:
            TabLost: the tab went away first.
            LedAway: the page wants to leave the experiment's host, or the server has led it off.
            PageTooLong: the next document has more bytes than a page can have.
        """
        while (result := self._now(happened)) is None:
            pulse = self._pulse
            await pulse.wait()
        return result

    def _now(self, happened: Callable[[], T | None]) -> T | None:
        """Return what `happened` returns; otherwise as `until`."""
        if self._unread is not None:
            raise self._unread
        result = happened()
        if result is None and self.lost:
            raise TabLost
        return result

    @abstractmethod
    async def screenshot(self) -> bytes:
        """Return what the tab shows as a PNG image.

        Raises:
            TabLost: the tab went away.
            BrowserRefused: the browser could not make one.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the tab; it is lost from then on. Safe to call twice."""

    def lose(self) -> None:
        """Tell everybody who waits here that nothing will come."""
        if not self._gone.done():
            self._gone.set_result(None)
        self._changed()

    def take(self, visit: str, pushed: Mapping[str, Any], at: float | None = None) -> None:
        """Keep what a document pushed at a time, in monotonic seconds; None: just now."""
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
            self.loaded = Loaded(
                visit,
                pushed["address"],
                pushed["html"],
                pushed["status"],
                time.monotonic() if at is None else at,
                pushed["told"],
                len(self._frames[visit]),
            )
        self._changed()

    def _error_page(self, html: str) -> str:
        """Return the browser's error page; the headless shell's is empty, and gets a line."""
        if _WITHOUT_WORDS not in html:
            return html
        return f"<title>No answer</title><body><p>{escape(self._server)} does not answer.</p></body>"

    def take_prompt(self, words: str) -> None:
        self.prompts.append(words)
        self._changed()

    def _leads_to(self, host: str, path: str) -> None:
        where = urlsplit(self.loaded.address).path if self.loaded else "the participant's link"
        self._unread = self._unread or LedAway(where, host, path)

    def _changed(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    async def _unless_gone(self, command: Awaitable[T]) -> T:
        """Await a command; the browser never answers one that a crashed tab holds.

        Raises:
            TabLost: the tab went away.
        """
        task = asyncio.ensure_future(command)
        either: set[asyncio.Future[Any]] = {task, self._gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TabLost
            return task.result()
        finally:
            task.cancel()


class Tabs(Protocol):
    """A running browser that participants have tabs in."""

    @property
    def lost(self) -> bool:
        """Whether the browser is gone, so that none of its tabs can do anything."""

    async def open(self, *, isolated: bool = False) -> Tab:
        """Open an empty tab.

        Args:
            isolated: with cookies and storage of its own; they go with the tab.

        Raises:
            TabLost: the browser is gone.
        """

    async def close(self) -> None:
        """End the browser and everything that was started for it; safe to call twice."""


@cache
def page_script(name: str) -> str:
    """Return the source of one of the functions in `page_scripts`."""
    return files("bots.adapters").joinpath("page_scripts", f"{name}.js").read_text("utf-8")
