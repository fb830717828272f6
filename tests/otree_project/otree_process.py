"""Runs the shipped oTree project for tests and pictures: in memory, on a free port, in its own folder."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "otree_project"
DEVSERVER = [str(ROOT / ".venv-otree/bin/python"), "-P", str(ROOT / "tests/otree_devserver.py")]


@contextmanager
def running_project(folder: Path) -> Iterator[str]:
    """Yield the address of a server that ends with the block; `folder` is empty and may be thrown away."""
    for item in PROJECT.iterdir():
        if not item.name.startswith((".", "db.sqlite3")):
            (folder / item.name).symlink_to(item)
    port = _free_port()
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*DEVSERVER, str(port)], cwd=folder, env=_environment(), stdout=out, stderr=out
        )
    try:
        _await_listening(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTREE_", "DATABASE_URL"))}
    return {**kept, "OTREE_PRODUCTION": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"oTree ended while starting:\n{log.read_text()}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)  # a listening socket announces itself to nobody
        else:
            return
    raise AssertionError("oTree did not listen within 60 s")
