"""Inference with the market as its unit: bootstrap over markets, permutation tests between treatments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from bots.analysis.panel import Floats, Measured

CONFIDENCE = 0.95
RESAMPLES = 2000
SEED = 1
_AT_ONCE = 100  # resamples held in memory together
_MOST_EXACT = 200_000  # splits of the markets that are enumerated


@dataclass(frozen=True, slots=True)
class Pooled:
    """A measure's mean over markets with its interval.

    Attributes:
        mean: over the markets in which the measure is defined; NaN where it is defined in none.
        low, high: percentile bootstrap interval of the mean; NaN with fewer than two such markets.
        markets: in which the measure is defined.
        reason: why there is no mean or no interval.
    """

    mean: float
    low: float
    high: float
    markets: int
    reason: str = ""


def pool(
    results: Mapping[str, Measured], *, resamples: int = RESAMPLES, seed: int = SEED
) -> dict[str, Pooled]:
    """Return each measure's mean over markets with a 95 % percentile bootstrap interval.

    Markets are drawn with replacement, whole and for all measures together, so that measures stay comparable;
    a resample's mean is taken over the markets in which a measure is defined.

    Args:
        results: by measure; all of the same m >= 1 markets.
        seed: the same seed gives the same intervals.

    Source: Efron (1979), percentile method; resampling with the generator PCG64.
    """
    if not results:
        return {}
    values = np.stack([one.values for one in results.values()], axis=1)
    defined = ~np.isnan(values)
    means = _bootstrap_means(np.nan_to_num(values), defined.astype(np.float64), resamples, seed)
    return {
        name: _pooled(values[defined[:, column], column], means[:, column], one)
        for column, (name, one) in enumerate(results.items())
    }


def _bootstrap_means(values: Floats, defined: Floats, resamples: int, seed: int) -> Floats:
    """Return the mean of each measure in each resample, shape (resamples, measures)."""
    markets, generator = len(values), np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start)
        draws = generator.integers(0, markets, (size, markets))
        flat = (draws + np.arange(size)[:, None] * markets).ravel()
        counts = np.bincount(flat, minlength=size * markets).reshape(size, markets).astype(np.float64)
        with np.errstate(all="ignore"):
            parts.append((counts @ values) / (counts @ defined))
    return np.concatenate(parts)


def _pooled(values: Floats, means: Floats, one: Measured) -> Pooled:
    if len(values) == 0:
        return Pooled(np.nan, np.nan, np.nan, 0, next(iter(one.reasons), "no market"))
    if len(values) == 1:
        return Pooled(float(values[0]), np.nan, np.nan, 1, "one market has no interval")
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(means, [tail, 100 - tail])
    return Pooled(float(values.mean()), float(low), float(high), len(values))


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison of two groups of markets.

    Attributes:
        difference: mean of the first less mean of the second; NaN where a group is empty.
        p: two-sided, of the difference of means under random labels; NaN where not defined.
        exact: whether every split was counted; otherwise `resamples` random ones were.
        splits: how many were counted.
        reason: why there is no p.
    """

    difference: float
    p: float
    exact: bool
    splits: int
    reason: str = ""


def permutation_test(first: Floats, second: Floats, *, seed: int = SEED) -> Difference:
    """Compare two groups of markets, or of traders of one market, by their difference of means.

    A two-sided permutation test: all splits are counted up to 200,000 of them; beyond, as many random ones.

    Args:
        first, second: one value a market or trader; NaN is left out.

    Source: Fisher (1935), Pitman (1937); random splits are drawn by scipy.stats.permutation_test.
    """
    xs, ys = first[~np.isnan(first)], second[~np.isnan(second)]
    if not len(xs) or not len(ys):
        return Difference(np.nan, np.nan, exact=True, splits=0, reason="a group has no market with a value")
    difference = float(xs.mean() - ys.mean())
    splits = comb(len(xs) + len(ys), len(xs))
    if splits < 2 or len(xs) + len(ys) < 3:
        return Difference(difference, np.nan, exact=True, splits=splits, reason="too few values")
    if splits <= _MOST_EXACT:
        return Difference(difference, _exact_p(xs, ys), exact=True, splits=splits)
    from scipy.stats import permutation_test as test  # type: ignore[import-untyped]

    outcome = test(
        (xs, ys),
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=_MOST_EXACT,
        batch=20_000,
        rng=np.random.default_rng(seed),
    )
    return Difference(difference, float(outcome.pvalue), exact=False, splits=_MOST_EXACT)


def _exact_p(xs: Floats, ys: Floats) -> float:
    """Return the two-sided p over all splits; what rounding alone tells apart counts as equal."""
    every, small = np.concatenate([xs, ys]), min(len(xs), len(ys))
    sums = every[_choices(len(every), small)].sum(axis=1)
    differences = sums / small - (every.sum() - sums) / (len(every) - small)
    if small < len(xs):
        differences = -differences
    seen, near = xs.mean() - ys.mean(), 1e-12 * np.abs(every).max()
    tails = np.mean(differences >= seen - near), np.mean(differences <= seen + near)
    return float(min(1.0, 2 * min(tails)))


@lru_cache(maxsize=4)
def _choices(markets: int, small: int) -> NDArray[np.uint32]:
    """Return which `small` of the markets are one group in each split, shape (splits, small)."""
    chosen = chain.from_iterable(combinations(range(markets), small))
    return np.fromiter(chosen, np.uint32, comb(markets, small) * small).reshape(-1, small)


