from __future__ import annotations

import asyncio
import os
import pty
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.errors import FailureKind
from bots.domain.records import DecisionMade, DecisionNotMade, Event, SeatPaused, SeatUnpaused, parse_journal

pytestmark = pytest.mark.server

BOTS = str(Path(sys.executable).with_name("bots"))
TIMERS = ("trade_seconds", "forecast_seconds", "results_seconds", "phase_start_seconds", "phase_end_seconds")


async def played_at_a_terminal(url: str, folder: Path, keys: Sequence[bytes]) -> tuple[int, Sequence[Event]]:
    """Run bots in a terminal of 80 × 24, press a key each time the view is drawn, and say how it ended."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    command = [BOTS, "run", url, "zero-intelligence", "--transport", "http", "--no-report"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--data-dir", str(folder)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
        cwd=folder,
    )
    os.close(theirs)
    _press_when_drawn(ours, list(keys))
    code = await asyncio.wait_for(process.wait(), 150)
    asyncio.get_running_loop().remove_reader(ours)
    os.close(ours)
    (journal,) = folder.glob("debug-runs/run-1/journal.jsonl")
    return code, parse_journal(journal.read_text()).events


def _press_when_drawn(terminal: int, keys: list[bytes]) -> None:
    loop = asyncio.get_running_loop()

    def read() -> None:
        try:
            drawn = os.read(terminal, 65536)
        except OSError:
            loop.remove_reader(terminal)
            return
        if keys and (b"choose" in drawn or b"q again" in drawn):
            os.write(terminal, keys.pop(0))

    loop.add_reader(terminal, read)


async def test_pausing_all_lets_fallbacks_trade_to_the_end(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    rounds = {"practice_rounds": 0, "paid_rounds": 2, **dict.fromkeys(TIMERS, 0)}
    session = await market_server.rest.create_session("demo", 3, modified=rounds)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"

    code, events = await played_at_a_terminal(url, tmp_path, [b"p"])

    assert code == 0
    assert [event.seat for event in events if isinstance(event, SeatPaused)] == [1, 2, 3]
    assert not [event for event in events if isinstance(event, SeatUnpaused)]
    failed = [event for event in events if isinstance(event, DecisionNotMade)]
    assert (
        len(failed)
        == len([event for event in events if isinstance(event, DecisionMade) and event.fallback])
        > 0
    )
    assert {event.kind for event in failed} == {FailureKind.PAUSED}


async def test_q_twice_ends_the_run_as_interrupted(market_server: OTreeServer, tmp_path: Path) -> None:
    session = await market_server.rest.create_session("demo", 3, modified={"consent_seconds": 0})
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"

    code, events = await played_at_a_terminal(url, tmp_path, [b"q", b"q"])

    assert code == 130
    assert getattr(events[-1], "outcome", None) == "interrupted"
