"""Which orders of one trader filled in a period of a double auction, from what its pages and answers told.

A trade at an order's coming is in the answer to that order. Any other one met an order that waited at the
trade's price, the earliest first; where two waited at one price, the steps of the period tell which was still
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bots.domain.market import OwnTrade
from markets.orders import Side


@dataclass(frozen=True, slots=True)
class PeriodOrder:
    """An order that was accepted, or may have been.

    Attributes:
        limit: cash per share.
        step: of the period at which it came; None where its answer is not known.
        met: numbers of its owner's trades at its coming.
        cancelled: step at which its owner took it back; None where it did not.
    """

    ref: str
    side: Side
    quantity: int
    limit: Decimal
    step: int | None
    met: tuple[int, ...] = ()
    cancelled: int | None = None


def period_fills(
    orders: Sequence[PeriodOrder], trades: Iterable[OwnTrade], steps: Mapping[int, int]
) -> dict[str, int]:
    """Return the shares filled of each order, by its ref.

    Args:
        orders: of one trader in one period, earliest first.
        trades: all that the trader made in it.
        steps: the step of a trade, by its number, where the trader was told.
    """
    filled = dict.fromkeys((order.ref for order in orders), 0)
    for trade in trades:
        order = next((one for one in orders if trade.number in one.met), None)
        order = order or _waiting(orders, trade, filled, steps.get(trade.number))
        if order is not None:
            filled[order.ref] += trade.quantity
    return filled


def _waiting(
    orders: Sequence[PeriodOrder], trade: OwnTrade, filled: Mapping[str, int], step: int | None
) -> PeriodOrder | None:
    """Return the order that a trade met: at its price, else one without an answer that reaches it."""
    there = [
        one
        for one in orders
        if one.side is trade.side
        and one.quantity - filled[one.ref] >= trade.quantity
        and (step is None or ((one.step or 0) <= step and (one.cancelled is None or one.cancelled > step)))
    ]
    there.sort(key=lambda one: step is None and one.cancelled is not None)  # untold trades come after leaving
    at_price = (one for one in there if one.limit == trade.price)
    untold = (one for one in there if one.step is None and _reaches(one, trade.price))
    return next(at_price, None) or next(untold, None)


def _reaches(order: PeriodOrder, price: Decimal) -> bool:
    return order.limit >= price if order.side is Side.BUY else order.limit <= price


def own_numbers(frame: Mapping[str, Any] | None) -> tuple[int, ...]:
    """Return the numbers of the own trades that a frame tells."""
    return tuple(int(trade["number"]) for trade in (frame or {}).get("own_trades", ()))
