"""Whatever is killed at whatever moment: after it, the journal and oTree's export say the same.

`make test-faults` plays the long versions: twenty moments, and every program that can be killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil
import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import (
    ActSent,
    DecisionNotMade,
    Event,
    ModelReplied,
    PageSeen,
    RunOutcome,
    RunResumed,
)
from tests.end_to_end.command import Ended, acts, descendants, end, failed_requests, gone, resume, start
from tests.faults.invariants import check, on_server
from tests.faults.servers import kept_plan, kill
from tests.standins.model_server import ModelServer

pytestmark = pytest.mark.server
LONG = pytest.mark.long
ROUNDS, TRADERS = 6, 3
ACTS = ROUNDS * TRADERS * 3  # about so many in a session


@dataclass(frozen=True, slots=True)
class Market:
    """A session of the shipped market, and how its runs are started."""

    server: OTreeServer
    code: str
    folder: Path

    @property
    def url(self) -> str:
        return f"{self.server.url}/SessionStartLinks/{self.code}"

    async def start(self, who: str = "zero-intelligence", transport: str = "http", **more: str) -> Process:
        return await start(self.folder, self.url, who, "--transport", transport, environment=more)

    async def resume(self) -> Process:
        (run,) = self.folder.glob("bot-data/*-runs/run-*")
        return await resume(self.folder, run)

    async def checked(self, ended: Ended) -> tuple[Event, ...]:
        """Check the invariants of a run that finished."""
        assert ended.code == 0, ended.output
        assert "Traceback" not in ended.output
        assert ended.manifest.outcome is RunOutcome.FINISHED
        check(ended.events, await on_server(self.server, self.code), rounds=ROUNDS)
        return ended.events


async def open_market(server: OTreeServer, folder: Path, **more: object) -> Market:
    config = {"practice_rounds": 0, "paid_rounds": ROUNDS, **more}
    session = await server.rest.create_session("demo", TRADERS, modified=config)
    return Market(server, session["code"], folder)


def kill_all(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()


@pytest.mark.parametrize("moment", [0, *(pytest.param(number, marks=LONG) for number in range(1, 20))])
async def test_a_run_killed_at_a_random_moment_and_resumed_loses_nothing(
    market_server: OTreeServer, tmp_path: Path, moment: int
) -> None:
    draw = random.Random(moment)
    market = await open_market(market_server, tmp_path)
    process = await market.start()
    await acts(tmp_path, draw.randint(0, ACTS - 10))
    await asyncio.sleep(draw.uniform(0, 0.05))
    process.kill()
    await process.communicate()
    if draw.random() < 0.3:  # a power cut in the middle of a line
        (journal,) = tmp_path.glob("bot-data/*-runs/run-*/journal.jsonl")
        journal.write_bytes(journal.read_bytes() + b'{"at":"2026-03-01T12:00:00Z","seat":1,"ev')
    events = await market.checked(await end(await market.resume(), tmp_path))

    assert sum(isinstance(event, RunResumed) for event in events) == 1


@pytest.mark.browser
@pytest.mark.parametrize("name", ["chrome", "chromedriver"])
@pytest.mark.parametrize("moment", [pytest.param(number, marks=LONG) for number in range(3)])
async def test_a_browser_or_driver_that_is_killed_is_replaced(
    market_server: OTreeServer, tmp_path: Path, name: str, moment: int
) -> None:
    draw = random.Random(f"{name} {moment}")
    market = await open_market(market_server, tmp_path)
    process = await market.start(transport="browser")
    await acts(tmp_path, draw.randint(1, ACTS // 2))
    family = descendants(process.pid)
    drivers = [one for one in family if one.name().startswith("chromedriver")]
    kill_all(drivers if name == "chromedriver" else drivers[0].children())
    await market.checked(await end(process, tmp_path))

    assert await gone(family)


@pytest.mark.browser
@pytest.mark.parametrize("moment", [pytest.param(number, marks=LONG) for number in range(3)])
async def test_a_run_in_chromium_killed_at_a_random_moment_leaves_nothing_and_goes_on(
    market_server: OTreeServer, tmp_path: Path, moment: int
) -> None:
    market = await open_market(market_server, tmp_path)
    process = await market.start(transport="browser")
    await acts(tmp_path, random.Random(moment).randint(1, ACTS // 2))
    family = descendants(process.pid)
    process.kill()
    await process.communicate()

    assert await gone(family)
    await market.checked(await end(await market.resume(), tmp_path))


@pytest.mark.parametrize("moment", [pytest.param(number, marks=LONG) for number in range(3)])
async def test_run_and_server_killed_at_once_go_on_together(tmp_path: Path, moment: int) -> None:
    with kept_plan() as plan:
        with OTreeServer.start_blocking(plan) as first:
            market = await open_market(first, tmp_path)
            process = await market.start()
            await acts(tmp_path, random.Random(f"both {moment}").randint(5, ACTS - 20))
            kill(first)
            process.kill()
            await process.communicate()
        with OTreeServer.start_blocking(plan) as server:
            again = Market(server, market.code, tmp_path)
            await again.checked(await end(await again.resume(), tmp_path))


@pytest.mark.slow
async def test_a_model_server_that_dies_and_comes_back_leaves_failures_on_record(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    market = await open_market(market_server, tmp_path)
    async with ModelServer() as first:
        process = await market.start("gpt-4o", **first.environment())
        await acts(tmp_path, 20)
    await failed_requests(tmp_path, 1)
    async with ModelServer(port=first.port) as second:
        events = await market.checked(await end(process, tmp_path))

    failed = [event for event in events if isinstance(event, ModelReplied) and event.failure]
    assert failed
    assert all(event.error for event in failed)
    assert second.asked


@LONG
async def test_a_budget_holds_over_a_kill(market_server: OTreeServer, tmp_path: Path) -> None:
    limit = 40_000
    market = await open_market(market_server, tmp_path)
    async with ModelServer() as model:
        given = {**os.environ, **model.environment()}
        process = await start(
            *(tmp_path, market.url, "gpt-4o", "--transport", "http", "--max-tokens", str(limit)),
            environment=given,
        )
        await acts(tmp_path, 20)
        process.kill()
        before = sum(isinstance(event, ModelReplied) for event in (await end(process, tmp_path)).events)
        (run,) = tmp_path.glob("bot-data/*-runs/run-*")
        again = await resume(tmp_path, run, given)
        events = await market.checked(await end(again, tmp_path))
    replies = [event for event in events if isinstance(event, ModelReplied)]
    tokens = sum((one.usage.input_tokens or 0) + (one.usage.output_tokens or 0) for one in replies)

    assert 0 < before < len(replies)
    assert limit * 0.5 < tokens <= limit
    assert any(isinstance(event, DecisionNotMade) and event.kind == "over-budget" for event in events)


@LONG
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_second_signal_ends_the_run_at_once_and_it_goes_on(
    market_server: OTreeServer, tmp_path: Path, number: signal.Signals
) -> None:
    market = await open_market(market_server, tmp_path)
    process = await market.start()
    await acts(tmp_path, 10)
    for _ in range(2):
        os.kill(process.pid, number)
    stopped = await end(process, tmp_path)

    assert stopped.code == 130, stopped.output
    assert "Traceback" not in stopped.output
    assert stopped.manifest.outcome is RunOutcome.INTERRUPTED
    await market.checked(await end(await market.resume(), tmp_path))


@LONG
async def test_a_laptop_that_is_closed_and_opened_again_goes_on_or_marks_what_it_missed(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    timers = {"trade_seconds": 3, "forecast_seconds": 3, "results_seconds": 2}
    market = await open_market(market_server, tmp_path, **timers)
    process = await market.start()
    await acts(tmp_path, 14)
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(25)  # the server's worker submits each page 6 s after its time
    process.send_signal(signal.SIGCONT)

    await market.checked(await end(process, tmp_path))


@LONG
async def test_a_session_deleted_under_the_bots_is_told_in_a_sentence(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    market = await open_market(market_server, tmp_path)
    process = await market.start()
    await acts(tmp_path, 6)
    await delete_session(market)
    ended = await end(process, tmp_path)

    assert ended.code == 3, ended.output
    assert "Traceback" not in ended.output
    reasons = {seat.reason for seat in ended.manifest.seats}
    assert all("does not know participant" in reason for reason in reasons), reasons
    assert any(isinstance(event, PageSeen) and event.kind == "broken" for event in ended.events)
    assert any(isinstance(event, ActSent) for event in ended.events)


async def delete_session(market: Market) -> None:
    """Delete a session as an experimenter does on oTree's page of sessions."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{market.server.url}/delete_sessions") as socket,
    ):
        await socket.send_str(json.dumps([market.code]))
        assert await socket.receive_json(timeout=20) == "ok"
