"""Load: many participants without browsers go through a whole session, and through a bare oTree app.

    PYTHONPATH=. .venv/bin/python benchmarks/load_session.py [--participants 60] [--traders 12] [--think 8]

The shipped project is served as in production (embedded PostgreSQL, timeout worker) together with an app of
one field a page. Everybody answers the bare app; then as many play the preset `demo`, an order and its
forecasts a round. What a page costs is the CPU time of the web server's process over the pages it served in
that session, orders and clearing included.

Exit code 1: a page failed or came late, a page timer ended, or a page of the market costs more than 1.5 times
a bare one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from bots.adapters.otree_server import SHIPPED_PROJECT, OTreeServer, ServerPlan
from tests.fixtures_server import NEUTRAL
from tests.otree_project.otree_walker import Walker

LATE_SECONDS = 5.0  # half of the shortest page timer
MOST_TIMES_BARE = 1.5
BARE_ROUNDS = 28  # as many pages as the market has

SETTINGS = f"""
from shipped_settings import *
SESSION_CONFIGS = [*SESSION_CONFIGS, {{"name": "bare", "num_demo_participants": 1, "app_sequence": ["bare"]}}]
BARE_ROUNDS = {BARE_ROUNDS}
"""
BARE_APP = f"""
from otree.api import *

class C(BaseConstants):
    NAME_IN_URL = "bare"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = {BARE_ROUNDS}

class Subsession(BaseSubsession):
    pass

class Group(BaseGroup):
    pass

class Player(BasePlayer):
    answer = models.IntegerField(min=0, max=100)

class Question(Page):
    form_model = "player"
    form_fields = ["answer"]

