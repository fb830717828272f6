from __future__ import annotations

import signal
from asyncio.subprocess import Process
from collections import Counter
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActAnswered, ActSent, RunOutcome, RunResumed, SeatOutcome
from tests.end_to_end.command import Ended, acts, end, line_with, resume, start

pytestmark = pytest.mark.server


async def killed_after(process: Process, folder: Path, count: int) -> Ended:
    """Kill a run once so many acts are on record."""
    await acts(folder, count)
    process.kill()
    return await end(process, folder)


@pytest.mark.browser
@pytest.mark.slow
async def test_a_run_that_is_killed_again_and_again_loses_nothing_and_sends_nothing_twice(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 1, "paid_rounds": 4}
    session = await market_server.rest.create_session("demo", 3, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    run = (await killed_after(await start(tmp_path, url, "zero-intelligence"), tmp_path, 8)).run
    for count in (18, 28):
        await killed_after(await resume(tmp_path, run), tmp_path, count)
    ended = await end(await resume(tmp_path, run), tmp_path)

    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    assert {seat.outcome for seat in ended.manifest.seats} == {SeatOutcome.FINISHED}
    assert len(ended.manifest.resumed) == sum(isinstance(event, RunResumed) for event in ended.events) == 3
    rows = await market_server.rest.export_app_custom(
        "call_market", session["code"], function="custom_export_orders"
    )
    on_server = Counter(row["ref"] for row in rows if row["kind"] == "place")
    sent = Counter(
        event.ref
        for event in ended.events
        if isinstance(event, ActSent) and event.content.get("type") == "place"
    )
    answered = {event.ref for event in ended.events if isinstance(event, ActAnswered)}
    assert set(on_server.values()) <= {1}
    assert set(sent.values()) <= {1}
    assert set(on_server) <= set(sent)
    assert answered & set(sent) <= set(on_server)


async def test_a_finished_run_and_a_running_one_cannot_be_resumed(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    session = await market_server.rest.create_session(
        "demo", 2, modified={"practice_rounds": 0, "paid_rounds": 1}
    )
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    process = await start(tmp_path, url, "hold", "--transport", "http")
    await line_with(process, "Run 1 is kept")
    process.send_signal(signal.SIGSTOP)  # it must not be through before the second begins
    run = tmp_path / "bot-data" / "debug-runs" / "run-1"
    running = await end(await resume(tmp_path, run), tmp_path)
    process.send_signal(signal.SIGCONT)
    assert (await end(process, tmp_path)).code == 0
    finished = await end(await resume(tmp_path, run), tmp_path)

    assert (running.code, finished.code) == (2, 2)
    assert "another process is running this folder" in running.output
    assert "this run is finished" in finished.output
