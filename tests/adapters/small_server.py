"""A server on loopback that does what a test says."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

from aiohttp import web


@contextlib.asynccontextmanager
async def served(routes: Iterable[web.AbstractRouteDef], *, most_bytes: int = 10**6) -> AsyncIterator[str]:
    """Serve routes and return the address; what is still being answered at the end is cut off.

    Args:
        most_bytes: of what a request may send.
    """
    app = web.Application(client_max_size=most_bytes)
    app.add_routes(routes)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
