"""Pictures of pages in the folder of a run."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.adapters.neutral_server import NeutralServer
from tests.end_to_end.command import acts, end, start

pytestmark = [pytest.mark.browser, pytest.mark.server]
PNG = b"\x89PNG\r\n\x1a\n"


async def test_pages_are_photographed_and_so_is_everybody_at_a_signal(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, _ = neutral_server.session("pairs", 2)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    process = await start(tmp_path, url, "hold", "--num-bots", "1", "--screenshots", "page")
    await acts(tmp_path, 1)
    async with asyncio.timeout(60):
        while not list(tmp_path.glob("bot-data/*/run-1/screenshots/seat-1/*-asked.png")):
            process.send_signal(signal.SIGUSR1)  # a person would ask again, too
            await asyncio.sleep(3)
    process.send_signal(signal.SIGINT)
    ended = await end(process, tmp_path)
    assert ended.code == 130, ended.output
    pictures = sorted((ended.run / "screenshots" / "seat-1").iterdir())
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)
    assert pictures[0].name.endswith("-Ready.png")
