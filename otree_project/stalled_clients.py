"""Clients that stall hold up nobody: what oTree would wait for under its one lock is waited for before it.

oTree 6 takes a lock around every request and every WebSocket event, and reads a request's body and writes to
sockets while it holds it. A laptop that goes to sleep between the header and the body of a form, or that no
longer reads its socket, would stop the session for everybody. Here a body is read whole before oTree sees the
request, and a socket that takes nothing for some seconds is cut; its page opens a new one when it wakes up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_impl import WebSocketProtocol

BODY_SECONDS = 60.0  # for the body of a request to come; a slow line is not a fault
BODY_BYTES = 16_000_000  # far above any form of participants, or list of labels of an admin
CONTENT_TYPE_BYTES = 200
SOCKET_SECONDS = 3.0  # for a socket to take what it is sent; everybody waits meanwhile

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class TooLong(Exception):
    """A body is longer than any that oTree expects."""


class Gone(Exception):
    """The client went away before its request was whole."""


class WholeRequests:
    """An ASGI app whose requests reach the app inside with their body already here, and of a plain type.

    Args:
        app: the app inside.
        seconds: after which a request without its whole body is answered with 408.
        most_bytes: of a body; a longer one is answered with 413.
    """

    def __init__(self, app: App, seconds: float = BODY_SECONDS, most_bytes: int = BODY_BYTES) -> None:
        self._app = app
        self._seconds = seconds
        self._most_bytes = most_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not _plain(scope["headers"]):
            await _refuse(send, 415, "A request of this type is not taken.")
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await _whole_body(receive, self._most_bytes)
        except TimeoutError:
            await _refuse(send, 408, "The request did not come in time. Load the page again.")
        except TooLong:
            await _refuse(send, 413, "The request is too long.")
        except Gone:
            return
        else:
            await self._app(scope, _body_first(body, receive), send)


def _plain(headers: list[tuple[bytes, bytes]]) -> bool:
    """Tell whether oTree's parser of Content-Type reads this one in no time (CVE-2024-24762)."""
    types = [value for name, value in headers if name == b"content-type"]
    return all(len(value) <= CONTENT_TYPE_BYTES and b"\\" not in value for value in types)


async def _whole_body(receive: Receive, most_bytes: int) -> bytes:
    """Return a request's body.

    Raises:
        TooLong, Gone: as they say.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body += message.get("body", b"")
        if len(body) > most_bytes:
            raise TooLong
        if not message.get("more_body", False):
            return bytes(body)


def _body_first(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body at once and then what the connection still says."""
    given = False

    async def receive_whole() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_whole


async def _refuse(send: Send, status: int, words: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})


class ImpatientSocket(WebSocketProtocol):
    """uvicorn's WebSocket, cut where its client takes nothing for `SOCKET_SECONDS`."""

    async def asgi_send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SOCKET_SECONDS):
                await super().asgi_send(message)
        except TimeoutError:
            self.transport.abort()
