"""One real oTree server for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

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
