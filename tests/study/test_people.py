"""People in the markets of a study: they come by links to a session in which bots take the other seats."""

from __future__ import annotations

import asyncio
import io
import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import bots
from bots.adapters.clock import SystemClock
from bots.adapters.http_session import open_http
from bots.adapters.in_memory import MemoryStore
from bots.adapters.otree_server import OTreeServer
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Table, TradingAgent
from bots.analysis.otree_tables import FOLDER
from bots.domain.experiment import Seat
from bots.domain.records import RunOutcome
from bots.services.interrupt import Interrupt
from bots.services.room import Room
from bots.services.study_folder import cell_runs
from bots.services.study_progress import StudyProgress, Tally
from bots.services.study_register import registration
from bots.services.study_run import Spread, run_study
from tests.study.plans import plan_file, prices, study_of, the_folder
from tests.study.study_program import program

PLAN = """
name = "guests"
repetitions = 1
place = "server"
shuffle = false
seats = "1 x hold, 1 x person, 1 x fundamentalist"
market = { practice_rounds = 0, paid_rounds = 2, forecast_horizons = "" }
"""
LINK = re.compile(r"baseline, repetition 1, person 2: (\S+/InitializeParticipant/\w+)")


class Screen(io.StringIO):
    """Where a study prints; tells of a link for a person."""

    def __init__(self) -> None:
        super().__init__()
        self.link: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def write(self, text: str) -> int:
        if (found := LINK.search(text)) and not self.link.done():
            self.link.set_result(found[1])
        return super().write(text)


def study_on(server: OTreeServer, plan: Path, data: Path, screen: Screen) -> asyncio.Task[int]:
    async def run() -> int:
        task = asyncio.current_task()
        assert task is not None
        room = Room({}, Console(file=screen, width=200), Interrupt(task))
        return await run_study(plan, data, Spread(server=server.url), room)

    return asyncio.create_task(run())


async def sit_down(link: str) -> None:
    """Play a person's part by HTTP, from the link to the last page."""
    clock = SystemClock()
    table = Table(MemoryStore(), clock, time.monotonic() + 60, "guest", with_people=True)
    async with open_http() as http:
        person = Seat(1, "guest", link, "momentum", 1)
        maker = STRATEGIES["momentum"].make(1)
        session = await http.open_session(link)
        await TradingAgent(person, session, maker=maker, fallback=maker, table=table).play()


async def bots_have_acted(folder: Path) -> None:
    async with asyncio.timeout(30):
        journal = folder / "run-1" / "journal.jsonl"
        while '"event":"act_sent"' not in journal.read_text(encoding="utf-8"):  # noqa: ASYNC110 - of a file
            await asyncio.sleep(0.02)


@pytest.mark.server
async def test_bots_wait_for_a_person_who_finds_the_same_session_after_the_study_was_cut_short(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    plan = plan_file(tmp_path, PLAN)
    first = Screen()
    playing = study_on(market_server, plan, tmp_path, first)
    link = await asyncio.wait_for(first.link, 30)
    await bots_have_acted(the_folder(tmp_path))
    assert not playing.done()
    playing.cancel()
    with suppress(asyncio.CancelledError):
        await playing
    cut = cell_runs(the_folder(tmp_path))["baseline", 1]
    assert cut.manifest.outcome is RunOutcome.INTERRUPTED

    again = Screen()
    playing = study_on(market_server, plan, tmp_path, again)
    assert await asyncio.wait_for(again.link, 30) == link
    await sit_down(link)
    code = await asyncio.wait_for(playing, 60)

    assert code == 0, again.getvalue()
    run = cell_runs(the_folder(tmp_path))["baseline", 1]
    assert (run.folder, run.finished) == (cut.folder, True)
    assert [seat.trader for seat in run.manifest.seats] == ["hold", "fundamentalist"]
    assert (run.manifest.subjects, run.manifest.bots, len(run.manifest.resumed)) == (3, 2, 1)
    assert len(prices(the_folder(tmp_path))["baseline", 1]) == 2
    assert "beside 2 bots: oTree's tables are kept" in again.getvalue()
    assert (run.folder / FOLDER / "traders.csv").exists()
    assert bots.open_run(run.folder).traders.height == 3


def test_links_for_people_stand_below_the_live_table_at_80_columns() -> None:
    link = "http://127.0.0.1:8000/InitializeParticipant/7y3k2m9q"
    progress = StudyProgress("Study", {"a": Tally(3, running=1)}, SystemClock(), asyncio.Event())
    progress.people["a", 2] = {4: link}
    out = io.StringIO()
    Console(file=out, width=80).print(progress.render())

    assert f"a 2, person 4: {link}\n" in out.getvalue()


def test_people_are_stood_in_for_by_a_strategy_before_a_study_and_named_where_it_is_registered(
    tmp_path: Path,
) -> None:
    plan = plan_file(tmp_path, PLAN)
    for words in (("cost",), ("simulate", "--strategies", "zero-intelligence", "--markets", "4")):
        told = CliRunner().invoke(program(), ["study", words[0], str(plan), *words[1:]])
        assert told.exit_code == 0, told.output
        assert "People are stood in for by" in told.output
    assert "`person`: people, each by a link of the session" in registration(study_of(plan))
