"""Crashes one page of a running Chromium, by its DevTools protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import psutil

Target = Mapping[str, Any]
_PROFILE = "--user-data-dir="


def is_mapper(target: Target) -> bool:
    """Tell whether it is the hidden page by which ChromeDriver speaks WebDriver BiDi."""
    return str(target["title"]) == "BiDi-CDP Mapper"


def is_participant(target: Target) -> bool:
    """Tell whether it is a tab with a participant's page."""
    return target["type"] == "page" and "/p/" in str(target["url"])


async def crash(browser: psutil.Process, wanted: Callable[[Target], bool]) -> None:
    """Crash the first page that is wanted; its renderer ends.

    Args:
        browser: Chromium's main process.
    """
    profile = next(one for one in browser.cmdline() if one.startswith(_PROFILE)).removeprefix(_PROFILE)
    port, path = (Path(profile) / "DevToolsActivePort").read_text().split()
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
    ):
        filtered = {"filter": [{"type": "page"}, {"type": "other"}]}
        found = (await _asked(socket, 1, "Target.getTargets", filtered))["targetInfos"]
        target = next(one for one in found if wanted(one))["targetId"]
        attached = await _asked(socket, 2, "Target.attachToTarget", {"targetId": target, "flatten": True})
        command = {"id": 3, "method": "Page.crash", "sessionId": attached["sessionId"]}
        await socket.send_json(command)
        while (await socket.receive_json()).get("method") != "Inspector.targetCrashed":
            pass


async def _asked(
    socket: aiohttp.ClientWebSocketResponse, number: int, method: str, params: Mapping[str, Any]
) -> Any:
    await socket.send_json({"id": number, "method": method, "params": params})
    while (answer := await socket.receive_json()).get("id") != number:
        pass
    return answer["result"]