page_sequence = [Question]
"""
BARE_PAGE = """
{{ block title }}Question{{ endblock }}
{{ block content }}{{ formfields }}{{ next_button }}{{ endblock }}
"""


@dataclass
class Load:
    """What a session took."""

    name: str
    seconds: list[float] = field(default_factory=list)  # of each page, asked for → there
    cpu: float = 0.0

    @property
    def cost(self) -> float:
        """Server CPU of a page, in ms."""
        return 1000 * self.cpu / len(self.seconds)

    def told(self) -> str:
        """Return a line of the report."""
        ordered = sorted(self.seconds)
        middle, high = statistics.median(ordered), ordered[int(0.95 * len(ordered))]
        return (
            f"{self.name:14} {len(ordered):6} pages   server CPU {self.cost:6.1f} ms a page   "
            f"p50 {1000 * middle:6.0f} ms   p95 {1000 * high:6.0f} ms   longest {1000 * ordered[-1]:6.0f} ms"
        )


def project(folder: Path) -> Path:
    """Lay out the shipped project with the bare app beside its own."""
    for item in SHIPPED_PROJECT.iterdir():
        if not item.name.startswith((".", "db.sqlite3", "settings.py")):
            (folder / item.name).symlink_to(item)
    (folder / "shipped_settings.py").symlink_to(SHIPPED_PROJECT / "settings.py")
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "bare").mkdir()
    (folder / "bare" / "__init__.py").write_text(BARE_APP)
    (folder / "bare" / "Question.html").write_text(BARE_PAGE)
    return folder


class Timed(Walker):
    """A participant whose pages are timed."""

    def check(self) -> None:
        """Leave the data block unread: pages are checked elsewhere, and reading costs time here."""

    def bind(self, load: Load, think: float, draw: random.Random) -> None:
        """Say where times go, and how long to think: between half and one and a half times `think`."""
        self.load, self.think, self.draw = load, think, draw

    async def timed(self, step: Callable[[], Awaitable[object]]) -> None:
        """Think, then do one thing and time it."""
        await asyncio.sleep(self.think * (0.5 + self.draw.random()))
        began = time.perf_counter()
        await step()
        assert self.page.status == 200, f"{self.page.path}: {self.page.status}"
        assert not self.page.refused, f"{self.page.path} refused {self.page.errors()}"
        self.load.seconds.append(time.perf_counter() - began)

    async def wait_timed(self) -> None:
        """Wait for the others; the page that comes then is timed from when the server says so."""
        async with self.http.ws_connect(self.base + self.page.socket("wait_page")) as socket:
            await socket.receive_json(timeout=300)
        began = time.perf_counter()
        await self.open()
        self.load.seconds.append(time.perf_counter() - began)


async def play_market(walker: Timed) -> None:
    """Go through the whole session: an order and forecasts in each round."""
    await walker.timed(walker.open)
    while walker.page.name != "Payment":
        name, draw = walker.page.name, walker.draw
        if walker.page.waiting:
            await walker.wait_timed()
        elif name == "Consent":
            await walker.timed(lambda: walker.submit(consent="True"))
        elif name == "Forecast":
            given = {one.field: f"{draw.uniform(10, 18):.2f}" for one in walker.page.view.forecast_inputs}
            await walker.timed(lambda given=given: walker.submit(**given))  # type: ignore[misc]
        else:
            if name == "Trade":
                side, limit = draw.choice(("buy", "sell")), f"{draw.uniform(12, 16):.2f}"
                await walker.order(side, 1, limit, "a")
            await walker.timed(walker.submit)


async def play_bare(walker: Timed) -> None:
    """Answer every question of the bare app."""
    await walker.timed(walker.open)
    for _ in range(BARE_ROUNDS):
        await walker.timed(lambda: walker.submit(answer="7"))


async def run(
    server: OTreeServer, config: str, options: argparse.Namespace, play: Callable[[Timed], Awaitable[None]]
) -> tuple[Load, str]:
    """Let everybody play one session and return what it took, with the session's code."""
    fields = {"traders_per_market": options.traders} if config == "demo" else {}
    session = await server.rest.create_session(config, options.participants, modified=fields)
    people = (await server.rest.get_session(session["code"]))["participants"]
    load, web = Load(config), web_process()
    connector = aiohttp.TCPConnector(keepalive_timeout=3, limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http:
        walkers = [Timed(http, server.url, one["code"]) for one in people]
        for seat, walker in enumerate(walkers):
            walker.bind(load, options.think, random.Random(f"{config} {seat}"))
        before = sum(web.cpu_times()[:2])
        async with asyncio.TaskGroup() as group:
            for walker in walkers:
                group.create_task(play(walker))
        load.cpu = sum(web.cpu_times()[:2]) - before
    return load, session["code"]


def web_process() -> psutil.Process:
    """Return the server's own process: the one of our descendants that runs serve.py and is oldest."""
    serving = [
        one
        for one in psutil.Process().children(recursive=True)
        if any(part.endswith("serve.py") for part in one.cmdline()) and "guard" not in " ".join(one.cmdline())
    ]
    return min(serving, key=lambda one: one.create_time())


async def main(options: argparse.Namespace) -> int:
    """Run both sessions and say what is wrong."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        plan = ServerPlan(project=project(Path(folder)), env={**NEUTRAL, "OTREE_PRODUCTION": "1"})
        async with OTreeServer.start(plan) as server:
            bare, _ = await run(server, "bare", options, play_bare)
            market, code = await run(server, "demo", options, play_market)
            rows = await server.rest.export_app_custom("call_market", code, function="custom_export_traders")
    print(
        f"{options.participants} participants, markets of {options.traders}, "
        f"thinking {options.think:g} s on each page"
    )
    for load in (bare, market):
        print(load.told())
    ratio = market.cost / bare.cost
    print(f"A page of the market costs {ratio:.2f} times a bare one (at most {MOST_TIMES_BARE}).")
    late = sum(seconds > LATE_SECONDS for seconds in market.seconds)
    ended = sum(row["trade_timed_out"] == "1" or row["forecast_timed_out"] == "1" for row in rows)
    print(f"{late} pages came later than {LATE_SECONDS:.0f} s; {ended} page timers ended; no page failed.")
    return int(late > 0 or ended > 0 or ratio > MOST_TIMES_BARE)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--participants", type=int, default=60)
    parser.add_argument("--traders", type=int, default=12, help="traders in one market")
    parser.add_argument("--think", type=float, default=8.0, help="mean seconds of thinking on each page")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(parsed(sys.argv[1:]))))
