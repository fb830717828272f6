"""One real oTree server for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio
from selenium import webdriver

from tests.chromium import chromium
from tests.otree_project.otree_process import running_project


@pytest.fixture(scope="session")
def otree_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that runs the shipped project."""
    with running_project(tmp_path_factory.mktemp("otree")) as address:
        yield address


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose connections end before oTree's idle limit of 5 s does it for them."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as client:
        yield client


@pytest.fixture(scope="module", name="chromium")
def chromium_without_frames() -> Iterator[webdriver.Chrome]:
    """A browser in which animation frames never come, as in a hidden tab."""
    with chromium() as driver:
        script = "window.requestAnimationFrame = () => 0;"
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        yield driver
