"""What the model layer costs: decisions a second and CPU a decision, beside a bare HTTP client.

    python benchmarks/bench_models.py [--traders 100] [--each 20]

A stand-in server in a process of its own answers each request after 50 ms. The bare client posts the same
request bodies and reads the replies; the layer renders the prompt, keeps to limits and budget, records,
parses and validates. Then 100 traders play timed rounds of a market in this process, with 20 s a page.

Goals: at most 20 ms of CPU a decision, and every decision of 100 traders in time on a 20 s page.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process import InProcessMarket
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.models.transport import open_client
from bots.agents.trading_agents import Table, TradingAgent
from bots.domain.experiment import Seat
from bots.domain.records import DecisionMade, DecisionNotMade
from bots.services.configuration import CONFIG
from bots.services.trader_specs import resolve
from bots.services.traders import Traders, make_fallback
from markets.parameters import MarketParameters
from tests.agents.sights import sight, situation
from tests.standins.model_server import ModelServer

MODEL = "gpt-4o"
ANSWER_SECONDS = 0.05
PAGE_SECONDS = 20
MOST_CPU_MS = 20.0


@dataclass(frozen=True, slots=True)
class Measured:
    """How long `count` of something took, and how much of this process's CPU."""

    what: str
    count: int
    seconds: float
    cpu_seconds: float

    def line(self) -> str:
        rate, cost = self.count / self.seconds, 1000 * self.cpu_seconds / self.count
        return f"{self.what:<34} {self.count:>6} {rate:>10.1f} {cost:>14.2f}"


def _serve(to_parent: Connection) -> None:
    async def serve() -> None:
        async with ModelServer(delay=ANSWER_SECONDS) as server:
            to_parent.send(server.environment())
            await asyncio.to_thread(_until_closed, to_parent)

    asyncio.run(serve())


def _until_closed(connection: Connection) -> None:
    try:
        connection.recv()
    except EOFError:
        return


@contextmanager
def stand_in() -> Iterator[dict[str, str]]:
    """Serve in another process; yield the settings that lead there."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join(5)
        if process.is_alive():
            process.kill()


async def measure(what: str, once: Callable[[int], Awaitable[Any]], traders: int, each: int) -> Measured:
    """Let `traders` do something `each` times, one time after another, all at once."""

    async def repeat(trader: int) -> None:
        for _ in range(each):
            await once(trader)

    await once(0)
    started, busy = time.monotonic(), time.process_time()
    await asyncio.gather(*(repeat(trader) for trader in range(traders)))
    return Measured(what, traders * each, time.monotonic() - started, time.process_time() - busy)


async def bare_client(environment: dict[str, str], traders: int, each: int) -> Measured:
    """Post the bodies that the layer would, with its own HTTP library, and read the reply as JSON."""
    page = {"messages": [{"role": "user", "content": "TRADE PAGE\n" + "x" * 6000}], "model": MODEL}
    url = environment["OPENAI_BASE_URL"] + "/chat/completions"
    async with open_client(traders) as client:

        async def once(trader: int) -> object:
            answer = await client.post(url, json=page)
            return json.loads(answer.json()["choices"][0]["message"]["content"])

        return await measure("bare HTTP client", once, traders, each)


@asynccontextmanager
async def model_traders(environment: dict[str, str]) -> AsyncIterator[Traders]:
    """The layer, without a spread of requests and with a place for every trader: only its cost is wanted."""
    shipped = load_catalogue(CONFIG / "models.toml")
    openai = shipped.providers["openai"].model_copy(update={"spread_seconds": 0.0, "concurrency": 128})
    providers = {**shipped.providers, "openai": openai}
    async with Traders(
        shipped.model_copy(update={"providers": providers}), environment, SystemClock()
    ) as traders:
        yield traders


async def layer(environment: dict[str, str], traders: int, each: int) -> Measured:
    """Let traders decide on a trade page."""
    shipped = load_catalogue(CONFIG / "models.toml")
    page = situation(sight("trade", "14.10", "13.95", "14.05"))
    async with model_traders(environment) as opened:
        makers = [opened.build(resolve(MODEL, shipped), seed) for seed in range(traders)]

        async def once(trader: int) -> object:
            return await makers[trader].decide(page, time.monotonic() + 60, lambda event: None)

        return await measure("model layer", once, traders, each)


async def timed_rounds(environment: dict[str, str], traders: int) -> tuple[int, int, float]:
    """Play two timed rounds; return decisions in time, decisions failed, and the seconds it took."""
    catalogue, clock, store = load_catalogue(CONFIG / "models.toml"), SystemClock(), MemoryStore()
    config = {"practice_rounds": 0, "paid_rounds": 2, "trade_seconds": PAGE_SECONDS}
    parameters = MarketParameters.from_config({**config, "forecast_seconds": PAGE_SECONDS})
    market = InProcessMarket(parameters, traders, seed="1", timed=True)
    table = Table(store, clock, time.monotonic() + 600, "bench")
    started = time.monotonic()
    async with Traders(catalogue, environment, clock) as opened, asyncio.TaskGroup() as group:
        for number in range(1, traders + 1):
            maker = opened.build(resolve(MODEL, catalogue), number)
            agent = TradingAgent(
                Seat(number, f"p{number}", "", maker.name, number),
                market.session(number),
                maker=maker,
                fallback=make_fallback("hold", number),
                table=table,
            )
            group.create_task(agent.play())
    made = sum(isinstance(event, DecisionMade) and not event.fallback for event in store.events)
    failed = sum(isinstance(event, DecisionNotMade) for event in store.events)
    return made, failed, time.monotonic() - started


async def benchmark(traders: int, each: int) -> bool:
    """Measure everything and print it; return whether the goals are met."""
    with stand_in() as environment:
        print(f"{traders} at once, answers after {1000 * ANSWER_SECONDS:.0f} ms")
        print(f"{'':<34} {'count':>6} {'a second':>10} {'CPU ms each':>14}")
        print((await bare_client(environment, traders, each)).line())
        layered = await layer(environment, traders, each)
        print(layered.line())
        made, failed, seconds = await timed_rounds(environment, traders)
    print(
        f"{traders} traders, 2 rounds with {PAGE_SECONDS} s a page: {made} decisions in time, "
        f"{failed} not, {seconds:.1f} s in all"
    )
    return 1000 * layered.cpu_seconds / layered.count <= MOST_CPU_MS and failed == 0


def main() -> int:
    """Run from the command line; exit code 1 where a goal is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--traders", type=int, default=100)
    options.add_argument("--each", type=int, default=20)
    given = options.parse_args()
    return 0 if asyncio.run(benchmark(given.traders, given.each)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
