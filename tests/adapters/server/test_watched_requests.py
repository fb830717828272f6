"""A server that stands still says where, in its log."""

from __future__ import annotations

import subprocess

import pytest

from bots.adapters.otree_environment import SHIPPED_PROJECT, otree_python

pytestmark = pytest.mark.server

ASK = """
import asyncio, logging, sys, time
from watched_requests import WatchedRequests

logging.basicConfig()
told = asyncio.Event()
logging.getLogger("serve").addFilter(lambda record: told.set() or True)

async def waits_for_the_lock(): await told.wait()
def waits_for_the_database(): time.sleep(0.5)

async def app(scope, receive, send):
    if scope["path"] == "/lock":
        await waits_for_the_lock()
    if scope["path"] == "/database":
        waits_for_the_database()

async def ask(seconds, *paths):
    watched = WatchedRequests(app, seconds=float(seconds))
    scopes = [{"type": "http", "method": "GET", "path": path} for path in paths]
    await asyncio.gather(*(watched(scope, None, None) for scope in scopes))

asyncio.run(ask(*sys.argv[1:]))
"""


def log_after(*paths: str, seconds: float = 0.1) -> str:
    done = subprocess.run(
        [otree_python(), "-c", ASK, str(seconds), *paths],
        cwd=SHIPPED_PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def test_a_request_that_waits_is_told_once_with_what_each_task_waits_for() -> None:
    log = log_after("/lock", "/quick")
    assert log.count("GET /lock has taken 0.1 s") == 1
    assert "waits_for_the_lock (<string>:9) < app (<string>:14) < __call__ (watched_requests.py:" in log
    assert "/quick" not in log


def test_a_process_that_stands_still_shows_the_stacks_of_its_threads() -> None:
    log = log_after("/database")
    assert "waits_for_the_database" in log


def test_a_server_that_answers_logs_nothing() -> None:
    assert log_after("/quick", "/other", seconds=30) == ""
