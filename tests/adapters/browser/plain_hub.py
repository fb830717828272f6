"""A hub that speaks classic WebDriver alone, as older ones do: it hands all to a ChromeDriver of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bots.adapters.browser import _listening_driver
from bots.adapters.browser_settings import BrowserSettings


@contextlib.asynccontextmanager
async def plain_hub(*, refuses: bool = False) -> AsyncIterator[str]:
    """Start a hub, and yield its address.

    Args:
        refuses: whether it starts no browser for who asks for WebDriver BiDi; else it just does not offer it.
    """
    settings = BrowserSettings.find()
    folder, driver, address = await _listening_driver(settings)
    async with aiohttp.ClientSession() as http:

        async def hand_on(request: web.Request) -> web.Response:
            body, begins = await request.read(), request.path == "/session"
            if begins and refuses and b"webSocketUrl" in body:
                words = {"error": "invalid argument", "message": "unrecognized capability: webSocketUrl"}
                return web.json_response({"value": {**words, "stacktrace": ""}}, status=400)
            sent = _with_program(json.loads(body), settings.browser, folder) if begins else body
            async with http.request(request.method, address + request.path, data=sent) as answer:
                told = await answer.read()
                if begins and answer.ok:
                    told = _without_bidi(json.loads(told))
                return web.Response(body=told, status=answer.status, content_type="application/json")

        app = web.Application(client_max_size=10**8)
        app.router.add_route("*", "/{path:.*}", hand_on)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
            await asyncio.to_thread(driver.stop)


def _with_program(asked: Any, browser: Path | None, folder: Path) -> bytes:
    """Say which browser it is, as a node's own settings do."""
    chromium = asked["capabilities"]["alwaysMatch"]["goog:chromeOptions"]
    chromium["binary"] = str(browser)
    chromium["args"].append(f"--user-data-dir={tempfile.mkdtemp(dir=folder)}")
    if os.geteuid() == 0:
        chromium["args"].append("--no-sandbox")
    return json.dumps(asked).encode()


def _without_bidi(told: Any) -> bytes:
    told["value"]["capabilities"].pop("webSocketUrl", None)
    return json.dumps(told).encode()
