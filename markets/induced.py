"""Induced values and costs: what the experimenter pays a buyer for a unit, and charges a seller for one.

A buyer who buys her i-th unit at price p earns values[i] - p, a seller who sells his i-th earns p - costs[i].
Each trades units in the sequence of the list, so values never rise and costs never fall. What a market earns
its traders together, the surplus, does not depend on the prices: only on which units trade.

Source: Smith, "An Experimental Study of Competitive Market Behavior", Journal of Political Economy 70 (1962).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from markets.orders import Side

Units = tuple[Fraction, ...]
"""Values or costs of a trader's units, cash each, in the sequence in which they trade."""


@dataclass(frozen=True, slots=True)
class InducedSchedule:
    """Who may buy and who may sell, and what each unit is worth to them; ids are those of the market."""

    values: Mapping[int, Units]
    costs: Mapping[int, Units]

    def __post_init__(self) -> None:
        for trader in self.values.keys() & self.costs.keys():
            raise ValueError(f"Trader {trader} has both values and costs; a trader either buys or sells.")
        for trader, units in (*self.values.items(), *self.costs.items()):
            if any(unit < 0 for unit in units):
                raise ValueError(f"Values and costs must be at least 0; see trader {trader}.")
        for trader, units in self.values.items():
            if any(earlier < later for earlier, later in pairwise(units)):
                raise ValueError(f"A buyer's values must not rise from unit to unit; see trader {trader}.")
        for trader, units in self.costs.items():
            if any(earlier > later for earlier, later in pairwise(units)):
                raise ValueError(f"A seller's costs must not fall from unit to unit; see trader {trader}.")

    def side(self, trader: int) -> Side:
        """Return which way a trader trades; KeyError for somebody whom the schedule does not know."""
        if trader in self.values:
            return Side.BUY
        if trader in self.costs:
            return Side.SELL
        raise KeyError(f"The schedule has neither values nor costs for trader {trader}.")

    def units(self, trader: int) -> Units:
        """Return a trader's values or costs."""
        return (self.values if self.side(trader) is Side.BUY else self.costs)[trader]


@dataclass(frozen=True, slots=True)
class Equilibrium:
    """`quantity` units trade at any price from `lowest` to `highest`, cash a unit."""

    quantity: int
    lowest: Fraction
    highest: Fraction


def maximum_surplus(schedule: InducedSchedule) -> Fraction:
    """Return the most that all traders can earn together, in cash: highest values met by lowest costs."""
    gains = (value - cost for value, cost in _by_merit(schedule))
    return sum((gain for gain in gains if gain > 0), Fraction(0))


def equilibrium(schedule: InducedSchedule) -> Equilibrium | None:
    """Return the competitive equilibrium with all units traded that earn something or cost nothing to trade.

    The price is at least the cost of the last unit traded and the value of the first one not bought, and at
    most the value of the last one traded and the cost of the first one not sold.

    Returns:
        None where no unit can trade: then no price has both a buyer and a seller.
    """
    quantity = sum(1 for value, cost in _by_merit(schedule) if value >= cost)
    if not quantity:
        return None
    values, costs = _merit(schedule)
    return Equilibrium(
        quantity,
        max([costs[quantity - 1], *values[quantity : quantity + 1]]),
        min([values[quantity - 1], *costs[quantity : quantity + 1]]),
    )


def realised_surplus(schedule: InducedSchedule, traded: Mapping[int, int]) -> Fraction:
    """Return what trade has earned all traders together, in cash; negative where units traded at a loss.

    Allocative efficiency is this as a share of `maximum_surplus`. What units cost goes from trader to trader.

    Args:
        traded: units that each trader bought or sold in a period, by trader; who traded none may be left out.

    Raises:
        KeyError: somebody has neither values nor costs.
        ValueError: somebody traded more units than they have.
    """
    return sum((_worth(schedule, trader, units) for trader, units in traded.items()), Fraction(0))


def earnings(schedule: InducedSchedule, trader: int, units: int, cash: Fraction) -> Fraction:
    """Return what one trader has earned in a period; all traders' earnings together are the surplus.

    Args:
        units: how many the trader bought, or sold.
        cash: that it was paid for them; negative where it paid.

    Raises:
        KeyError, ValueError: as `realised_surplus`.
    """
    return _worth(schedule, trader, units) + cash


def _merit(schedule: InducedSchedule) -> tuple[list[Fraction], list[Fraction]]:
    """Return all values from the highest and all costs from the lowest."""
    values = sorted((value for units in schedule.values.values() for value in units), reverse=True)
    return values, sorted(cost for units in schedule.costs.values() for cost in units)


def _by_merit(schedule: InducedSchedule) -> Iterable[tuple[Fraction, Fraction]]:
    return zip(*_merit(schedule), strict=False)


def _worth(schedule: InducedSchedule, trader: int, quantity: int) -> Fraction:
    """Return the values of a trader's first units, or their costs as a negative amount."""
    units = schedule.units(trader)
    if quantity > len(units):
        raise ValueError(f"Trader {trader} has {len(units)} units and traded {quantity}.")
    return sum(units[:quantity], Fraction(0)) * (1 if schedule.side(trader) is Side.BUY else -1)
