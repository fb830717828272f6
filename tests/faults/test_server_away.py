"""oTree goes away in the middle of a run and comes back: traders wait and go on, nothing is lost or twice."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.http_session import HttpSettings, open_http
from bots.adapters.in_memory import MemoryStore
from bots.adapters.otree_server import OTreeServer
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.experiment import Seat, run_experiment
from bots.domain.records import ActUnanswered, PageSeen, RunOutcome
from tests.adapters.http.broken_line import broken_line
from tests.end_to_end.command import acts, end, start
from tests.faults.invariants import check, on_server
from tests.faults.servers import kept_plan, kill

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "transport", ["http", pytest.param("browser", marks=[pytest.mark.browser, pytest.mark.long])]
)
@pytest.mark.slow
async def test_a_server_that_is_killed_and_started_again_is_waited_for(
    tmp_path: Path, transport: str
) -> None:
    with kept_plan() as plan, ExitStack() as second:
        with OTreeServer.start_blocking(plan) as first:
            config = {"practice_rounds": 0, "paid_rounds": 12}
            session = await first.rest.create_session("demo", 3, modified=config)
            url = f"{first.url}/SessionStartLinks/{session['code']}"
            process = await start(tmp_path, url, "zero-intelligence", "--transport", transport)
            await acts(tmp_path, 20)
            kill(first)
        server = second.enter_context(OTreeServer.start_blocking(plan))
        ended = await end(process, tmp_path)
        served = await on_server(server, session["code"])

    assert ended.code == 0, ended.output
    assert any(isinstance(event, PageSeen) and event.kind == "broken" for event in ended.events)
    check(ended.events, served, rounds=12)


async def test_a_network_that_is_lost_without_a_word_is_waited_for(market_server: OTreeServer) -> None:
    """For some seconds no byte comes through, and no connection is closed either."""
    rounds, store, clock = 8, MemoryStore(), SystemClock()
    config = {"practice_rounds": 0, "paid_rounds": rounds}
    session = await market_server.rest.create_session("demo", 2, modified=config)
    people = (await market_server.rest.get_session(session["code"]))["participants"]
    until, pace = clock.monotonic() + 100, Pace(act_seconds=1.0, broken_waits=(0.2, 0.5))
    async with (
        broken_line(urlsplit(market_server.url).port or 0) as line,
        open_http(HttpSettings(page_seconds=1.0)) as http,
    ):
        entry = f"http://127.0.0.1:{line.port}/InitializeParticipant"

        async def sit(seat: Seat) -> None:
            maker, hold = (STRATEGIES[name].make(seat.seed) for name in (seat.trader, "hold"))
            at_page = await http.open_session(seat.link)
            table = Table(store, clock, until, "lost", pace)
            await TradingAgent(seat, at_page, maker=maker, fallback=hold, table=table).play()

        async def lose_the_line() -> None:
            while len(store.events) < 60:  # noqa: ASYNC110 - of a store that tells nobody
                await asyncio.sleep(0.01)
            line.lose()
            await asyncio.sleep(4)
            line.find()

        seats = [
            Seat(n, one["code"], f"{entry}/{one['code']}", "zero-intelligence", n)
            for n, one in enumerate(people, start=1)
        ]
        losing = asyncio.create_task(lose_the_line())
        end = await run_experiment(seats, sit, store=store, clock=clock, until=until, stop=asyncio.Event())
        await losing

    assert end.outcome is RunOutcome.FINISHED, end.seats
    assert any(isinstance(event, ActUnanswered) for event in store.events)
    check(store.events, await on_server(market_server, session["code"]), rounds=rounds)
