"""How traders forecast, trade and end up: from the tables of runs, over paid rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bots.analysis.panel import Measure

TYPES = ("fundamental", "momentum", "speculator")


def gini(values: Sequence[float]) -> Measure:
    """Gini coefficient, Σ_i Σ_j |x_i - x_j| / (2 n² mean); from 0 (all alike) to 1 - 1/n."""
    xs = np.asarray(values, dtype=np.float64)
    if not len(xs):
        return Measure(np.nan, "nobody's wealth is known")
    if (xs < 0).any() or not xs.mean() > 0:
        return Measure(np.nan, "wealth is negative, or 0 for everybody")
    differences = np.abs(xs[:, None] - xs[None, :]).sum()
    return Measure(float(differences / (2 * len(xs) ** 2 * xs.mean())))


def entropy(counts: Sequence[int]) -> Measure:
    """Entropy of choices, -Σ p log2 p; bits, from 0 (always the same) to log2 of the kinds."""
    total = sum(counts)
    if not total:
        return Measure(np.nan, "no round")
    shares = np.array([count / total for count in counts if count])
    return Measure(float(abs(-(shares * np.log2(shares)).sum())))


@dataclass(frozen=True, slots=True)
class ForecastAccuracy:
    """Forecasts of one horizon.

    Attributes:
        count: forecasts whose price is known.
        mae, rmse, bias: of forecast - price, in the unit of the price.
        hit_rate: share within the session's tolerance.
        disagreement: standard deviation over traders (n - 1), mean over rounds with two or more.
    """

    horizon: int
    count: int
    mae: float
    rmse: float
    bias: float
    hit_rate: float
    disagreement: float


def forecast_accuracy(forecasts: pl.DataFrame) -> tuple[ForecastAccuracy, ...]:
    """Return one entry a horizon from the table `forecasts`, paid rounds alone."""
    paid = forecasts.filter(pl.col("phase") == "paid")
    spread = (
        paid.group_by("run_id", "market", "horizon", "round")
        .agg(pl.col("forecast").std().alias("spread"))
        .group_by("horizon")
        .agg(pl.col("spread").mean())
    )
    scored = (
        paid.filter(pl.col("error").is_not_null())
        .group_by("horizon")
        .agg(
            pl.len().alias("count"),
            pl.col("error").abs().mean().alias("mae"),
            (pl.col("error") ** 2).mean().sqrt().alias("rmse"),
            pl.col("error").mean().alias("bias"),
            pl.col("hit").mean().alias("hit_rate"),
        )
        .join(spread, on="horizon")
        .sort("horizon")
    )
    return tuple(
        ForecastAccuracy(
            horizon=row["horizon"],
            count=row["count"],
            mae=row["mae"],
            rmse=row["rmse"],
            bias=row["bias"],
            hit_rate=row["hit_rate"],
            disagreement=_or_nan(row["spread"]),
        )
        for row in scored.to_dicts()
    )


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one trader traded in paid rounds.

    Attributes:
        bids, offers: orders placed.
        bought, sold: shares.
        spread: own lowest offer - own highest bid, mean over rounds with both, cash per share.
        entropy: of {buy, sell, both, hold} over rounds, bits.
        matches: by type, share of rounds with a trade whose direction the type foretells.
        type: the best match; empty where none is above one half.
    """

    bids: int
    offers: int
    bought: int
    sold: int
    spread: Measure
    entropy: Measure
    matches: Mapping[str, Measure]
    type: str


def behaviour(
    rounds: pl.DataFrame,
    orders: pl.DataFrame,
    forecasts: pl.DataFrame,
    prices: pl.DataFrame,
    *,
    market_rounds: int | None = None,
) -> Behaviour:
    """Describe one trader from its rows of the tables.

    A trader is fundamental where it buys below and sells above the fundamental value, sign(F_t - P_t);
    momentum where it follows the last change, sign(P_{t-1} - P_{t-2}); speculator where it follows its own
    expectation, sign(E[P_{t+1}] - P_t), E being its latest forecast of the next round, else of the nearest
    later one.

    Args:
        rounds, orders, forecasts: `trader_rounds`, `orders` and `forecasts` of the trader.
        prices: `market_rounds` of its market.
        market_rounds: of each of several markets in a row, over whose ends no momentum goes; None for one.

    Source: Haruvy, Noussair (2006) (form from memory).
    """
    rounds, orders, prices = (_paid(one) for one in (rounds, orders, prices))
    placed = orders.filter(pl.col("status") == "placed")
    bids, offers = (placed.filter(pl.col("side") == side) for side in ("buy", "sell"))
    played = rounds["round"].to_list()
    bid_rounds, offer_rounds = set(bids["round"].to_list()), set(offers["round"].to_list())
    kinds = [(number in bid_rounds, number in offer_rounds) for number in played]
    matches = _matches(rounds, _paid(forecasts), prices, market_rounds)
    best = max(TYPES, key=lambda name: matches[name].value if matches[name].defined else -1.0)
    return Behaviour(
        bids=len(bids),
        offers=len(offers),
        bought=int(rounds["bought"].sum()),
        sold=int(rounds["sold"].sum()),
        spread=_own_spread(bids, offers),
        entropy=entropy(
            [kinds.count(kind) for kind in ((True, False), (False, True), (True, True), (False, False))]
        ),
        matches=matches,
        type=best if matches[best].defined and matches[best].value > 0.5 else "",
    )


def _paid(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("phase") == "paid").sort("round")


def _own_spread(bids: pl.DataFrame, offers: pl.DataFrame) -> Measure:
    both = (
        bids.group_by("round")
        .agg(pl.col("limit").max().alias("bid"))
        .join(offers.group_by("round").agg(pl.col("limit").min().alias("offer")), on="round")
    )
    if not len(both):
        return Measure(np.nan, "never bid and offered in one round")
    return Measure(float((both["offer"] - both["bid"]).to_numpy().mean()))


def _matches(
    rounds: pl.DataFrame, forecasts: pl.DataFrame, prices: pl.DataFrame, market_rounds: int | None
) -> dict[str, Measure]:
    price = dict(zip(prices["round"].to_list(), prices["price"].to_list(), strict=True))
    value = dict(zip(prices["round"].to_list(), prices["fundamental"].to_list(), strict=True))
    told: dict[str, list[bool]] = {name: [] for name in TYPES}
    for row in rounds.to_dicts():
        now, direction = row["round"], np.sign(row["bought"] - row["sold"])
        if not direction:
            continue
        begun = (now - 1) % market_rounds if market_rounds else now - 1  # rounds of this market before
        signals = {
            "fundamental": _sign(value.get(now), price.get(now)),
            "momentum": _sign(price.get(now - 1), price.get(now - 2)) if begun >= 2 else 0.0,
            "speculator": _sign(_expected(forecasts, now), price.get(now)),
        }
        for name, signal in signals.items():
            if signal:
                told[name].append(bool(signal == direction))
    return {
        name: Measure(float(np.mean(hits))) if hits else Measure(np.nan, "no trade the type foretells")
        for name, hits in told.items()
    }


def _expected(forecasts: pl.DataFrame, now: int) -> float | None:
    """Return the trader's forecast for the nearest round after `now`, the latest it has given by then."""
    known = forecasts.filter((pl.col("round") <= now) & (pl.col("target_round") > now))
    if not len(known):
        return None
    nearest = known.sort(["target_round", "round"], descending=[False, True])
    return float(nearest["forecast"][0])


def _sign(up: float | None, down: float | None) -> float:
    return 0.0 if up is None or down is None else float(np.sign(up - down))


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
