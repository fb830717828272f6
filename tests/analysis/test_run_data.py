from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from bots.analysis.figures import price_and_volume
from bots.analysis.run_data import MarketRound, market_rounds, trader_results
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
from tests.market_pages import view

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def seen(shown: MarketView, seat: int = 1) -> PageSeen:
    return PageSeen(at=NOW, seat=seat, page=shown.page, kind="market", location="/p/x", view=shown)


def past(number: int, price: str | None, volume: int, *, practice: bool = False) -> PublicRound:
    phase: Phase = "practice" if practice else "paid"
    amount = None if price is None else Fraction(price)
    return PublicRound(phase, number, amount, volume, Fraction(2, 5))


def test_market_rounds_join_what_the_pages_of_all_bots_say() -> None:
    events = [
        seen(view("results", 1, (past(1, "15", 2, practice=True),))),
        seen(view("results", 2, (past(1, "14.5", 3),)), seat=2),
        seen(view("results", 3, (past(1, "14.5", 3), past(2, None, 0)))),
    ]

    assert market_rounds(events) == (
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


def rounds() -> list[MarketRound]:
    practice = [MarketRound("practice", n, Decimal("13.8"), 2, None, Decimal(1)) for n in (1, 2)]
    prices = ["14.2", "15.1", None, "14.975", "13.9"]
    paid = [
        MarketRound(
            "paid", n, None if p is None else Decimal(p), 0 if n == 3 else n, Decimal(14), Decimal("0.4")
        )
        for n, p in enumerate(prices, start=1)
    ]
    return [*practice, *paid]


def test_the_figure_is_written_in_three_formats_and_the_same_run_gives_the_same_file(tmp_path: Path) -> None:
    files = price_and_volume(rounds(), tmp_path)
    first = [file.read_bytes() for file in files]

    assert [file.name for file in files] == [f"price-and-volume.{kind}" for kind in ("png", "svg", "pdf")]
    assert first == [file.read_bytes() for file in price_and_volume(rounds(), tmp_path)]


def test_one_round_alone_can_be_drawn(tmp_path: Path) -> None:
    assert all(file.stat().st_size > 1000 for file in price_and_volume(rounds()[:1], tmp_path))
