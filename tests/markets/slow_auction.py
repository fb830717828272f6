"""The call auction as its definitions read, in time quadratic in the book: what the fast one must equal."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from fractions import Fraction

from markets.call_auction import (
    AuctionRules,
    Clearing,
    Fill,
    PriceSelection,
    PriceWithoutTrade,
    Rationing,
    demand,
    supply,
)
from markets.orders import Order, Side


def slow_clear(
    orders: Sequence[Order], rules: AuctionRules, last_price: Fraction, generator: random.Random
) -> Clearing:
    book = sorted(orders, key=lambda order: order.order_id)
    candidates, volume = best_candidates(book)
    if volume == 0:
        return Clearing(_price_without_trade(book, rules, last_price), 0)
    price = _select(candidates, book, rules, last_price / rules.tick)
    bids = [order for order in book if order.side is Side.BUY and order.limit >= price]
    offers = [order for order in book if order.side is Side.SELL and order.limit <= price]
    fills = [
        *_fill(bids, volume, rules.rationing, generator),
        *_fill(offers, volume, rules.rationing, generator),
    ]
    return Clearing(price * rules.tick, volume, tuple(sorted(fills, key=lambda fill: fill.order_id)))


def best_candidates(book: Sequence[Order]) -> tuple[tuple[int, ...], int]:
    """Return the submitted limits at which most trades, ascending, and how much that is, in shares."""
    volumes = {
        limit: min(demand(book, limit), supply(book, limit)) for limit in {order.limit for order in book}
    }
    most = max(volumes.values(), default=0)
    return tuple(sorted(limit for limit, volume in volumes.items() if volume == most)), most


def _select(
    candidates: Sequence[int], book: Sequence[Order], rules: AuctionRules, reference: Fraction
) -> Fraction:
    """Return a price in ticks, from the lowest to the highest candidate."""
    lowest, highest = candidates[0], candidates[-1]
    if rules.price_selection is PriceSelection.IMBALANCE:
        return _least_imbalance(candidates, book, reference)
    weights: Mapping[PriceSelection, Fraction] = {
        PriceSelection.LOWEST: Fraction(0),
        PriceSelection.MIDPOINT: Fraction(1, 2),
        PriceSelection.HIGHEST: Fraction(1),
        PriceSelection.K_DOUBLE: rules.k,
    }
    weight = weights[rules.price_selection]
    return weight * highest + (1 - weight) * lowest


def _least_imbalance(candidates: Sequence[int], book: Sequence[Order], reference: Fraction) -> Fraction:
    """Return the price of the chain used by exchanges: least imbalance, market pressure, nearest reference.

    Pressure from bids (D > S) at all prices left takes the highest of them, pressure from offers the lowest.
    Without pressure it is the price nearest to the reference price between the prices left; with pressure
    from both, between the highest that bids press on and the lowest that offers press on.
    """
    surplus = {limit: demand(book, limit) - supply(book, limit) for limit in candidates}
    least = min(abs(one) for one in surplus.values())
    bid_pressure = [limit for limit in candidates if surplus[limit] == least > 0]
    offer_pressure = [limit for limit in candidates if surplus[limit] == -least < 0]
    balanced = [limit for limit in candidates if surplus[limit] == 0]
    lower = max(bid_pressure) if bid_pressure else min(balanced or offer_pressure)
    upper = min(offer_pressure) if offer_pressure else max(balanced or bid_pressure)
    return min(max(reference, Fraction(lower)), Fraction(upper))


def _price_without_trade(book: Sequence[Order], rules: AuctionRules, last_price: Fraction) -> Fraction | None:
    if rules.price_without_trade is PriceWithoutTrade.MISSING:
        return None
    bids = [order.limit for order in book if order.side is Side.BUY]
    offers = [order.limit for order in book if order.side is Side.SELL]
    best = [*([max(bids)] if bids else []), *([min(offers)] if offers else [])]
    if rules.price_without_trade is PriceWithoutTrade.LAST or not best:
        return last_price
    return Fraction(sum(best), len(best)) * rules.tick


def _fill(
    eligible: Sequence[Order], volume: int, rationing: Rationing, generator: random.Random
) -> list[Fill]:
    """Fill one side by price priority; the marginal price is rationed.

    Args:
        eligible: orders of one side whose limit allows the price, by order id; together >= `volume` shares.
        volume: shares to fill.
    """
    fills: list[Fill] = []
    left = volume
    levels = sorted({order.limit for order in eligible}, reverse=eligible[0].side is Side.BUY)
    for level in levels:
        orders = [order for order in eligible if order.limit == level]
        shares = _ration(orders, left, rationing, generator)
        fills += [
            Fill(order.order_id, order.trader, order.side, quantity)
            for order, quantity in zip(orders, shares, strict=True)
            if quantity
        ]
        left -= sum(shares)
    return fills


def _ration(orders: Sequence[Order], left: int, rationing: Rationing, generator: random.Random) -> list[int]:
    """Share out at most `left` shares among orders of one price; returns shares by order."""
    quantities = [order.quantity for order in orders]
    total = sum(quantities)
    if total <= left:
        return quantities
    if rationing is Rationing.PRO_RATA:
        shares = [quantity * left // total for quantity in quantities]
        by_remainder = sorted(range(len(orders)), key=lambda at: (-(quantities[at] * left % total), at))
        for at in by_remainder[: left - sum(shares)]:
            shares[at] += 1
        return shares
    sequence = list(range(len(orders)))
    if rationing is Rationing.RANDOM:
        generator.shuffle(sequence)
    shares = [0] * len(orders)
    for at in sequence:
        shares[at] = min(quantities[at], left)
        left -= shares[at]
    return shares
