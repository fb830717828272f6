"""One real oTree server with neutral pages, one real browser and one HTTP client for all tests here."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from bots.adapters.guard import Guarded
from bots.adapters.http_session import Http, open_http
from bots.adapters.web_driver import Browser, BrowserSettings, open_browser
from tests.adapters.neutral_server import NeutralServer

ROOT = Path(__file__).parents[2]
START_SECONDS = 30


@pytest.fixture(scope="session")
def neutral_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NeutralServer]:
    project = tmp_path_factory.mktemp("otree") / "project"
    shutil.copytree(ROOT / "tests/otree_apps", project)  # oTree writes its database into the working folder
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = ROOT / "tests/otree_devserver.py"
    command: list[str | Path] = [ROOT / ".venv-otree/bin/python", "-P", program, str(port)]
    log = project / "log"
    with Guarded.start(command, cwd=project, log=log, env={"OTREE_PRODUCTION": "1", "PATH": "/usr/bin"}):
        server = NeutralServer(f"http://127.0.0.1:{port}")
        until = time.monotonic() + START_SECONDS
        while not server.answers():
            assert time.monotonic() < until, f"oTree did not start: {log.read_text()}"
            time.sleep(0.1)
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser(BrowserSettings.find()) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http() -> AsyncIterator[Http]:
    async with open_http() as http:
        yield http
