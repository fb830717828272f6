"""The live table of a study, as a terminal of 80 columns and a log show it."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console

from bots.adapters.clock import SystemClock
from bots.adapters.models.limits import Spent
from bots.analysis.model_use import ModelMeter
from bots.domain.records import ModelAsked, ModelReplied, Usage
from bots.services.study_progress import StudyProgress, Tally

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "fundamentalist, reasoning text off, persona of a cautious retail investor"


def asked(most: str) -> ModelAsked:
    usage = Usage(cost_usd=Decimal(most))
    return ModelAsked(
        at=NOW, seat=1, decision="d", attempt=1, model="m", prompt="", prompt_hash="", most=usage
    )


def replied(cost: str) -> ModelReplied:
    usage = Usage(input_tokens=1, output_tokens=1, cost_usd=Decimal(cost))
    return ModelReplied(at=NOW, seat=1, decision="d", attempt=1, seconds=1.0, reply="", usage=usage)


def progress() -> StudyProgress:
    spent = Spent(1_234_567, Decimal("12.345"), unpriced=3)
    meter = ModelMeter([asked("1.5"), replied("0.25"), asked("1.5")])
    long = Tally(
        1000, done=123, undecided=2, failed=4, running=16, used=Spent(9, Decimal(10)), meters=[meter]
    )
    treatments = {"zero-intelligence": Tally(40, done=40), LONG: long}
    return StudyProgress("Study of long names", treatments, SystemClock(), asyncio.Event(), spent)


def test_the_table_keeps_its_numbers_whole_at_80_columns() -> None:
    out = io.StringIO()
    Console(file=out, width=80).print(progress().render())

    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    (heads,) = (line for line in lines if line.startswith("Treatment"))
    assert heads.split() == ["Treatment", "Done", "Running", "Failed", "Undecided", "To", "come", "Of", "USD"]
    (numbers,) = (line for line in lines if "123" in line and "855" in line)
    assert numbers.split()[-7:] == ["123", "16", "4", "2", "855", "1000", "10.2500"]
    (other,) = (line for line in lines if "zero-intelligence" in line)
    assert other.split()[-7:] == ["40", "0", "0", "0", "0", "40", "0.0000"]
    assert set(LONG.split()) <= set(out.getvalue().split())


def test_a_log_gets_it_all_in_one_line() -> None:
    line = progress().line()

    assert "\n" not in line
    assert all(
        part in line for part in ("163 of 1040", "16 running", "4 failed", "2 undecided", "12.3450 USD")
    )
