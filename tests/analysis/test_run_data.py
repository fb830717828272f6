from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from bots.analysis.figures import price_and_volume
from bots.analysis.market_path import MarketRound, market_rounds
from bots.analysis.played import played
from bots.analysis.reading import read_run
from bots.analysis.run_data import trader_results
from bots.domain.errors import FailureKind
from bots.domain.market import Decision, MarketView
from bots.domain.records import (
    ActAnswered,
    ActSent,
    DecisionMade,
    DecisionNotMade,
    Event,
    PageMissed,
    PageSeen,
    SeatEnded,
    SeatOpened,
    SeatOutcome,
)
from markets.rounds import Phase, PublicRound
from tests.analysis.played_runs import play_run
from tests.manifests import NOW, manifest
from tests.market_pages import view


def seen(shown: MarketView, seat: int = 1) -> PageSeen:
    return PageSeen(at=NOW, seat=seat, page=shown.page, kind="market", location="/p/x", view=shown)


def past(number: int, price: str | None, volume: int, *, practice: bool = False) -> PublicRound:
    phase: Phase = "practice" if practice else "paid"
    amount = None if price is None else Fraction(price)
    return PublicRound(phase, number, amount, volume, Fraction(2, 5))


def test_market_rounds_join_what_the_pages_of_all_bots_say() -> None:
    events: list[Event] = [
        *(SeatOpened(at=NOW, seat=n, participant=f"code{n}", trader="hold", seed=n) for n in (1, 2)),
        seen(view("results", 1, (past(1, "15", 2, practice=True),))),
        seen(view("results", 2, (past(1, "14.5", 3),)), seat=2),
        seen(view("results", 3, (past(1, "14.5", 3), past(2, None, 0)))),
    ]

    run = played(Path("run-1"), manifest(seats=()), events)

    assert market_rounds(run, 1) == (
        MarketRound("practice", 1, Decimal(15), 2, None, Decimal("0.4")),
        MarketRound("paid", 1, Decimal("14.5"), 3, Decimal(14), Decimal("0.4")),
        MarketRound("paid", 2, None, 0, Decimal(14), Decimal("0.4")),
    )


def test_a_trader_is_told_by_its_orders_failures_and_end() -> None:
    def place(ref: str, *, accepted: bool) -> list[Event]:
        return [
            ActSent(
                at=NOW,
                seat=1,
                act="live",
                page="trade",
                location="/p",
                round=1,
                ref=ref,
                content={"type": "place"},
            ),
            ActAnswered(at=NOW, seat=1, ref=ref, accepted=accepted),
        ]

    decision = {"at": NOW, "seat": 1, "decision": "d", "page": "trade", "round": 1, "seconds": 0.1}
    (result,) = trader_results(
        [
            SeatOpened(at=NOW, seat=1, participant="abc", trader="gpt-4o", seed=1),
            *place("a", accepted=True),
            *place("b", accepted=False),
            DecisionNotMade(**decision, kind=FailureKind.TIMEOUT, reason="late"),
            DecisionMade(**decision, by="hold", fallback=True, content=Decision()),
            PageMissed(at=NOW, seat=1, page="results", round=1, reason="gone"),
            SeatEnded(at=NOW, seat=1, outcome=SeatOutcome.TIMED_OUT),
        ]
    )

    assert (result.orders, result.refused, result.fallbacks, result.missed) == (1, 1, 1, 1)
    assert (result.trader, result.outcome, result.payoff) == ("gpt-4o", "timed-out", None)


@pytest.mark.parametrize("paid", [1, 3])
def test_the_figure_is_written_in_three_formats_and_the_same_run_gives_the_same_file(
    tmp_path: Path, paid: int
) -> None:
    run = read_run(
        play_run(tmp_path / "run-1", ["zero-intelligence"] * 4, practice_rounds=0, paid_rounds=paid)
    )
    files = price_and_volume(run, tmp_path)
    first = [file.read_bytes() for file in files]

    assert [file.name for file in files] == [f"price-and-volume.{kind}" for kind in ("png", "svg", "pdf")]
    assert all(len(content) > 1000 for content in first)
    assert first == [file.read_bytes() for file in price_and_volume(run, tmp_path)]
