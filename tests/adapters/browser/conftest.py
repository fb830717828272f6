"""One real oTree server with neutral pages and one real browser for all tests of participants in browsers."""

from __future__ import annotations

import csv
import io
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from bots.adapters.guard import Guarded
from bots.adapters.web_driver import Browser, BrowserSettings, open_browser

ROOT = Path(__file__).parents[3]
START_SECONDS = 30


@dataclass(frozen=True)
class NeutralServer:
    """A running oTree server over `tests/otree_apps`."""

    url: str

    def session(self, config: str, participants: int = 1, **fields: Any) -> tuple[str, list[str]]:
        """Create a session; return its code and its participants' links."""
        body = {"session_config_name": config, "num_participants": participants}
        made = self._post("/api/sessions", body | {"modified_session_config_fields": fields})
        people = self._post(f"/api/get_session/{made['code']}", {})["participants"]
        return made["code"], [f"{self.url}/InitializeParticipant/{one['code']}" for one in people]

    def link(self, config: str, **fields: Any) -> str:
        return self.session(config, **fields)[1][0]

    def stored(self, session: str) -> list[dict[str, str]]:
        """Return oTree's own export of a session, one row a participant."""
        with urllib.request.urlopen(f"{self.url}/api/export_wide?session_code={session}") as answer:
            return list(csv.DictReader(io.StringIO(answer.read().decode("utf-8-sig"), newline="")))

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/otree_version"):
                return True
        except urllib.error.URLError:
            return False

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def neutral_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NeutralServer]:
    project = tmp_path_factory.mktemp("otree") / "project"
    shutil.copytree(ROOT / "tests/otree_apps", project)  # oTree writes its database into the working folder
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command: list[str | Path] = [ROOT / ".venv-otree/bin/otree", "devserver_inner", str(port)]
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
