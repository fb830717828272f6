"""The live table of a study, as a terminal of 80 columns and a log show it."""

from __future__ import annotations

import asyncio
import io
from decimal import Decimal

from rich.console import Console

from bots.adapters.clock import SystemClock
from bots.adapters.models.limits import Spent
from bots.services.study_progress import StudyProgress, Tally

LONG = "fundamentalist, reasoning text off, persona of a cautious retail investor"


def progress() -> StudyProgress:
    spent = Spent(1_234_567, Decimal("12.345"), unpriced=3)
    treatments = {"zero-intelligence": Tally(40, done=40), LONG: Tally(1000, done=123, failed=4, running=16)}
    return StudyProgress("Study of long names", treatments, SystemClock(), asyncio.Event(), spent)


def test_the_table_keeps_its_numbers_whole_at_80_columns() -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(progress().render())

    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    (heads,) = (line for line in lines if line.startswith("Treatment"))
    assert heads.split() == ["Treatment", "Done", "Running", "Failed", "To", "come", "Of"]
    (numbers,) = (line for line in lines if "123" in line and "857" in line)
    assert numbers.split()[-5:] == ["123", "16", "4", "857", "1000"]
    assert set(LONG.split()) <= set(out.getvalue().split())


def test_a_log_gets_it_all_in_one_line() -> None:
    line = progress().line()

    assert "\n" not in line
    assert all(part in line for part in ("163 of 1040", "16 running", "4 failed", "12.3450 USD"))
