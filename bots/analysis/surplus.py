"""What periods of induced values and costs earned their traders, and how near trades came to equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from bots.analysis.panel import Gains
from bots.analysis.played import PlayedRun, PlayedSeat, RoundKey
from markets.induced import InducedSchedule, earnings, equilibrium, maximum_surplus
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
        """Smith's α, percent of the equilibrium price; None where nothing traded."""
        return None if self.spread is None else 100 * float(self.spread) ** 0.5 / float(self.price)


def schedule_of(run: PlayedRun, market: int) -> InducedSchedule | None:
    """Return a market's values and costs by seat; None where there are none, or somebody's are not known."""
    seats = run.seats_of(market)
    units = {seat.record.seat: seat.units for seat in seats if seat.units}
    if run.rules is None or not len(units) == len(seats) == run.rules.traders:
        return None

    def of(side: Side) -> dict[int, tuple[Fraction, ...]]:
        return {seat: tuple(map(Fraction, one.worth)) for seat, one in units.items() if one.side is side}

    return InducedSchedule(of(Side.BUY), of(Side.SELL))


def period_gains(run: PlayedRun, market: int) -> tuple[PeriodGains, ...]:
    """Return a market's finished periods in order; none where nothing is known or can be earned."""
    schedule = schedule_of(run, market)
    balance = equilibrium(schedule) if schedule else None
    if schedule is None or balance is None or not (possible := maximum_surplus(schedule)):
        return ()
    price = (balance.lowest + balance.highest) / 2
    seats, found = run.seats_of(market), []
    for key in run.history(market):
        period = next((seat.periods[key] for seat in seats if key in seat.periods), None)
        if period is not None and all(key in seat.own for seat in seats):
            units = sum(trade.quantity for trade in period.trades)
            squares = sum(
                (trade.quantity * (Fraction(trade.price) - price) ** 2 for trade in period.trades),
                Fraction(0),
            )
            realised = sum((_earned(schedule, seat, key) for seat in seats), Fraction(0))
            found.append(
                PeriodGains(key, units, realised, possible, price, squares / units if units else None)
            )
    return tuple(found)


def _earned(schedule: InducedSchedule, seat: PlayedSeat, key: RoundKey) -> Fraction:
    """Return the worth of the units a trader traded; what they cost goes from trader to trader."""
    number, own = seat.record.seat, seat.own[key]
    units = own.bought if schedule.side(number) is Side.BUY else own.sold
    return earnings(schedule, number, units, Fraction(0))


def gains_of(markets: Sequence[tuple[PlayedRun, int, int]]) -> Gains:
    """Return the gains of each (run, market, paid markets before it in a row), over paid periods."""
    return Gains(
        *(np.array(column, dtype=np.float64) for column in zip(*map(_of_market, markets), strict=True))
    )


def _of_market(where: tuple[PlayedRun, int, int]) -> tuple[float, float, float, float]:
    run, market, again = where
    rounds = run.rules.paid_rounds if run.rules else 0
    paid = [
        one
        for one in period_gains(run, market)
        if one.key[0] == "paid" and again * rounds < one.key[1] <= (again + 1) * rounds
    ]
    if not paid:
        return (np.nan,) * 4
    units = sum(one.units for one in paid)
    squares = sum((one.spread * one.units for one in paid if one.spread is not None), Fraction(0))
    realised, possible = sum(one.realised for one in paid), sum(one.possible for one in paid)
    return float(realised), float(possible), float(paid[0].price), float(squares / units) if units else np.nan