def paired_permutation_test(differences: Floats, *, seed: int = SEED) -> Difference:
    """Test by a two-sided permutation test of signs whether differences of pairs are 0 on average.

    All 2^n assignments of signs are counted up to 200,000 of them; beyond, as many random ones.

    Args:
        differences: one a market; NaN is left out.

    Source: Fisher (1935); computed by scipy.stats.permutation_test.
    """
    known = differences[~np.isnan(differences)]
    if not len(known):
        return Difference(np.nan, np.nan, exact=True, splits=0, reason="no market has both")
    mean, splits = float(known.mean()), 2 ** len(known)
    if len(known) < 2:
        return Difference(mean, np.nan, exact=True, splits=splits, reason="too few markets")
    from scipy.stats import permutation_test as test

    exact = splits <= _MOST_EXACT
    outcome = test(
        (known,),
        lambda values, axis: np.mean(values, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_MOST_EXACT,
        batch=20_000,
        rng=np.random.default_rng(seed),
    )
    return Difference(mean, float(outcome.pvalue), exact, splits if exact else _MOST_EXACT)


@dataclass(frozen=True, slots=True)
class Effect:
    """How large a difference between two groups of markets is, with 95 % percentile bootstrap intervals.

    Attributes:
        low, high: of the difference of means; NaN where a group has fewer than two markets.
        g: Hedges' g, the difference in standard deviations within groups, corrected for small groups; NaN
            where there is no spread.
        g_low, g_high: of g.
    """

    low: float
    high: float
    g: float
    g_low: float
    g_high: float


def effect(first: Floats, second: Floats, *, resamples: int = RESAMPLES, seed: int = SEED) -> Effect:
    """Return the size of the difference, first less second; markets are drawn with replacement in each group.

    Args:
        first, second: one value a market; NaN is left out.

    Source: Hedges (1981); Efron (1979), percentile method.
    """
    xs, ys = first[~np.isnan(first)], second[~np.isnan(second)]
    if min(len(xs), len(ys)) < 2:
        return Effect(*[np.nan] * 5)
    draw = np.random.default_rng(seed)
    drawn = [draw.choice(group, (resamples, len(group))) for group in (xs, ys)]
    differences = drawn[0].mean(axis=1) - drawn[1].mean(axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(differences, [tail, 100 - tail])
    g = float(_hedges(xs[None], ys[None])[0])
    known = (gs := _hedges(*drawn))[~np.isnan(gs)]
    g_low, g_high = np.percentile(known, [tail, 100 - tail]) if len(known) else (np.nan, np.nan)
    return Effect(float(low), float(high), g, float(g_low), float(g_high))


def _hedges(first: Floats, second: Floats) -> Floats:
    """Return Hedges' g of each row of samples."""
    n, m = first.shape[1], second.shape[1]
    squares = (n - 1) * first.var(axis=1, ddof=1) + (m - 1) * second.var(axis=1, ddof=1)
    spread = np.sqrt(squares / (n + m - 2))
    with np.errstate(all="ignore"):
        g = (first.mean(axis=1) - second.mean(axis=1)) / np.where(spread > 0, spread, np.nan)
    return np.asarray(g * (1 - 3 / (4 * (n + m) - 9)), dtype=np.float64)


def holm(ps: Floats) -> Floats:
    """Return p-values adjusted for testing all of `ps`, NaN kept; never smaller than before.

    Source: Holm (1979).
    """
    adjusted = np.full(len(ps), np.nan)
    known = np.flatnonzero(~np.isnan(ps))
    worst = 0.0
    for rank, index in enumerate(known[np.argsort(ps[known], kind="stable")]):
        worst = max(worst, min(1.0, float(ps[index]) * (len(known) - rank)))
        adjusted[index] = worst
    return adjusted


@dataclass(frozen=True, slots=True)
class Regression:
    """ΔP_t = α + β x_{t-1} + ε by least squares.

    Attributes:
        standard_error: of β, classical.
        p: two-sided, of β = 0.
        observations: pairs used.
        reason: why it is not defined.
    """

    alpha: float
    beta: float
    standard_error: float
    p: float
    r2: float
    observations: int
    reason: str = ""


def imbalance_regression(prices: Floats, excess: Floats, *, market_rounds: int | None = None) -> Regression:
    """Regress the change of price on the excess bids of the round before.

    ΔP_t = α + β (B_{t-1} - O_{t-1}) + ε; β in cash per share for each excess bid.

    Args:
        prices: by round; NaN where not known.
        excess: bids less offers by round, as many; as counted by the caller: numbers of orders in the
            source, or shares.
        market_rounds: of each of several markets in a row; from one to the next no change is counted.

    Source: Smith, Suchanek, Williams (1988).
    """
    change, before = np.diff(prices), excess[:-1]
    if market_rounds:
        change[market_rounds - 1 :: market_rounds] = np.nan
    known = ~np.isnan(change) & ~np.isnan(before)
    xs, ys = before[known], change[known]
    if len(xs) < 3:
        return _no_regression(len(xs), "fewer than three changes of price")
    if np.ptp(xs) == 0:
        return _no_regression(len(xs), "excess bids do not vary")
    x, y = xs - xs.mean(), ys - ys.mean()
    beta = float(x @ y / (x @ x))
    left, freedom = float(((y - beta * x) ** 2).sum()), len(xs) - 2
    error = math.sqrt(left / freedom / float(x @ x))
    r2 = 1 - left / float(y @ y) if np.ptp(ys) > 0 else np.nan
    alpha = float(ys.mean() - beta * xs.mean())
    return Regression(alpha, beta, error, _p_of_t(beta, error, freedom), r2, len(xs))


def _p_of_t(value: float, error: float, freedom: int) -> float:
    """Return the two-sided p-value of `value` = 0 where its standard error is `error`; Student (1908)."""
    from scipy.special import stdtr  # type: ignore[import-untyped]

    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(value / error)))


def _no_regression(observations: int, reason: str) -> Regression:
    return Regression(np.nan, np.nan, np.nan, np.nan, np.nan, observations, reason)
