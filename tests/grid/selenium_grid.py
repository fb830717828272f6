"""A real Selenium Grid on loopback: a hub and nodes, each with room for one browser."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bots.adapters.guard import Guarded
from tests.adapters.small_server import free_port

START_SECONDS = 90


@dataclass(frozen=True)
class Grid:
    """A running hub and its nodes, by their address."""

    url: str
    nodes: dict[str, Guarded]

    def browsers(self) -> int:
        """Return how many are under way on all nodes."""
        return sum(bool(slot["session"]) for node in self._status()["nodes"] for slot in node["slots"])

    def programs(self) -> set[str]:
        """Return the names of what runs on the nodes."""
        alive = [node for node in self.nodes.values() if node.alive]
        return {one.name() for node in alive for one in psutil.Process(node.pid).children(recursive=True)}

    def has(self, nodes: int) -> bool:
        try:
            return [node["availability"] for node in self._status().get("nodes", [])] == ["UP"] * nodes
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def _status(self) -> Any:
        with urllib.request.urlopen(f"{self.url}/status", timeout=5) as answer:
            return json.load(answer)["value"]


@contextlib.contextmanager
def selenium_grid(
    jar: Path, nodes: int, logs: Path, browser: str = "chromium", *, bidi: bool = True
) -> Iterator[Grid]:
    """Start a hub and so many nodes; end them, and their browsers, at the exit.

    Args:
        browser: of the nodes, `chromium` or `firefox`; with its driver on the search path.
        bidi: whether they offer WebDriver BiDi.
    """
    hub, publish, subscribe = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{hub}"
    events = [
        "--publish-events", f"tcp://127.0.0.1:{publish}", "--subscribe-events", f"tcp://127.0.0.1:{subscribe}"
    ]  # fmt: skip
    java: list[str | Path] = ["java", "-Xmx192m", "-jar", jar]
    with contextlib.ExitStack() as running:
        command = [*java, "hub", "--host", "127.0.0.1", "--port", str(hub), *HEALTH, *events]
        running.enter_context(Guarded.start(command, log=logs / "hub.log"))
        grid = Grid(url, {})
        for number in range(nodes):
            port = free_port()
            command = [
                *java,
                "node",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--hub",
                url,
                *events,
                "--enable-bidi",
                str(bidi).lower(),
                *_driver(browser),
            ]
            node = Guarded.start(command, log=logs / f"node-{number}.log")
            grid.nodes[f"http://127.0.0.1:{port}"] = running.enter_context(node)
        until = time.monotonic() + START_SECONDS
        while not grid.has(nodes):
            assert time.monotonic() < until, (logs / "hub.log").read_text()
            time.sleep(0.2)
        yield grid


def _driver(browser: str) -> list[str]:
    """Return what a node is told of its one browser."""
    return [
        *("--detect-drivers", "false", "--selenium-manager", "false", "--max-sessions", "2"),
        *("--driver-configuration", f'display-name="{browser}"', "max-sessions=2"),
        f"stereotype={json.dumps(_stereotype(browser))}",
        f"webdriver-executable={shutil.which(DRIVERS[browser])}",
    ]


def _stereotype(browser: str) -> Mapping[str, Any]:
    if browser == "firefox":
        binary = shutil.which("firefox") or shutil.which("firefox-esr")
        return {"browserName": "firefox", "moz:firefoxOptions": {"binary": binary}}
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    chromium = {"binary": shutil.which("chromium"), "args": arguments}
    return {"browserName": "chrome", "goog:chromeOptions": chromium}


DRIVERS = {"chromium": "chromedriver", "firefox": "geckodriver"}
HEALTH = ["--healthcheck-interval", "10"]  # a node that is gone is given no browser after so many seconds
