"""People who traded beside the bots, from oTree's tables: those of a market with bots whom no bot played."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bots.analysis.otree_tables import UNITS, OTreeRow, OTreeTables
from bots.analysis.played import PlayedRun, RoundKey
from bots.domain.market import Units
from markets.orders import Side


@dataclass(frozen=True, slots=True)
class LivedRound:
    """What happened to a person in one finished round; cash and shares are those after it.

    Attributes:
        earnings: with induced values and costs.
        forecast_reward: cash that forecasts of the round's price earned.
        payoff: cash that the round pays: in the last one of a market all that it earned; None where untold.
    """

    key: RoundKey
    cash_before: float
    shares_before: int
    bought: int
    sold: int
    interest: float
    dividends: float
    cash: float
    shares: int
    earnings: float | None = None
    forecast_reward: float = 0.0
    payoff: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One participant whom no bot of the run played.

    Attributes:
        rounds: finished ones, in order.
        orders: rows of the server's table of orders, in the order they came.
        forecasts: rows of its table of forecasts; none in a double auction.
        units: with induced values and costs.
    """

    participant: str
    market: int
    rounds: tuple[LivedRound, ...]
    orders: tuple[OTreeRow, ...]
    forecasts: tuple[OTreeRow, ...]
    units: Units | None = None


def people_of(run: PlayedRun) -> tuple[Person, ...]:
    """Return the people of a run in oTree's order; none where the run has no tables of oTree."""
    otree = run.otree
    if otree is None or run.rules is None:
        return ()
    bots = {seat.record.participant for seat in run.seats.values()}
    return tuple(
        _person(run, otree, code, market)
        for code, market in otree.market_of.items()
        if code not in bots and market in run.markets
    )


def _person(run: PlayedRun, otree: OTreeTables, code: str, market: int) -> Person:
    def own(rows: tuple[OTreeRow, ...]) -> tuple[OTreeRow, ...]:
        return tuple(row for row in rows if row["participant"] == code)

    rounds = sorted(own(otree.traders), key=lambda row: int(row["overall"]))
    lived = tuple(_lived(row, key) for row in rounds if (key := run.round_of(int(row["overall"]))))
    units = _units(rounds[0]) if rounds else None
    return Person(code, market, lived, own(otree.orders), own(otree.forecasts), units)


def _units(row: OTreeRow) -> Units | None:
    side, worth = (row.get(column) or "" for column in UNITS)
    return Units(side=Side(side), worth=tuple(map(Decimal, worth.split()))) if side else None


def _lived(row: OTreeRow, key: RoundKey) -> LivedRound:
    return LivedRound(
        key=key,
        cash_before=float(row["cash_before"]),
        shares_before=int(row["shares_before"]),
        bought=int(row["bought"]),
        sold=int(row["sold"]),
        interest=float(row["interest"]),
        dividends=float(row["dividends"]),
        cash=float(row["cash_after"]),
        shares=int(row["shares_after"]),
        earnings=_amount(row.get("earnings")),
        forecast_reward=_amount(row.get("forecast_reward")) or 0.0,
        payoff=_amount(row.get("payoff")),
    )


def _amount(text: str | None) -> float | None:
    return float(text) if text else None
