"""From a run's journal: how each trader did, and what follows from the rules its pages told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from bots.analysis.model_use import LEFT_TO_FALLBACK
from bots.domain.market import DividendOutcome, MarketRules, MarketView
from bots.domain.records import (
    ActAnswered,
    ActSent,
    DecisionMade,
    DecisionNotMade,
    Event,
    Journal,
    PageMissed,
    PageSeen,
    SeatEnded,
    SeatOpened,
    parse_journal,
)
from markets.fundamental import fundamental_values
from markets.money import shown

_DECIMALS = 6  # of a fundamental value in tables


def read_journal(folder: Path) -> Journal:
    """Read the journal of a run folder.

    Raises:
        FileNotFoundError: the folder has no journal.
        ValueError: a line is no event; names it.
    """
    return parse_journal((folder / "journal.jsonl").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class TraderResult:
    """How one bot did. Amounts in cash, `payoff` in `currency`; None where the seat did not get that far.

    `forecast_earnings` is None too where the market asks for no forecasts.
    """

    seat: int
    trader: str
    participant: str
    final_wealth: Decimal | None
    forecast_earnings: Decimal | None
    payoff: Decimal | None
    currency: str
    orders: int  # accepted by the server
    refused: int
    fallbacks: int  # decisions that the declared fallback made
    missed: int  # pages
    outcome: str
    undecided: str = ""  # why its last decision failed, where not one of its own was ever made


def rounds_before(view: MarketView) -> int:
    """Return the paid rounds of earlier markets: tables number those of markets in a row through."""
    return (view.round.market - 1) * view.market.paid_rounds if view.round else 0


def _views(events: Iterable[Event]) -> Iterable[MarketView]:
    return (event.view for event in events if isinstance(event, PageSeen) and event.view is not None)


def fundamental_path(rules: MarketRules) -> tuple[Decimal, ...]:
    """Return the fundamental value of each round of a paid market, cash per share, from the public rules."""
    values = fundamental_values(expected_dividends(rules), interest_rates(rules), Fraction(rules.buy_back))
    return tuple(Decimal(shown(value, _DECIMALS)) for value in values)


def expected_dividends(rules: MarketRules) -> list[Fraction]:
    """Return E[d] by round of a paid market, cash per share."""
    return [_expected(rules.dividends_in(number)) for number in range(1, rules.paid_rounds + 1)]


def interest_rates(rules: MarketRules) -> list[Fraction]:
    """Return the interest by round of a paid market; 0.05 is 5 %."""
    return [Fraction(rules.interest_in(number)) for number in range(1, rules.paid_rounds + 1)]


def _expected(dividends: Sequence[DividendOutcome]) -> Fraction:
    weights = sum(outcome.weight for outcome in dividends)
    return sum((Fraction(one.amount) * one.weight for one in dividends), Fraction(0)) / weights


def trader_results(events: Iterable[Event]) -> tuple[TraderResult, ...]:
    """Return one row a seat, by seat number."""
    seats: dict[int, list[Event]] = {}
    for event in events:
        if (seat := getattr(event, "seat", None)) is not None:
            seats.setdefault(seat, []).append(event)
    return tuple(_trader_result(seat, seats[seat]) for seat in sorted(seats))


def _trader_result(seat: int, events: list[Event]) -> TraderResult:
    opened = next(event for event in events if isinstance(event, SeatOpened))
    views = list(_views(events))
    final = next((view.final for view in reversed(views) if view.final and view.final.phase == "paid"), None)
    asks_forecasts = bool(views and views[-1].market.forecast_horizons)
    placed = {
        event.ref for event in events if isinstance(event, ActSent) and event.content.get("type") == "place"
    }
    answers = [event for event in events if isinstance(event, ActAnswered) and event.ref in placed]
    ended = [event for event in events if isinstance(event, SeatEnded)]
    return TraderResult(
        seat=seat,
        trader=opened.trader,
        participant=opened.participant,
        final_wealth=final.final_wealth if final else None,
        forecast_earnings=final.forecast_earnings if final and asks_forecasts else None,
        payoff=final.payoff if final else None,
        currency=views[-1].market.currency if views else "",
        orders=sum(answer.accepted for answer in answers),
        refused=sum(not answer.accepted for answer in answers),
        fallbacks=sum(isinstance(event, DecisionMade) and event.fallback for event in events),
        missed=sum(isinstance(event, PageMissed) for event in events),
        outcome=ended[-1].outcome.value if ended else "running",
        undecided=_undecided(events),
    )


def _undecided(events: Sequence[Event]) -> str:
    """Tell why a trader's last decision failed if all did; what the user limited or paused is no failure."""
    if any(isinstance(event, DecisionMade) and not event.fallback for event in events):
        return ""
    failed = [
        event for event in events if isinstance(event, DecisionNotMade) and event.kind not in LEFT_TO_FALLBACK
    ]
    return f"{failed[-1].kind.value}: {failed[-1].reason}" if failed else ""
