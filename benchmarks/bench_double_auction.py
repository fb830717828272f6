"""How fast and how safely a page of the double auction trades: python benchmarks/bench_double_auction.py

A production server on its embedded PostgreSQL; traders without browsers, each with the live channel of its
own trade page. Each sends an order or a cancel at its times, whether or not the last one has been answered.
The round trip is from sending a message to its answer. Nothing is lost where every message was answered, is
among the server's rows, and every trader that followed the frames knows in the end what a fresh page shows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bots.adapters.otree_server import OTreeServer, ServerPlan
from bots.domain.market import MarketView
from bots.domain.period import follow

TARGET = 0.150  # seconds, median round trip of 24 traders that send one message a second
CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 1,
    "trade_seconds": 0,
    "phase_start_seconds": 0,
    "endowment_cash": "100000",
    "endowment_shares": "1000",
}
_BLOCK = re.compile(r'<script type="application/json" id="market-view">(.*?)</script>', re.DOTALL)
_LIVE = re.compile(r'"(/live\?[^"]+)"')
_SETTLE_SECONDS = 60.0  # longest wait for the last answers


@dataclass
class Trader:
    """One participant: its page, its channel, what it sent and what it has heard."""

    http: aiohttp.ClientSession
    base: str
    code: str
    draw: random.Random
    view: MarketView | None = None
    live: str = ""
    path: str = ""
    sent: dict[str, float] = field(default_factory=dict)
    trips: list[float] = field(default_factory=list)
    refused: int = 0
    frames: int = 0
    bytes: int = 0

    async def enter(self) -> None:
        """Agree to everything on the way to the trade page; wait where others are waited for."""
        await self._get(f"/InitializeParticipant/{self.code}")
        while self.view is None or self.view.page != "trade":
            if "/OpenMarket/" in self.path:
                await asyncio.sleep(0.5)  # this client does not measure waiting
                await self._get(f"/InitializeParticipant/{self.code}")
            else:
                async with self.http.post(self.base + self.path, data={"consent": "True"}) as page:
                    await self._take(page)

    async def reload(self) -> MarketView:
        """Return what a fresh page shows."""
        await self._get(f"/InitializeParticipant/{self.code}")
        assert self.view is not None
        return self.view

    async def _get(self, address: str) -> None:
        async with self.http.get(self.base + address) as page:
            await self._take(page)

    async def _take(self, page: aiohttp.ClientResponse) -> None:
        text = await page.text()
        assert page.status == 200, f"{page.url} answered {page.status}: {text[:300]}"
        self.path = page.url.path
        block, live = _BLOCK.search(text), _LIVE.search(text)
        self.view = MarketView.model_validate_json(block[1]) if block else None
        self.live = live[1].replace("&amp;", "&") if live else ""

    def message(self, number: int) -> dict[str, Any]:
        """Cancel now and then, and always where many orders are open; place an order else."""
        assert self.view is not None
        ref = f"{self.code}-{number}"
        own = self.view.open_orders
        if own and (len(own) > 6 or self.draw.random() < 0.3):
            return {"type": "cancel", "order_id": self.draw.choice(own).order_id, "ref": ref}
        side = self.draw.choice(["buy", "sell"])
        limit = 1400 + (self.draw.randint(-30, 8) if side == "buy" else self.draw.randint(-8, 30))
        order = {"type": "place", "side": side, "quantity": self.draw.randint(1, 3), "ref": ref}
        return {**order, "limit": f"{limit / 100:.2f}"}

    async def trade(self, socket: aiohttp.ClientWebSocketResponse, seconds: float, every: float) -> None:
        """Send a message every `every` seconds, at a phase of its own."""
        loop = asyncio.get_running_loop()
        start = loop.time() + self.draw.random() * every
        for number in range(int(seconds / every)):
            await asyncio.sleep(start + number * every - loop.time())
            message = self.message(len(self.sent))
            self.sent[message["ref"]] = loop.time()
            await socket.send_str(json.dumps(message))

    async def hear(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Follow the frames until the socket closes."""
        loop = asyncio.get_running_loop()
        async for told in socket:
            assert self.view is not None
            frame = json.loads(told.data)["live_method_payload"]
            self.frames, self.bytes = self.frames + 1, self.bytes + len(told.data)
            if "ref" in frame:
                self.trips.append(loop.time() - self.sent[frame["ref"]])
                self.refused += frame["type"] == "refused"
            self.view = follow(self.view, frame)


