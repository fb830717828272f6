"""What a strategy's orders become in a period of a double auction.

A strategy is asked again with each piece of news. Orders that stand already are left alone, orders that the
market would not take are not sent, and where units have values and costs a trader keeps to its side and, if
it is bounded, to prices at which its next unit earns no loss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from bots.domain.market import Decision, MarketView, OrderIntent
from markets.orders import Side

MOST_DRAWS: Final = 50
"""Shouts that do not improve on the best, and that nobody hears, before a trader waits for news."""

Draw = Callable[[], Iterable[OrderIntent | None]]


def in_period(view: MarketView, draw: Draw, *, requotes: bool, bounded: bool) -> Decision:
    """Return what a trader does now.

    Args:
        draw: the strategy's orders; where it draws at random, another draw each time.
        requotes: whether open orders are taken back where others are wanted.
        bounded: whether no unit is traded at a loss.
    """
    if view.market.induced and not view.units_left:
        return Decision(leave=True)
    for _ in range(MOST_DRAWS if view.market.must_improve else 1):
        wanted = [order for one in draw() if (order := _fitting(view, one, bounded=bounded)) is not None]
        if wanted or not view.market.must_improve:
            return _instead(view, wanted, requotes=requotes)
    return Decision()


def _fitting(view: MarketView, order: OrderIntent | None, *, bounded: bool) -> OrderIntent | None:
    """Return an order as the market takes it; None where it takes none."""
    if order is not None and view.units is not None:
        order = _of_units(view, order, bounded=bounded)
    return order if order is not None and _improves(view, order) else None


def _of_units(view: MarketView, order: OrderIntent, *, bounded: bool) -> OrderIntent | None:
    assert view.units is not None
    worth, limit, tick = view.units_left[0], order.limit, view.market.tick
    if order.side is not view.units.side:
        return None
    if bounded and order.side is Side.BUY:
        limit = min(limit, _to_tick(worth, tick, ROUND_FLOOR))
    elif bounded:
        limit = max(limit, _to_tick(worth, tick, ROUND_CEILING))
    if not tick <= limit <= view.market.max_price:
        return None
    return order.model_copy(update={"limit": limit, "quantity": 1})  # the next unit has another worth


def _to_tick(amount: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return (amount / tick).to_integral_value(rounding) * tick


def _improves(view: MarketView, order: OrderIntent) -> bool:
    """Whether the improvement rule, if there is one, lets an order pass, own orders taken back."""
    if not view.market.must_improve or view.period is None:
        return True
    own = Counter(
        {one.limit: one.quantity for one in view.open_orders if one.side is order.side}  # one a price
    )
    levels = view.period.bids if order.side is Side.BUY else view.period.offers
    best = next((level.limit for level in levels if level.quantity > own[level.limit]), None)
    return best is None or (order.limit > best if order.side is Side.BUY else order.limit < best)


def _instead(view: MarketView, wanted: list[OrderIntent], *, requotes: bool) -> Decision:
    """Return the decision that leaves the trader with these orders; those that stand are not touched."""
    if not requotes:
        return Decision(orders=tuple(wanted[: view.market.max_open_orders]))
    missing, away = list(wanted), []
    for standing in view.open_orders:
        same = next(
            (one for one in missing if (one.side, one.limit) == (standing.side, standing.limit)), None
        )
        if same is not None and same.quantity == standing.quantity:
            missing.remove(same)
        else:
            away.append(standing.order_id)
    room = view.market.max_open_orders - len(view.open_orders) + len(away)
    return Decision(orders=tuple(missing[:room]), cancel=tuple(away))
