"""What periods of induced values and costs earned their traders, and how near trades came to equilibrium."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bots.analysis.people import LivedRound, people_of
from bots.analysis.played import PlayedRun, RoundKey
from bots.domain.market import OwnRound, Units
from markets.induced import InducedSchedule, equilibrium, maximum_surplus, realised_surplus
from markets.orders import Side


@dataclass(frozen=True, slots=True)
class PeriodGains:
    """One finished period.

    Attributes:
        units: traded.
        realised, possible: surplus of all traders together, cash.
        price: of the competitive equilibrium, the middle where there are several, cash a unit.
        spread: mean of (trade price - `price`)² over units traded, cash²; None where nothing traded.
    """

    key: RoundKey
    units: int
    realised: Fraction
    possible: Fraction
    price: Fraction
    spread: Fraction | None

    @property
    def efficiency(self) -> float:
        """Allocative efficiency, a share of what could be earned."""
        return float(self.realised / self.possible)

    @property
    def alpha(self) -> float | None:
        """Smith's α, percent of the equilibrium price; None where nothing traded, or that price is 0."""
        if self.spread is None or not self.price:
            return None
        return 100 * math.sqrt(self.spread) / float(self.price)


@dataclass(frozen=True, slots=True)
class _Dealer:
    """Somebody with units: what they are worth to it, and how many it traded in each finished period."""

    units: Units
    traded: Mapping[RoundKey, int]


def _dealers(run: PlayedRun, market: int) -> tuple[_Dealer, ...]:
    """Return everybody in a market, people as oTree's tables tell; none where somebody is not known."""
    known = [
        *(_dealer(seat.units, seat.own) for seat in run.seats_of(market) if seat.units),
        *(
            _dealer(one.units, {lived.key: lived for lived in one.rounds})
            for one in people_of(run)
            if one.market == market and one.units
        ),
    ]
    return tuple(known) if run.rules is not None and len(known) == run.rules.traders else ()


def _dealer(units: Units, rounds: Mapping[RoundKey, OwnRound | LivedRound]) -> _Dealer:
    buys = units.side is Side.BUY
    return _Dealer(units, {key: own.bought if buys else own.sold for key, own in rounds.items()})


def _schedule(dealers: Sequence[_Dealer]) -> InducedSchedule:
    def of(side: Side) -> dict[int, tuple[Fraction, ...]]:
        return {
            number: tuple(map(Fraction, one.units.worth))
            for number, one in enumerate(dealers)
            if one.units.side is side
        }

    return InducedSchedule(of(Side.BUY), of(Side.SELL))


def equilibrium_price(run: PlayedRun, market: int) -> float | None:
    """Return the price of the competitive equilibrium, the middle where there are several, cash a unit.

    None where units have no values and costs, somebody's are not known, or nothing can trade.
    """
    dealers = _dealers(run, market)
    balance = equilibrium(_schedule(dealers)) if dealers else None
    return float((balance.lowest + balance.highest) / 2) if balance else None


def worth_of_units(run: PlayedRun, market: int) -> tuple[list[float], list[float]]:
    """Return the values and the costs of all units of a market, cash each; none where some are not known."""
    dealers = _dealers(run, market)
    values, costs = (
        [float(worth) for one in dealers if one.units.side is side for worth in one.units.worth]
        for side in (Side.BUY, Side.SELL)
    )
    return values, costs


def period_gains(run: PlayedRun, market: int) -> tuple[PeriodGains, ...]:
    """Return a market's finished periods in order; none where nothing is known or can be earned."""
    dealers = _dealers(run, market)
    schedule = _schedule(dealers) if dealers else None
    balance = equilibrium(schedule) if schedule else None
    if schedule is None or balance is None or not (possible := maximum_surplus(schedule)):
        return ()
    price = (balance.lowest + balance.highest) / 2
    found = []
    for key in run.history(market):
        trades = _trades(run, market, key)
        if trades is not None and all(key in one.traded for one in dealers):
            units = sum(quantity for _, quantity in trades)
            squares = sum((quantity * (at - price) ** 2 for at, quantity in trades), Fraction(0))
            realised = realised_surplus(
                schedule, {number: one.traded[key] for number, one in enumerate(dealers)}
            )
            found.append(
                PeriodGains(key, units, realised, possible, price, squares / units if units else None)
            )
    return tuple(found)


def _trades(run: PlayedRun, market: int, key: RoundKey) -> list[tuple[Fraction, int]] | None:
    """Return price and quantity of each trade of a period; None where nobody told them."""
    told = next((seat.periods[key] for seat in run.seats_of(market) if key in seat.periods), None)
    if told is not None:
        return [(Fraction(trade.price), trade.quantity) for trade in told.trades]
    if run.otree is None:
        return None
    rows = run.otree.trades_in(market, run.overall(key))
    return [(Fraction(row["price"]), int(row["quantity"])) for row in rows]
