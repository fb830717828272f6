"""Supply and demand of each round as small SVG pictures, one a round, that flow into rows on any screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import polars as pl

_WIDTH, _HEIGHT, _LEFT, _FOOT = 150.0, 104.0, 2.0, 2.0
BOX = (_WIDTH, _HEIGHT)
"""Size of the pictures."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One round's book as it stood at clearing; of a double auction, all orders that were not taken back.

    Attributes:
        bids, offers: shares drawn.
        demand, supply, clearing: SVG path data in a box of 150 × 104; empty where there is nothing to draw.
    """

    phase: str
    round: int
    price: float | None
    volume: int
    bids: int
    offers: int
    demand: str
    supply: str
    clearing: str


def schedules(prices: pl.DataFrame, orders: pl.DataFrame) -> list[Schedule]:
    """Return the rounds of one market in order, all on the same scale of prices.

    Args:
        prices: `market_rounds` of the market.
        orders: `orders` of the market; those with status placed are drawn.
    """
    books: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for order in orders.filter(pl.col("status") == "placed").to_dicts():
        books.setdefault((order["phase"], order["round"]), []).append(order)
    low, high = _range_of(prices, orders)
    return [
        _schedule(row, books.get((row["phase"], row["round"]), []), low, high)
        for row in prices.sort("overall").to_dicts()
    ]


def _range_of(prices: pl.DataFrame, orders: pl.DataFrame) -> tuple[float, float]:
    """Return the prices shown: those of the rounds and nine tenths of the limits, and a margin."""
    known = [value for value in prices["price"].to_list() if value is not None]
    limits = orders.filter(pl.col("status") == "placed")["limit"]
    for share in (0.05, 0.95):
        value = limits.quantile(share)
        if value is not None and known:
            known.append(min(max(float(value), 0.4 * min(known)), 2.0 * max(known)))
    if not known:
        return 0.0, 1.0
    margin = 0.08 * (max(known) - min(known)) or 0.1 * max(known) or 1.0
    return min(known) - margin, max(known) + margin


def _schedule(row: Mapping[str, Any], book: Sequence[Mapping[str, Any]], low: float, high: float) -> Schedule:
    bids = sorted((o for o in book if o["side"] == "buy"), key=lambda o: -o["limit"])
    offers = sorted((o for o in book if o["side"] == "sell"), key=lambda o: o["limit"])
    bid, offered = sum(o["quantity"] for o in bids), sum(o["quantity"] for o in offers)
    shorter = max(min(bid, offered), row["volume"], 2)
    most: float = max(
        min(max(bid, offered), 3 * shorter), 1
    )  # beyond, a long side would hide where they cross

    def across(shares: float) -> float:
        return _LEFT + (_WIDTH - 2 * _LEFT) * shares / most

    def up(price: float) -> float:
        inside: float = min(max(price, low), high)
        return _HEIGHT - _FOOT - (_HEIGHT - 2 * _FOOT) * (inside - low) / (high - low)

    def steps(side: Sequence[Mapping[str, Any]], end: float) -> str:
        if not side:
            return ""
        ends = list(accumulate(o["quantity"] for o in side))
        starts = [0, *ends[:-1]]
        first = up(side[0]["limit"])
        path = [f"M{across(0):.1f} {first:.1f}"]
        for order, start, stop in zip(side, starts, ends, strict=True):
            level = up(order["limit"])
            path.append(f"L{across(start):.1f} {level:.1f}L{across(stop):.1f} {level:.1f}")
        return "".join([*path, f"L{across(ends[-1]):.1f} {end:.1f}"])

    price = row["price"]
    clearing = "" if price is None else f"M0 {up(price):.1f}L{_WIDTH:.0f} {up(price):.1f}"
    return Schedule(
        phase=row["phase"],
        round=row["round"],
        price=price,
        volume=row["volume"],
        bids=bid,
        offers=offered,
        demand=steps(bids, _HEIGHT - _FOOT),
        supply=steps(offers, _FOOT),
        clearing=clearing,
    )