@dataclass(frozen=True)
class Measured:
    """What one load did; round trips in seconds, processor seconds of the server."""

    traders: int
    rate: float  # messages a second, of all together
    seconds: float
    messages: int
    answered: int
    kept: int
    refused: int
    trades: int
    agree: bool  # everybody knows what a fresh page shows
    median: float
    p95: float
    longest: float
    cpu_per_message: float
    frame_bytes: float

    @property
    def lost_nothing(self) -> bool:
        return self.messages == self.answered == self.kept and self.agree


async def measure(server: OTreeServer, traders: int, every: float, seconds: float) -> Measured:
    """Let `traders` send one message each every `every` seconds, for `seconds`."""
    session = await server.rest.create_session("auction_demo", traders, modified=CONFIG)
    listed = (await server.rest.get_session(session["code"]))["participants"]
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector) as http:
        people = [
            Trader(http, server.url, one["code"], random.Random(number)) for number, one in enumerate(listed)
        ]
        await asyncio.gather(*(one.enter() for one in people))
        sockets = [await http.ws_connect(server.url + one.live) for one in people]
        before = cpu_of(server)
        hearing = [asyncio.create_task(one.hear(socket)) for one, socket in zip(people, sockets, strict=True)]
        await asyncio.gather(
            *(one.trade(socket, seconds, every) for one, socket in zip(people, sockets, strict=True))
        )
        await settled(people)
        used = cpu_of(server) - before
        for socket in sockets:
            await socket.close()
        await asyncio.gather(*hearing)
        followed = [one.view for one in people]
        agree = all([known == await one.reload() for one, known in zip(people, followed, strict=True)])
    rows = await server.rest.export_app_custom(
        "double_auction", session["code"], function="custom_export_orders"
    )
    trips = sorted(trip for one in people for trip in one.trips)
    messages = sum(len(one.sent) for one in people)
    first = people[0].view
    assert first is not None
    assert first.period is not None
    return Measured(
        traders=traders,
        rate=traders / every,
        seconds=seconds,
        messages=messages,
        answered=len(trips),
        kept=len({row["ref"] for row in rows}),
        refused=sum(one.refused for one in people),
        trades=len(first.period.trades),
        agree=agree,
        median=statistics.median(trips),
        p95=trips[int(len(trips) * 0.95)],
        longest=trips[-1],
        cpu_per_message=used / messages,
        frame_bytes=sum(one.bytes for one in people) / sum(one.frames for one in people),
    )


async def settled(people: list[Trader]) -> None:
    """Wait until everything sent is answered and everybody has heard the last step."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline:
        steps = {one.view.period.seq for one in people if one.view and one.view.period}
        if len(steps) == 1 and all(len(one.trips) == len(one.sent) for one in people):
            return
        await asyncio.sleep(0.1)  # the measured times are taken elsewhere


def cpu_of(server: OTreeServer) -> float:
    """Processor seconds that the server and all its processes have used."""
    process = psutil.Process(server.pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


HEAD = (
    "  msg/s  seconds  messages  answered  refused  trades  lost  median ms  p95 ms  longest ms  CPU ms/msg"
    "  bytes/frame"
)


def line(one: Measured) -> str:
    lost = "none" if one.lost_nothing else "SOME"
    return (
        f"{one.rate:7.0f}{one.seconds:9.0f}{one.messages:10}{one.answered:10}{one.refused:9}{one.trades:8}"
        f"{lost:>6}{1000 * one.median:11.0f}{1000 * one.p95:8.0f}{1000 * one.longest:12.0f}"
        f"{1000 * one.cpu_per_message:12.1f}{one.frame_bytes:13.0f}"
    )


async def run(traders: int, seconds: float, beyond: list[float]) -> bool:
    """Measure the promised load, then higher ones for a third of the time each; print and judge."""
    print(f"{traders} traders; processors: {psutil.cpu_count()}; load before: {psutil.getloadavg()[0]:.1f}")
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        env = {"OTREE_PRODUCTION": "1", "DATABASE_URL": "", "OTREE_AUTH_LEVEL": "", "OTREE_REST_KEY": ""}
        async with OTreeServer.start(ServerPlan(env=env, log=log)) as server:
            promised = await measure(server, traders, 1.0, seconds)
            print(line(promised), flush=True)
            for rate in beyond:
                print(line(await measure(server, traders, traders / rate, seconds / 3)), flush=True)
    good = promised.median <= TARGET and promised.lost_nothing
    print(f"median at {traders} a second at most {1000 * TARGET:.0f} ms and nothing lost: {good}")
    return good


def main() -> None:
    """Measure; exit 1 where the promised load is not borne."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traders", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument(
        "--beyond", type=float, nargs="*", default=[36.0, 48.0, 72.0], help="messages a second"
    )
    given = parser.parse_args()
    raise SystemExit(0 if asyncio.run(run(given.traders, given.seconds, given.beyond)) else 1)


if __name__ == "__main__":
    main()
