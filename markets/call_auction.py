"""The call auction: one price for all that trade, chosen so that as much as possible trades.

Let D(p) be the shares bid at p or more and S(p) the shares offered at p or less; D never rises in p and S
never falls. Candidates are the submitted limits at which min(D, S) is largest, V, from the lowest l to the
highest h.

*Any* price p from l to h fills exactly V, whether it is a submitted limit, a midpoint or half a tick:

* D(p) >= D(h) >= V and S(p) >= S(l) >= V, so V can be filled by bids of p or more and offers of p or less;
* between two neighbouring limits a < p < b, D(p) = D(b) and S(p) = S(a) <= S(b), so min(D(p), S(p)) is at
  most min(D(b), S(b)) <= V: no price fills more.

So every price rule here picks from [l, h], fills come only from orders whose limit allows the price, the
volume announced is the volume filled, and nobody trades worse than their limit. Prices are exact and never
rounded to the tick: a rounded price could leave the interval.

A trader whose bids are all below their own offers (`markets.orders.check_order` sees to it) is never on both
sides: bid >= p >= offer contradicts it.

Source of the default rules: the reference design, Henning, Ojha, Spoon, Han, Camerer (2025),
arXiv:2502.15800.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from itertools import accumulate, groupby
from operator import attrgetter

from markets.orders import Order, Side
from markets.values import often_made


class PriceSelection(str, Enum):
    """Which of the volume-maximising prices is the price."""

    MIDPOINT = "midpoint"  # of the lowest and the highest candidate: the reference rule
    LOWEST = "lowest"
    HIGHEST = "highest"
    IMBALANCE = "imbalance"  # least imbalance → market pressure → nearest to the last price
    K_DOUBLE = "k_double"  # k · highest + (1 - k) · lowest

    __str__ = str.__str__


class Rationing(str, Enum):
    """Who trades among orders of the marginal price; better-priced orders always trade first and wholly."""

    TIME = "time"  # earlier orders first
    PRO_RATA = "pro_rata"  # in proportion to quantity; what is left by largest remainder, then earlier first
    RANDOM = "random"  # orders in a random sequence

    __str__ = str.__str__


class PriceWithoutTrade(str, Enum):
    """What the price is where nothing trades."""

    REFERENCE = "reference"  # midpoint of best bid and offer; one side's best; last price without orders
    LAST = "last"
    MISSING = "missing"

    __str__ = str.__str__


@dataclass(frozen=True, slots=True)
class AuctionRules:
    """Options of the auction; the defaults are the reference design.

    Attributes:
        tick: cash of one tick.
        k: weight of the highest candidate under `K_DOUBLE`, from 0 to 1.
    """

    tick: Fraction
    price_selection: PriceSelection = PriceSelection.MIDPOINT
    rationing: Rationing = Rationing.TIME
    price_without_trade: PriceWithoutTrade = PriceWithoutTrade.REFERENCE
    k: Fraction = Fraction(1, 2)


@often_made(frozen=True, slots=True)
class Fill:
    """Shares of one order that traded, > 0."""

    order_id: int
    trader: int
    side: Side
    quantity: int


@dataclass(frozen=True, slots=True)
class Clearing:
    """The outcome of one call.

    Attributes:
        price: cash per share; None where nothing trades and the rule says missing.
        volume: shares that change hands; bids and offers filled each sum to it.
        fills: by order id.
    """

    price: Fraction | None
    volume: int
    fills: tuple[Fill, ...] = ()


def demand(orders: Iterable[Order], price: Fraction | int) -> int:
    """Return D(price): shares bid at `price` ticks or more."""
    return sum(order.quantity for order in orders if order.side is Side.BUY and order.limit >= price)


def supply(orders: Iterable[Order], price: Fraction | int) -> int:
    """Return S(price): shares offered at `price` ticks or less."""
    return sum(order.quantity for order in orders if order.side is Side.SELL and order.limit <= price)


@dataclass(frozen=True, slots=True)
class Curves:
    """D and S at every submitted limit, in shares; `limits` ascend, in ticks, and the three are as long."""

    limits: tuple[int, ...]
    demand: tuple[int, ...]
    supply: tuple[int, ...]

    @classmethod
    def of(cls, book: Iterable[Order]) -> Curves:
        """Add up a book in the time that sorting its limits takes."""
        bid: dict[int, int] = {}
        offered: dict[int, int] = {}
        for order in book:
            side = bid if order.side is Side.BUY else offered
            side[order.limit] = side.get(order.limit, 0) + order.quantity
        limits = sorted(bid.keys() | offered.keys())
        from_the_top = list(accumulate(bid.get(limit, 0) for limit in reversed(limits)))
        from_the_bottom = accumulate(offered.get(limit, 0) for limit in limits)
        return cls(tuple(limits), tuple(reversed(from_the_top)), tuple(from_the_bottom))


def clear(
    orders: Iterable[Order],
    *,
    rules: AuctionRules,
    last_price: Fraction,
    generator: random.Random | None = None,
) -> Clearing:
    """Clear one round's book at one price.

    Args:
        orders: the book, in any sequence; order ids are unique.
        rules: how price and fills are chosen.
        last_price: cash per share; the latest price there was, or the initial price.
        generator: decides random rationing, and is needed for nothing else.

    Returns:
        Price in cash per share, volume in shares, and who trades how much.

    Raises:
        ValueError: an order id stands twice, or random rationing lacks its generator.
    """
    book = sorted(orders, key=lambda order: order.order_id)
    if len({order.order_id for order in book}) < len(book):
        raise ValueError("Every order of a book needs an order id of its own.")
    curves = Curves.of(book)
    candidates, volume = best_candidates(curves)
    if volume == 0:
        return Clearing(_price_without_trade(book, rules, last_price), 0)
    price = _select(candidates, curves, rules, last_price / rules.tick)
    bids = [order for order in book if order.side is Side.BUY and order.limit >= price]
    offers = [order for order in book if order.side is Side.SELL and order.limit <= price]
    fills = [
        *_fill(bids, volume, rules.rationing, generator),
        *_fill(offers, volume, rules.rationing, generator),
    ]
    return Clearing(price * rules.tick, volume, tuple(sorted(fills, key=lambda fill: fill.order_id)))


def best_candidates(curves: Curves) -> tuple[tuple[int, ...], int]:
    """Return the submitted limits at which most trades, ascending, and how much that is, in shares."""
    volumes = [min(bid, offered) for bid, offered in zip(curves.demand, curves.supply, strict=True)]
    most = max(volumes, default=0)
    return tuple(at for at, volume in zip(curves.limits, volumes, strict=True) if volume == most), most


def _select(candidates: Sequence[int], curves: Curves, rules: AuctionRules, reference: Fraction) -> Fraction:
    """Return a price in ticks, from the lowest to the highest candidate."""
    lowest, highest = candidates[0], candidates[-1]
    if rules.price_selection is PriceSelection.IMBALANCE:
        return _least_imbalance(candidates, curves, reference)
    weights: Mapping[PriceSelection, Fraction] = {
        PriceSelection.LOWEST: Fraction(0),
        PriceSelection.MIDPOINT: Fraction(1, 2),
        PriceSelection.HIGHEST: Fraction(1),
        PriceSelection.K_DOUBLE: rules.k,
    }
    weight = weights[rules.price_selection]
    return weight * highest + (1 - weight) * lowest


def _least_imbalance(candidates: Sequence[int], curves: Curves, reference: Fraction) -> Fraction:
    """Return the price of the chain used by exchanges: least imbalance, market pressure, nearest reference.

    Pressure from bids (D > S) at all prices left takes the highest of them, pressure from offers the lowest.
    Without pressure it is the price nearest to the reference price between the prices left; with pressure
    from both, between the highest that bids press on and the lowest that offers press on.
    """
    tied = set(candidates)
    surplus = {
        limit: bid - offered
        for limit, bid, offered in zip(curves.limits, curves.demand, curves.supply, strict=True)
        if limit in tied
    }
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
    eligible: Sequence[Order], volume: int, rationing: Rationing, generator: random.Random | None
) -> list[Fill]:
    """Fill one side by price priority; the marginal price is rationed.

    Args:
        eligible: orders of one side whose limit allows the price, by order id; together >= `volume` shares.
        volume: shares to fill.
    """
    fills: list[Fill] = []
    left = volume
    limit = attrgetter("limit")
    by_price = sorted(eligible, key=limit, reverse=eligible[0].side is Side.BUY)  # stable: earlier first
    for _, level in groupby(by_price, key=limit):
        orders = list(level)
        shares = _ration(orders, left, rationing, generator)
        fills += [
            Fill(order.order_id, order.trader, order.side, quantity)
            for order, quantity in zip(orders, shares, strict=True)
            if quantity
        ]
        left -= sum(shares)
    return fills


def _ration(
    orders: Sequence[Order], left: int, rationing: Rationing, generator: random.Random | None
) -> list[int]:
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
        if generator is None:
            raise ValueError("Random rationing needs a generator.")
        generator.shuffle(sequence)
    shares = [0] * len(orders)
    for at in sequence:
        shares[at] = min(quantities[at], left)
        left -= shares[at]
    return shares
