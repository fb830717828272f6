"""One real oTree server with neutral pages, one real browser and one HTTP client for all tests here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from bots.adapters.http_session import Http, open_http
from bots.adapters.web_driver import Browser, BrowserSettings, open_browser
from tests.adapters.neutral_server import NeutralServer
from tests.otree_project.otree_process import ROOT, running_project


@pytest.fixture(scope="session")
def neutral_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NeutralServer]:
    with running_project(tmp_path_factory.mktemp("neutral"), ROOT / "tests/otree_apps") as address:
        yield NeutralServer(address)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser(BrowserSettings.find()) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http() -> AsyncIterator[Http]:
    async with open_http() as http:
        yield http
