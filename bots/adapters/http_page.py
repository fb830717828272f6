"""A page as a participant without a browser has it open: what is on it, and what makes it go on by itself."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from enum import Enum
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp

from bots.adapters.answers import frame_payload
from bots.adapters.http_client import HttpClient
from bots.adapters.http_forms import Filled, fill_form, timed_out_form
from bots.adapters.http_scripts import Need, Sockets, need_of_browser, sockets
from bots.adapters.page_readers import Document, Snapshot, read_document
from bots.adapters.page_readers.chat import Chat, Said, read_said, with_said
from bots.domain.pages import Control, Page, SubmitForm

# oTree's own script loads such a page again after so long, at random so that not all do it at once.
_BY_ARRIVAL_SECONDS: Final = (10.0, 70.0)


class Leaving(Enum):
    """How a page goes on by itself."""

    RELOAD = "its script loads it again"
    TIME_OVER = "its script sends the form, as its time is over"


class OpenPage:
    """One loading of a document.

    Args:
        snapshot: the document as it came.
        client: what its sockets are opened with.
        changed: is called after each live frame.

    Attributes:
        location: path of its address.
        sockets: where its scripts hear from the server.
        expires_at: when its timer ends, monotonic seconds; None without a timer.
        frames: payloads of the live frames so far, oldest first.
    """

    def __init__(self, snapshot: Snapshot, client: HttpClient, changed: Callable[[], None]) -> None:
        self.snapshot = snapshot
        self.frames: list[Mapping[str, Any]] = []
        # A parsed document is ten times its page; it is not kept once it has been read.
        self._unread: Document | None = Document(snapshot)
        self.location = self._unread.location
        self.sockets = sockets(self._unread)
        self.expires_at = self._unread.expires_at
        self._reloads_after = self._unread.reloads_after
        self._client = client
        self._changed = changed
        self._read: tuple[Page, Need | None] | None = None
        self._live = _Channel()
        self._chats = {chat: _Channel() for chat in self._unread.chats}
        self._said: dict[str, list[Said]] = {}  # by channel, oldest first

    @property
    def visit(self) -> str:
        return self.snapshot.visit

    @property
    def address(self) -> str:
        return self.snapshot.address

    def read(self) -> tuple[Page, Need | None]:
        """Return what is on the page by now, and why it cannot be used without a browser, if it cannot.

        Raises:
            UnexpectedPage: a reader knows the page, but it is not as it should be.
        """
        if self._read is None or self._read[0].revision != len(self.frames):
            document = self._unread if self._unread and not self.frames else self._parse()
            page = read_document(document)
            files = self._client.script_files.do(self.snapshot.script_files)
            self._read = page, need_of_browser(document, page, files)
            self._unread = None
        return self._read

    def filled(self, act: SubmitForm) -> Filled | None:
        """Return the page's form with an act's answers; None where it has no form."""
        document = self._parse()
        form = document.form_node
        return fill_form(form, document.tree, act) if form is not None else None

    def timed_out(self) -> Filled:
        """Return what the page's own script sends once its time is over."""
        document = self._parse()
        return timed_out_form(document.form_node, document.tree)

    async def send(self, message: Any) -> None:
        """Send a live message, once the page's channel is open.

        Raises:
            ConnectionError: the channel broke; whether the message arrived is not known.
        """
        await self._live.send(message)

    def chat_at(self, control: Control) -> Chat | None:
        """Return the chat in which a control sends; None where it does something else."""
        return next((chat for chat in self._chats if chat.place == control.place), None)

    async def say(self, chat: Chat, words: str) -> None:
        """Say something in a chat, once its channel is open; otherwise as `send`."""
        await self._chats[chat].send(chat.message(words))

    async def until_it_leaves(self) -> Leaving:
        """Do what the page's own scripts do while nobody acts; return how the page goes on by itself."""
        doing = [asyncio.create_task(one) for one in self._scripts()]
        try:
            done, _ = await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)

    @property
    def goes_on(self) -> bool:
        """Whether the page has scripts that do something while nobody acts."""
        timed = self.expires_at is not None or self._reloads_after is not None
        return timed or bool(self._chats) or self.sockets != Sockets()

    def _scripts(self) -> list[Coroutine[Any, Any, Leaving]]:
        found = self.sockets
        scripts: list[Coroutine[Any, Any, Leaving]] = []
        if found.live:
            scripts.append(self._hear_frames(found.live))
        scripts.extend(map(self._hear_chat, self._chats))
        if found.waiting:
            scripts.append(self._hear_end_of_wait(found.waiting))
        if found.by_arrival:
            scripts.append(_after(random.uniform(*_BY_ARRIVAL_SECONDS), Leaving.RELOAD))
        if found.advance:
            scripts.append(self._hear_advance(found.advance))
        if self._reloads_after is not None:
            scripts.append(_after(self._reloads_after, Leaving.RELOAD))
        if self.expires_at is not None:
            scripts.append(_after(self.expires_at - time.monotonic(), Leaving.TIME_OVER))
        return scripts

    def _parse(self) -> Document:
        """Return the document anew, with the frames and what was said in its chats so far."""
        html = with_said(self.snapshot.html, self._said)
        return Document(dataclasses.replace(self.snapshot, html=html, frames=tuple(self.frames)))

    async def _hear_frames(self, path: str) -> Leaving:
        await self._client.listen(urljoin(self.address, path), self._take_frame, self._live.take)
        return Leaving.RELOAD

    async def _hear_chat(self, chat: Chat) -> Leaving:
        said = self._said.setdefault(chat.channel, [])

        def take(data: str) -> bool:
            said.extend(read_said(data, chat))
            return self._take_frame(data)

        def opened(channel: aiohttp.ClientWebSocketResponse | None) -> None:
            said.clear()  # the server tells all again
            self._chats[chat].take(channel)

        await self._client.listen(urljoin(self.address, chat.socket), take, opened)
        return Leaving.RELOAD

    async def _hear_end_of_wait(self, path: str) -> Leaving:
        await self._client.listen(urljoin(self.address, path), lambda data: "error" not in _object(data))
        return Leaving.RELOAD

    async def _hear_advance(self, path: str) -> Leaving:
        await asyncio.sleep(self._client.settings.settled_seconds)
        await self._client.listen(
            urljoin(self.address, path), lambda data: bool(_object(data).get("auto_advanced"))
        )
        return Leaving.RELOAD

    def _take_frame(self, data: str) -> bool:
        self.frames.append(frame_payload(data))
        self._changed()
        return False


class _Channel:
    """A socket's way to the server, which may be lost and open again."""

    def __init__(self) -> None:
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._open = asyncio.Event()

    def take(self, socket: aiohttp.ClientWebSocketResponse | None) -> None:
        """Take the socket that has opened, or None once it is lost."""
        self._socket = socket
        if socket is None:
            self._open.clear()
        else:
            self._open.set()

    async def send(self, message: Any) -> None:
        """Send a message, once the socket is open.

        Raises:
            ConnectionError: it broke; whether the message arrived is not known.
        """
        await self._open.wait()
        if self._socket is None:
            raise ConnectionResetError("the channel broke")
        await self._socket.send_str(json.dumps(message))


async def _after(seconds: float, leaving: Leaving) -> Leaving:
    await asyncio.sleep(max(0.0, seconds))
    return leaving


def _object(data: str) -> Mapping[str, Any]:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
