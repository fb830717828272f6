"""Runs an oTree project for tests and pictures: in memory, on a free port, in a folder of its own."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bots.adapters.guard import Guarded
from tests.adapters.small_server import free_port

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "otree_project"
PYTHON = ROOT / ".venv-otree/bin/python"
START_SECONDS = 60


@contextmanager
def running_project(folder: Path, project: Path = PROJECT) -> Iterator[str]:
    """Yield the address of a server that ends with the block; `folder` is empty and may be thrown away."""
    for item in project.iterdir():
        if not item.name.startswith((".", "db.sqlite3")):
            (folder / item.name).symlink_to(item)
    port, log = free_port(), folder / "server.log"
    command: list[str | Path] = [PYTHON, "-P", ROOT / "tests/otree_devserver.py", str(port)]
    with Guarded.start(command, cwd=folder, log=log, env=_environment()) as server:
        _await_listening(server, port, log)
        yield f"http://127.0.0.1:{port}"


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTREE_", "DATABASE_URL"))}
    return {**kept, "OTREE_PRODUCTION": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _await_listening(server: Guarded, port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert server.alive, f"oTree ended while starting:\n{log.read_text()}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # a listening socket announces itself to nobody
        else:
            return
    raise AssertionError(f"oTree did not listen within {START_SECONDS} s")
