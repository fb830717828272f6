"""A server on loopback that does what a test says, and ports that are free."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterable

from aiohttp import web


@contextlib.asynccontextmanager
async def served(
    routes: Iterable[web.AbstractRouteDef], *, host: str = "127.0.0.1", most_bytes: int = 10**6
) -> AsyncIterator[str]:
    """Serve routes and return the address; what is still being answered at the end is cut off.

    Args:
        host: `localhost` where the server is to be known by that name too.
        most_bytes: of what a request may send.
    """
    app = web.Application(client_max_size=most_bytes)
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
