from __future__ import annotations

import io
import re
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from rich.console import Console

from bots.adapters.clock import SystemClock
from bots.domain.errors import FailureKind
from bots.domain.experiment import Seat
from bots.domain.market import Decision, OrderIntent
from bots.domain.records import (
    ActAnswered,
    DecisionMade,
    DecisionNotMade,
    PageMissed,
    PageSeen,
    SeatEnded,
    SeatOutcome,
)
from bots.services.live_view import shown
from bots.services.progress import Progress
from markets.orders import Side
from tests.market_pages import view

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BUY = OrderIntent(side=Side.BUY, quantity=2, limit=Decimal("13.50"))


def progress(seats: int) -> Progress:
    sitting = [Seat(n, f"c{n}", "link", "openai:gpt-4o-2024-08-06", n) for n in range(1, seats + 1)]
    return Progress(sitting, time.monotonic() + 600, SystemClock(), "Run 7: [bold]mixed[/bold]")


def text(shown: Progress, height: int = 50) -> str:
    console = Console(file=io.StringIO(), width=80, height=height)
    console.print(shown.render())
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def page(seat: int, name: str = "trade", seconds: float | None = 20) -> PageSeen:
    return PageSeen(
        at=NOW,
        seat=seat,
        page=name,
        kind="market",
        location="/p",
        seconds_left=seconds,
        view=view("trade", 3),
    )


def made(seat: int, *, fallback: bool = False) -> DecisionMade:
    return DecisionMade(
        at=NOW,
        seat=seat,
        decision="d",
        page="trade",
        round=3,
        by="x",
        fallback=fallback,
        seconds=1,
        content=Decision(orders=(BUY,)),
    )


def test_each_seat_shows_its_page_round_time_left_and_last_decision() -> None:
    shown = progress(2)
    for event in (page(1), made(1)):
        shown.listen(event)

    line = next(line for line in text(shown).splitlines() if "trade" in line)
    assert "paid 2/3" in line
    assert "20 s" in line
    assert "buy 2 @ 13.50" in line


def test_twenty_four_bots_fit_eighty_columns_a_line_each() -> None:
    shown = progress(24)
    for seat in range(1, 25):
        shown.listen(page(seat, "phase_start"))
        shown.listen(made(seat, fallback=True))

    lines = text(shown).rstrip().splitlines()
    assert len(lines) == 26
    assert max(map(len, lines)) <= 80


def test_twenty_four_bots_can_be_read_in_a_terminal_of_eighty_by_twenty_four() -> None:
    shown = progress(24)
    for seat in range(1, 25):
        shown.listen(page(seat))
        shown.listen(made(seat))
    shown.choose(0)

    lines = text(shown, height=24).rstrip().splitlines()

    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    for seat in range(1, 25):
        assert any(re.search(rf"\b{seat} gpt-4o-2024-… trade +2/3 20 s", line) for line in lines), seat
    assert sum("buy 2 @ 13.50" in line for line in lines) == 6
    assert lines[-1].startswith("↑↓ choose")


def test_more_bots_than_fit_are_counted_those_that_play_first() -> None:
    shown = progress(100)
    shown.listen(SeatEnded(at=NOW, seat=1, outcome=SeatOutcome.FINISHED))

    lines = text(shown, height=24).rstrip().splitlines()

    assert len(lines) < 24
    assert lines[1].startswith("   2 ")
    assert lines[-1] == "… and 58 more"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (made(1, fallback=True), "fallback: buy"),
        (ActAnswered(at=NOW, seat=1, ref="a", accepted=False, words=("No cash.",)), "refused: No cash."),
        (PageMissed(at=NOW, seat=1, page="results", round=1, reason="gone"), "missed results"),
        (SeatEnded(at=NOW, seat=1, outcome=SeatOutcome.FAILED), "failed"),
        (
            DecisionNotMade(
                at=NOW,
                seat=1,
                decision="d",
                page="trade",
                round=1,
                kind=FailureKind.REFUSAL,
                reason="",
                seconds=1,
            ),
            "failed: refusal",
        ),
    ],
)
def test_what_goes_wrong_is_shown(event: object, said: str) -> None:
    shown = progress(1)
    shown.listen(event)  # type: ignore[arg-type]

    assert said in text(shown)


def test_words_of_servers_and_models_are_never_markup() -> None:
    shown = progress(1)
    shown.listen(ActAnswered(at=NOW, seat=1, ref="a", accepted=False, words=("[red]no[/red] [/]",)))

    assert "[red]no[/red] [/]" in text(shown)
    assert "[bold]mixed[/bold]" in text(shown)


async def test_without_a_terminal_there_are_plain_lines() -> None:
    output = io.StringIO()
    console = Console(file=output, width=80)
    seats = progress(2)
    async with shown(seats, console):
        for seat in (1, 2):
            seats.listen(page(seat))

    assert output.getvalue().splitlines()[-1] == "2 × paid 2/3 trade · 10 min left"
