"""What happens in a double auction, as values: enough to tell whom it concerns, and what is left of the book.

    Placed      an order was accepted; what it met at once follows as Traded
    Traded      two orders met, at the limit of the one that had been waiting
    Cancelled   its owner took an order away
    Expired     the market took it away: the period ended, or a trade emptied the book
    Refused     an order or a cancel was not accepted; nothing changed
    Closed      the period is over

Limits and prices are whole ticks, quantities are shares. An event carries no time: a market has no clock, and
whoever keeps the log writes the time beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from markets.orders import Order, OrderDraft, Refusal, Side


@dataclass(frozen=True, slots=True)
class Placed:
    """An order was accepted, with the whole of its quantity."""

    order: Order

    @property
    def traders(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.order.trader,)


@dataclass(frozen=True, slots=True)
class Traded:
    """`quantity` shares went from seller to buyer at `price`, the limit of the `resting` side's order."""

    bid_id: int
    offer_id: int
    buyer: int
    seller: int
    quantity: int
    price: int
    resting: Side

    @property
    def traders(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.buyer, self.seller)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """An order left the book; `quantity` is what had not traded."""

    order_id: int
    trader: int
    side: Side
    limit: int
    quantity: int
    ref: str | None = None  # of the message that cancels, not of the order

    @property
    def traders(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.trader,)


@dataclass(frozen=True, slots=True)
class Expired:
    """An order left the book without its owner's doing; `quantity` is what had not traded."""

    order_id: int
    trader: int
    side: Side
    limit: int
    quantity: int

    @property
    def traders(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.trader,)


@dataclass(frozen=True, slots=True)
class Refused:
    """A trader's message was not accepted, for at least one reason.

    Attributes:
        ref: the sender's name for the message.
        draft: the order, where it could be read.
        order_id: what was to be cancelled, where it could be read.
    """

    trader: int
    reasons: tuple[Refusal, ...]
    ref: str | None = None
    draft: OrderDraft | None = None
    order_id: int | None = None

    @property
    def traders(self) -> tuple[int, ...]:
        """Whom it concerns."""
        return (self.trader,)


@dataclass(frozen=True, slots=True)
class Closed:
    """The period is over; no order is open any more and none is accepted. It concerns everybody."""

    @property
    def traders(self) -> tuple[int, ...]:
        """Nobody in particular."""
        return ()


Event = Placed | Traded | Cancelled | Expired | Refused | Closed


def volume_weighted_price(events: Iterable[Event], tick: Fraction) -> Fraction | None:
    """Return the mean price of a period's trades, each weighted by its shares; None where nothing traded.

    Args:
        events: of the period; those that are no trades are left aside.
        tick: cash of one tick.

    Returns:
        Cash per share, exact.
    """
    trades = [event for event in events if isinstance(event, Traded)]
    volume = sum(trade.quantity for trade in trades)
    return Fraction(sum(trade.quantity * trade.price for trade in trades), volume) * tick if volume else None
