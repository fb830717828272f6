"""The project of `quiz_project.py`, served openly and behind oTree's login."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer, ServerPlan
from tests.adapters.server.quiz_project import PASSWORD, REST_KEY, write_project
from tests.fixtures_server import NEUTRAL


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def open_server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OTreeServer]:
    log = tmp_path_factory.mktemp("open") / "server.log"
    with OTreeServer.start_blocking(ServerPlan(project, env=NEUTRAL, log=log)) as server:
        yield server


@pytest.fixture(scope="session")
def closed_server(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OTreeServer]:
    log = tmp_path_factory.mktemp("closed") / "server.log"
    study = {"OTREE_AUTH_LEVEL": "STUDY", "OTREE_REST_KEY": REST_KEY, "OTREE_ADMIN_PASSWORD": PASSWORD}
    with OTreeServer.start_blocking(ServerPlan(project, env=NEUTRAL | study, log=log)) as server:
        yield server
