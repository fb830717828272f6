from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress  # type: ignore[import-untyped]

from bots.analysis.inference import holm, imbalance_regression, permutation_test, pool
from bots.analysis.panel import Measured


def measured(*values: float) -> Measured:
    return Measured(np.array(values), tuple("why" if math.isnan(one) else "" for one in values))


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    values = {"rad": measured(*np.random.default_rng(3).normal(2, 1, 12))}
    assert pool(values, seed=5) == pool(values, seed=5)
    assert pool(values, seed=5)["rad"].low != pool(values, seed=6)["rad"].low


def test_interval_of_the_mean_is_near_the_one_of_theory() -> None:
    draws = np.random.default_rng(3).normal(10, 2, 400)
    one = pool({"x": measured(*draws)})["x"]
    half = 1.96 * draws.std() / math.sqrt(400)
    assert one.mean == pytest.approx(draws.mean())
    assert one.low == pytest.approx(draws.mean() - half, abs=0.03)
    assert one.high == pytest.approx(draws.mean() + half, abs=0.03)


def test_markets_without_a_value_are_left_out_and_counted() -> None:
    pooled = pool({"a": measured(1, math.nan, 3), "b": measured(1, 2, 3)})
    assert (pooled["a"].mean, pooled["a"].markets) == (2, 2)
    assert (pooled["b"].mean, pooled["b"].markets) == (2, 3)


def test_one_market_has_a_mean_and_no_interval_and_none_has_neither() -> None:
    pooled = pool({"a": measured(1.5), "b": measured(math.nan)})
    assert (pooled["a"].mean, math.isnan(pooled["a"].low)) == (1.5, True)
    assert "no interval" in pooled["a"].reason
    assert (math.isnan(pooled["b"].mean), pooled["b"].reason) == (True, "why")


def test_permutation_test_is_exact_and_derived_by_hand() -> None:
    # 3 + 3 markets, wholly apart: of the 20 splits only this one and its mirror are as extreme
    outcome = permutation_test(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]))
    assert (outcome.difference, outcome.exact, outcome.splits) == (-3, True, 20)
    assert outcome.p == pytest.approx(2 / 20)


@given(
    first=st.lists(st.integers(-5, 5), min_size=2, max_size=6),
    second=st.lists(st.integers(-5, 5), min_size=2, max_size=6),
)
def test_exact_permutation_test_counts_every_split_once(first: list[int], second: list[int]) -> None:
    every, total = [Fraction(one) for one in first + second], sum(first + second)
    size, seen = len(first), Fraction(sum(first), len(first)) - Fraction(sum(second), len(second))
    splits = [sum(one) for one in combinations(every, size)]
    differences = [one / size - (total - one) / (len(every) - size) for one in splits]
    tails = (
        sum(one >= seen for one in differences),
        sum(one <= seen for one in differences),
    )

    outcome = permutation_test(np.array(first, float), np.array(second, float))

    assert (outcome.exact, outcome.splits) == (True, len(splits))
    assert outcome.p == pytest.approx(min(1.0, 2 * min(tails) / len(splits)))


def test_permutation_test_beyond_what_can_be_counted_says_so() -> None:
    draw = np.random.default_rng(1)
    outcome = permutation_test(draw.normal(0, 1, 20), draw.normal(3, 1, 20))
    assert (outcome.exact, outcome.splits) == (False, 200_000)
    assert 0 < outcome.p < 0.001


def test_a_group_without_markets_has_no_p() -> None:
    assert math.isnan(permutation_test(np.array([1.0]), np.array([math.nan])).p)
    assert permutation_test(np.array([1.0]), np.array([2.0])).reason == "too few values"


def test_holm_is_derived_by_hand() -> None:
    # in order 0.01 · 3, then max(0.03, 0.02 · 2), then max(0.04, 0.9)
    assert holm(np.array([0.02, 0.01, math.nan, 0.9])).tolist() == pytest.approx(
        [0.04, 0.03, math.nan, 0.9], nan_ok=True
    )


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_makes_a_p_smaller(ps: list[float]) -> None:
    adjusted = holm(np.array(ps))
    assert (adjusted >= np.array(ps)).all()
    assert (adjusted <= 1).all()


def test_imbalance_regression_finds_the_line_prices_were_made_from() -> None:
    bids, offers = np.array([3.0, 1, 4, 1, 5, 9]), np.array([2.0, 2, 2, 2, 2, 2])
    prices = np.concatenate([[14.0], 14 + np.cumsum(0.5 + 0.25 * (bids - offers)[:-1])])
    found = imbalance_regression(prices, bids - offers)
    assert [found.alpha, found.beta] == pytest.approx([0.5, 0.25])
    assert found.r2 == pytest.approx(1)
    assert found.observations == 5


def test_imbalance_regression_is_least_squares_with_the_t_test_of_its_slope() -> None:
    draw = np.random.default_rng(5)
    excess, prices = draw.normal(0, 3, 31), np.cumsum(draw.normal(0, 1, 31))
    found, least = imbalance_regression(prices, excess), linregress(excess[:-1], np.diff(prices))
    told = (found.alpha, found.beta, found.standard_error, found.p, found.r2)
    same = (least.intercept, least.slope, least.stderr, least.pvalue, least.rvalue**2)
    assert told == pytest.approx(same, rel=1e-9)


def test_imbalance_regression_counts_no_change_from_one_market_of_a_row_to_the_next() -> None:
    excess, prices = np.array([1.0, -1, 2, 3, -2, 1]), np.array([14.0, 15, 14, 90, 93, 91])
    found = imbalance_regression(prices, excess, market_rounds=3)
    assert [found.alpha, found.beta] == pytest.approx([0, 1])
    assert found.observations == 4


def test_imbalance_regression_says_why_it_is_not_defined() -> None:
    flat = np.ones(5)
    assert imbalance_regression(flat[:2], flat[:2]).reason == "fewer than three changes of price"
    assert imbalance_regression(flat, flat).reason == "excess bids do not vary"
