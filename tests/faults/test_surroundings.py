"""Names that cannot be resolved, clocks that jump, memory that is short: each has an end that is told."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.http_session import open_http
from bots.adapters.in_process import InProcessMarket
from bots.adapters.otree_server import OTreeServer
from bots.adapters.run_folder import JournalWriter, write_manifest
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Table, TradingAgent
from bots.analysis.report import write_report
from bots.analysis.runs import open_run
from bots.domain.errors import FailureKind
from bots.domain.experiment import Seat, run_experiment
from bots.domain.pages import PageKind, Trouble
from bots.domain.records import DecisionMade, DecisionNotMade, RunOutcome
from markets.parameters import MarketParameters
from tests.end_to_end.command import ROOT, end, run
from tests.manifests import manifest

NOWHERE = "no-such-host.invalid"  # by RFC 2606 no name server knows it


async def test_a_server_whose_name_is_not_known_is_told_before_anything_is_written(tmp_path: Path) -> None:
    ended = await run(tmp_path, f"http://{NOWHERE}/SessionStartLinks/abc", "hold")

    assert ended.code == 2
    assert f"http://{NOWHERE}/SessionStartLinks/abc: the server cannot be reached" in " ".join(
        ended.output.split()
    )
    assert list(tmp_path.iterdir()) == []


async def test_a_name_that_is_lost_during_a_run_is_a_server_that_is_away() -> None:
    async with open_http() as http:
        session = await http.open_session(f"http://{NOWHERE}/InitializeParticipant/abc")
        page = await session.look()

    assert (page.kind, page.trouble) == (PageKind.BROKEN, Trouble.AWAY)
    assert f"{NOWHERE} cannot be reached" in page.text


@pytest.mark.long
@pytest.mark.server
async def test_a_provider_whose_name_is_not_known_leaves_decisions_to_the_fallback(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 1, "trade_seconds": 3, "forecast_seconds": 3}
    session = await market_server.rest.create_session("demo", 2, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    address = {"OPENAI_BASE_URL": f"http://{NOWHERE}/v1", "OPENAI_API_KEY": "sk-any"}
    ended = await run(tmp_path, url, "gpt-4o", "--transport", "http", environment=address)
    market_pages = [one for one in ended.events if getattr(one, "page", "") in ("trade", "forecast")]
    kinds = {event.kind for event in market_pages if isinstance(event, DecisionNotMade)}

    assert ended.code == 6, ended.output
    assert kinds <= {FailureKind.UNAVAILABLE, FailureKind.TIMEOUT}
    assert kinds
    assert all(event.fallback for event in market_pages if isinstance(event, DecisionMade))


@pytest.mark.server
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be given so little memory")
async def test_a_run_with_little_memory_finishes_and_tells_what_it_could_not_make(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    """So little that, on most machines, the libraries of the report end their own process."""
    config = {"practice_rounds": 0, "paid_rounds": 1}
    session = await market_server.rest.create_session("demo", 2, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    limited = (
        f"ulimit -v {640 * 1024}; exec {shlex.quote(sys.executable)} -m bots.main {url} hold --transport http"
    )
    process = await asyncio.create_subprocess_shell(
        limited,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "140"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    assert ("Warning: no report" in ended.output) is not (ended.run / "report.html").exists()
    assert "Traceback" not in ended.output


class JumpingClock(SystemClock):
    """Each reading of the time of day is hours before or after the last one."""

    readings = 0

    def now(self) -> datetime:
        self.readings += 1
        return datetime(2026, 3, 29, 1, 30, tzinfo=UTC) + timedelta(
            hours=(-1) ** self.readings * self.readings
        )


async def test_a_clock_that_jumps_changes_times_on_record_and_nothing_else(tmp_path: Path) -> None:
    market = InProcessMarket(
        MarketParameters.from_config({"practice_rounds": 0, "paid_rounds": 3}), 4, seed="1"
    )
    clock, until = JumpingClock(), time.monotonic() + 60
    seats = [Seat(n, f"p{n}", "", "zero-intelligence", n) for n in range(1, 5)]
    with JournalWriter(tmp_path / "journal.jsonl") as journal:
        table = Table(journal, clock, until, "jumps")

        async def sit(seat: Seat) -> None:
            maker, hold = (STRATEGIES[name].make(seat.seed) for name in (seat.trader, "hold"))
            session = market.session(seat.number)
            await TradingAgent(seat, session, maker=maker, fallback=hold, table=table).play()

        end = await run_experiment(seats, sit, store=journal, clock=clock, until=until, stop=asyncio.Event())
    write_manifest(tmp_path, manifest())

    assert end.outcome is RunOutcome.FINISHED
    assert open_run(tmp_path).prices.height == 3
    assert write_report([open_run(tmp_path)], tmp_path / "report.html")[0].stat().st_size > 10_000
