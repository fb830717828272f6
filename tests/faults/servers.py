"""A server with a fixed address and a database that is kept: it can be killed and started again."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from bots.adapters.otree_server import OTreeServer, ServerPlan
from tests.adapters.small_server import free_port
from tests.fixtures_server import NEUTRAL


@contextlib.contextmanager
def kept_plan() -> Iterator[ServerPlan]:
    """How to start it, each time on the same port and data."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o711)  # PostgreSQL's account has to get there when the tests run as root
    yield replace(
        ServerPlan(env=NEUTRAL | {"OTREE_PRODUCTION": "1"}),
        data_dir=folder / "kept",
        port=free_port(),
        log=folder / "server.log",
    )
    shutil.rmtree(folder)


def kill(server: OTreeServer) -> None:
    """Kill the server's own process with SIGKILL; what it leaves is its guard's business."""
    for process in psutil.Process(server.pid).children():
        process.kill()
