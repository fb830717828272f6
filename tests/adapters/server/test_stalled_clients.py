"""A client that stalls holds up nobody: neither half a request, nor a socket that nobody reads."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from bots.adapters.links import read_links
from bots.adapters.otree_environment import SHIPPED_PROJECT, otree_python
from bots.adapters.otree_server import OTreeServer

pytestmark = pytest.mark.server

LISTEN = """
import asyncio, socket, sys, threading
import uvicorn
import stalled_clients
from stalled_clients import ImpatientSocket, WholeRequests

lock = asyncio.Lock()
ended = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        async with lock:
            for _ in range(64):
                await send({"type": "websocket.send", "text": "x" * 1_000_000})
        return
    async with lock:
        message = await receive()
        body = b"%d" % len(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

stalled_clients.SOCKET_SECONDS = 0.3
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(
    WholeRequests(app, seconds=0.5, most_bytes=1000), log_level="critical", ws=ImpatientSocket, lifespan="off"
)
server = uvicorn.Server(config)
threading.Thread(target=lambda: (sys.stdin.read(), setattr(server, "should_exit", True)), daemon=True).start()
asyncio.run(server.serve(sockets=[listening]))
"""


async def half_a_form(url: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the header of a form and nothing of its body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 99\r\n"
    writer.write(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\nanswer=".encode())
    await writer.drain()
    return reader, writer


async def status_of(url: str, seconds: float, data: bytes | None = None) -> int:
    timeout = aiohttp.ClientTimeout(total=seconds)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.post(url, data=data) as answer:
        return answer.status


async def test_a_form_that_stops_half_way_does_not_stop_the_session(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 2)
    first, second = (await read_links(session["admin_url"])).links
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        async with http.get(first.url) as shown:
            stalled = await half_a_form(open_server.url, shown.url.path)
        await asyncio.sleep(0.2)
        async with http.get(second.url) as shown:
            status = shown.status
    stalled[1].close()

    assert status == 200


@pytest.fixture
def small_server() -> Iterator[str]:
    process = subprocess.Popen(
        [otree_python(), "-c", LISTEN],
        cwd=SHIPPED_PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


async def test_a_body_that_does_not_come_or_is_too_long_is_refused(small_server: str) -> None:
    reader, writer = await half_a_form(small_server, "/")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 408")
    assert b"Load the page again" in answer
    assert await status_of(small_server, 5, b"x" * 1000) == 200
    assert await status_of(small_server, 5, b"x" * 1001) == 413


async def test_a_type_that_would_hold_up_the_parser_is_refused_at_once(open_server: OTreeServer) -> None:
    parts = urlsplit(open_server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    attack = "application/x-www-form-urlencoded; !=" + '"' + "\\" * 4000
    writer.write(
        f"POST /p/x/y/Z/1 HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: 1\r\n"
        f"Content-Type: {attack}\r\n\r\n1".encode()
    )
    answer = await asyncio.wait_for(reader.read(100), 5)
    writer.close()

    assert answer.startswith(b"HTTP/1.1 415")


async def test_a_socket_that_nobody_reads_is_cut_and_the_others_go_on(small_server: str) -> None:
    parts = urlsplit(small_server)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1)
    writer.write(
        f"GET / HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await writer.drain()
    await asyncio.sleep(0.1)

    assert await status_of(small_server, 5) == 200
    writer.close()
