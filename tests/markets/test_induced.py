"""Induced values and costs: what trading can earn, what it did earn, and who earns it without thinking."""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.induced import (
    Equilibrium,
    InducedSchedule,
    equilibrium,
    maximum_surplus,
    realised_surplus,
)
from tests.markets.zero_intelligence import drawn_schedule, efficiency

Lists = Mapping[int, list[int]]


def schedule(values: Lists, costs: Lists) -> InducedSchedule:
    return InducedSchedule(
        {trader: tuple(map(Fraction, units)) for trader, units in values.items()},
        {trader: tuple(map(Fraction, units)) for trader, units in costs.items()},
    )


SMALL = schedule({1: [10, 6], 2: [8]}, {3: [3, 7], 4: [5]})

unit_lists = st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=2)


@st.composite
def schedules(draw: st.DrawFn) -> InducedSchedule:
    values, costs = draw(unit_lists), draw(unit_lists)
    return schedule(
        {trader: sorted(units, reverse=True) for trader, units in enumerate(values)},
        {trader: sorted(units) for trader, units in enumerate(costs, start=10)},
    )


def test_the_most_that_can_be_earned_pairs_high_values_with_low_costs() -> None:
    assert maximum_surplus(SMALL) == (10 - 3) + (8 - 5)
    assert equilibrium(SMALL) == Equilibrium(2, Fraction(6), Fraction(7))


def test_also_the_smallest_gain_is_surplus() -> None:
    assert maximum_surplus(schedule({1: [7, 6, 5]}, {2: [5, 5, 5]})) == 2 + 1
    third = InducedSchedule({1: (Fraction(10, 3),)}, {2: (Fraction(3),)})
    assert maximum_surplus(third) == Fraction(1, 3)


def test_surplus_counts_units_in_the_sequence_of_the_list() -> None:
    assert realised_surplus(SMALL, {}) == 0
    assert realised_surplus(SMALL, {1: 1, 3: 1}) == 10 - 3
    assert realised_surplus(SMALL, {1: 2, 3: 2}) == 10 + 6 - 3 - 7
    assert realised_surplus(SMALL, {1: 1, 2: 1, 3: 1, 4: 1}) == maximum_surplus(SMALL)


def test_units_traded_at_a_loss_lower_the_surplus() -> None:
    loss = schedule({1: [4]}, {2: [9]})
    assert realised_surplus(loss, {1: 1, 2: 1}) == -5


def test_where_nothing_can_be_gained_there_is_no_price() -> None:
    loss = schedule({1: [4]}, {2: [9]})
    assert maximum_surplus(loss) == 0
    assert equilibrium(loss) is None


def test_trades_that_the_schedule_does_not_allow_are_told() -> None:
    with pytest.raises(ValueError, match="Trader 2 has 1 units and traded 2"):
        realised_surplus(SMALL, {2: 2, 3: 2})
    with pytest.raises(KeyError, match="trader 9"):
        realised_surplus(SMALL, {1: 1, 9: 1})


@pytest.mark.parametrize(
    ("values", "costs", "told"),
    [
        ({1: [5, 6]}, {}, "values must not rise"),
        ({}, {1: [6, 5]}, "costs must not fall"),
        ({1: [5]}, {1: [5]}, "both values and costs"),
        ({1: [5, -1]}, {}, "at least 0"),
    ],
)
def test_a_schedule_that_makes_no_sense_cannot_be_built(values: Lists, costs: Lists, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        schedule(values, costs)


@given(schedules())
def test_maximum_surplus_is_the_best_of_all_ways_to_trade(one: InducedSchedule) -> None:
    """Brute force: every set of values with every set of costs of the same size."""
    values = [value for units in one.values.values() for value in units]
    costs = [cost for units in one.costs.values() for cost in units]
    best = max(
        sum(bought) - sum(sold)
        for size in range(min(len(values), len(costs)) + 1)
        for bought in combinations(values, size)
        for sold in combinations(costs, size)
    )
    assert maximum_surplus(one) == best


@given(schedules())
def test_at_the_equilibrium_price_as_much_is_wanted_as_is_offered(one: InducedSchedule) -> None:
    found = equilibrium(one)
    values = [value for units in one.values.values() for value in units]
    costs = [cost for units in one.costs.values() for cost in units]
    if found is None:
        assert not any(value >= cost for value in values for cost in costs)
        return
    assert found.lowest <= found.highest
    for price in (found.lowest, found.highest, (found.lowest + found.highest) / 2):
        assert (
            sum(value > price for value in values)
            <= found.quantity
            <= sum(value >= price for value in values)
        )
        assert sum(cost < price for cost in costs) <= found.quantity <= sum(cost <= price for cost in costs)


def test_zero_intelligence_with_a_budget_earns_nearly_all_there_is_and_without_one_much_less() -> None:
    constrained, unconstrained = [], []
    for seed in range(100):
        generator = random.Random(seed)
        market = drawn_schedule(generator)
        constrained.append(efficiency(market, generator, constrained=True, steps=1000))
        unconstrained.append(efficiency(market, generator, constrained=False, steps=1000))
    assert sum(constrained) / 100 > Fraction("0.97")
    assert sum(unconstrained) / 100 < Fraction("0.85")
    assert sum(one > other for one, other in zip(constrained, unconstrained, strict=True)) >= 95
