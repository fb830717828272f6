"""Every transport in turn, on one real oTree server."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bots.adapters.browser_settings import BrowserOptions, Family
from bots.adapters.web_driver import Browser, BrowserSettings, open_browser
from tests.adapters.participants import Transport

TRANSPORTS = [
    pytest.param("browser", marks=pytest.mark.browser),
    pytest.param("with_windows", marks=pytest.mark.browser),
    pytest.param("classic", marks=pytest.mark.browser),
    "http",
    # Opt-in: make test-firefox.
    *(["firefox", "classic_firefox"] if os.environ.get("TEST_FIREFOX") else []),
]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def firefox() -> AsyncIterator[Browser]:
    async with open_browser(BrowserSettings.find(BrowserOptions(Family.FIREFOX))) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def with_windows() -> AsyncIterator[Browser]:
    """Chromium as most people have it, where bots would sit in its headless shell."""
    found = BrowserSettings.find()
    chromium = BrowserSettings.find(BrowserOptions(classic=True)).browser
    if chromium == found.browser:
        pytest.skip("needs Chromium's headless shell, beside Chromium")
    async with open_browser(dataclasses.replace(found, browser=chromium)) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def classic() -> AsyncIterator[Browser]:
    async with open_browser(BrowserSettings.find(BrowserOptions(classic=True))) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def classic_firefox() -> AsyncIterator[Browser]:
    if shutil.which("geckodriver") is None:
        pytest.skip("needs geckodriver")
    async with open_browser(BrowserSettings.find(BrowserOptions(Family.FIREFOX, classic=True))) as browser:
        yield browser


@pytest.fixture(scope="session", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    made: Transport = request.getfixturevalue(request.param)
    return made
