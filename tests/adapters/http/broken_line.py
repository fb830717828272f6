"""A line to a server that breaks when a test says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class BrokenLine:
    """Carries one request a connection.

    Attributes:
        requests: first lines of the requests that came.
        break_before: requests that start so never reach the server.
        broken: a request never reached the server.
        break_after: the answers to requests that start so never come back.
        lost: while it is, nothing comes through in either direction, and nobody is told.
    """

    to_port: int
    requests: list[str] = field(default_factory=list)
    break_before: str = "\0"
    break_after: str = "\0"
    port: int = 0
    lost: bool = False
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    _found: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self) -> None:
        self.lost = True
        self._found.clear()

    def find(self) -> None:
        self.lost = False
        self._found.set()

    async def through(self) -> None:
        """Wait while the line is lost."""
        if self.lost:
            await self._found.wait()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            first = head.split(b"\r\n", 1)[0].decode()
            self.requests.append(first)
            await self.through()
            if first.startswith(self.break_before):
                self.broken.set()
                return
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.to_port)
            with contextlib.closing(server_writer):
                one_answer = b"upgrade: websocket" not in head.lower()
                if one_answer:
                    head = head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
                server_writer.write(head)
                up = asyncio.create_task(self._pour(reader, server_writer))
                try:
                    if first.startswith(self.break_after):
                        await server_reader.read()
                    else:
                        await self._pour(server_reader, writer)
                finally:
                    up.cancel()

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.through()
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def broken_line(to_port: int) -> AsyncIterator[BrokenLine]:
    """Lay a line to a port of this machine."""
    line = BrokenLine(to_port)
    async with await asyncio.start_server(line.carry, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        yield line
