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
from bots.adapters.browser_settings import BrowserOptions, BrowserSettings
from tests.adapters.small_server import served


@contextlib.asynccontextmanager
async def plain_hub(*, refuses: bool = False) -> AsyncIterator[str]:
    """Start a hub, and yield its address.

    Args:
        refuses: whether it starts no browser for who asks for WebDriver BiDi; else it just does not offer it.
    """
    settings = BrowserSettings.find(BrowserOptions(classic=True))
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

        try:
            async with served([web.route("*", "/{path:.*}", hand_on)], most_bytes=10**8) as url:
                yield url
        finally:
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
