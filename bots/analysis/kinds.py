"""Models, strategies and people against each other: by what they gained and how much they traded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from bots.analysis.inference import Difference, holm, paired_permutation_test, permutation_test
from bots.analysis.panel import Floats

OUTCOMES: Mapping[str, str] = {
    "gain": "Final wealth − expected",
    "traded": "Shares traded",
    "error": "Forecast error (MAE)",
    "earned": "Earned by forecasts",
}


@dataclass(frozen=True, slots=True)
class Versus:
    """Two kinds of traders in one outcome; `adjusted` is Holm's p over the pairs of this outcome."""

    outcome: str
    first: str
    second: str
    counts: tuple[int, int]
    difference: Difference
    adjusted: float


def outcomes_of(traders: pl.DataFrame, rounds: pl.DataFrame, forecasts: pl.DataFrame) -> pl.DataFrame:
    """Return one row a trader: who it is, and its `OUTCOMES`; null where not known.

    Args:
        traders, rounds, forecasts: the tables `traders`, `trader_rounds` and `forecasts`.
    """
    who = ["run_id", "market", "participant"]
    paid = pl.col("phase") == "paid"
    shares = pl.col("bought") + pl.col("sold")
    traded = rounds.filter(paid, shares.is_not_null()).group_by(who).agg(shares.sum().alias("traded"))
    error = forecasts.filter(paid).group_by(who).agg(pl.col("error").abs().mean().alias("error"))
    gain = (pl.col("final_wealth") - pl.col("expected_wealth")).alias("gain")
    return (
        traders.select(*who, "trader", "trader_kind", gain, pl.col("forecast_earnings").alias("earned"))
        .join(traded, on=who, how="left", maintain_order="left")
        .join(error, on=who, how="left", maintain_order="left")
        .with_columns(pl.col("traded").cast(pl.Float64))
    )


def compared_within(outcomes: pl.DataFrame) -> tuple[Versus, ...]:
    """Compare the kinds of traders of one market by exact permutation of who is of which kind.

    It tells whether this market's difference could come from seating alone. Traders of one market depend on
    each other, so it says nothing about other markets.
    """

    def compare(one: str, other: str, by: str, outcome: str) -> tuple[tuple[int, int], Difference]:
        first, second = (_values(outcomes.filter(pl.col(by) == name), outcome) for name in (one, other))
        return (len(first), len(second)), permutation_test(first, second)

    return tuple(_all_pairs(outcomes, compare))


def compared_over_markets(outcomes: pl.DataFrame) -> tuple[Versus, ...]:
    """Compare kinds of traders that meet in the same markets, the market as the unit.

    Each market gives one difference of means; they are tested by exact permutation of their signs.
    """

    def compare(one: str, other: str, by: str, outcome: str) -> tuple[tuple[int, int], Difference]:
        means = outcomes.group_by("run_id", "market", by, maintain_order=True).agg(pl.col(outcome).mean())
        pairs = (
            means.filter(pl.col(by) == one)
            .join(means.filter(pl.col(by) == other), on=["run_id", "market"], suffix="_other")
            .drop_nulls([outcome, f"{outcome}_other"])
        )
        difference = (pairs[outcome] - pairs[f"{outcome}_other"]).to_numpy()
        return (len(pairs), len(pairs)), paired_permutation_test(difference)

    return tuple(one for one in _all_pairs(outcomes, compare) if one.counts[0])


_Compare = Callable[[str, str, str, str], tuple[tuple[int, int], Difference]]


def _all_pairs(outcomes: pl.DataFrame, compare: _Compare) -> Iterator[Versus]:
    for outcome in OUTCOMES:
        pairs = [
            (first, second, *compare(first, second, by, outcome)) for by, first, second in _kinds(outcomes)
        ]
        known = [pair for pair in pairs if all(pair[2])]
        adjusted = holm(np.array([pair[3].p for pair in known], dtype=np.float64))
        for (first, second, counts, difference), p in zip(known, adjusted, strict=True):
            yield Versus(OUTCOMES[outcome], first, second, counts, difference, float(p))


def _kinds(outcomes: pl.DataFrame) -> Sequence[tuple[str, str, str]]:
    """Return the pairs to compare: trader by trader, and models, strategies and people where that differs."""
    names = sorted(outcomes["trader"].unique().to_list())
    kinds = sorted(outcomes["trader_kind"].unique().to_list())
    by_kind = [("trader_kind", *pair) for pair in combinations(kinds, 2)] if len(kinds) < len(names) else []
    return [*by_kind, *(("trader", *pair) for pair in combinations(names, 2))]


def _values(outcomes: pl.DataFrame, outcome: str) -> Floats:
    return outcomes[outcome].drop_nulls().to_numpy().astype(np.float64)
