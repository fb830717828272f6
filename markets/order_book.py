"""One side of an order book: best price first, then first come, first served.

Prices are the keys of a heap, and each has a queue of its orders. Adding, taking and removing an order cost a
step of the heap at most, however many orders wait. A queue that runs empty stays until its price comes to the
top of the heap, so a price is never in the heap twice.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from markets.orders import Order, Side


@dataclass(frozen=True, slots=True)
class Level:
    """The `quantity` of shares that wait at one `limit`, in ticks; 0: none."""

    side: Side
    limit: int
    quantity: int


class OpenOrder:
    """An accepted order, `left` shares of which have not traded; it waits in a queue, or has just come in."""

    __slots__ = ("left", "order", "queue")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.left = order.quantity
        self.queue: _Queue | None = None

    def take(self, quantity: int) -> None:
        """Let `quantity` shares, at most those left, trade or expire."""
        self.left -= quantity
        if self.queue is not None:
            self.queue.quantity -= quantity
            if not self.left:
                del self.queue.orders[self.order.order_id]

    @property
    def rest(self) -> Order:
        """The order, with the shares that are left."""
        return self.order if self.left == self.order.quantity else replace(self.order, quantity=self.left)


class _Queue:
    """The orders of one limit by order id, earliest first, and the shares left in them together."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        # A plain dict would search past all it has ever lost for its first entry.
        self.orders: OrderedDict[int, OpenOrder] = OrderedDict()
        self.quantity = 0


class BookSide:
    """All bids, or all offers, that wait."""

    __slots__ = ("_heap", "_queues", "_sign", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self._sign = -1 if side is Side.BUY else 1
        self._heap: list[int] = []
        self._queues: dict[int, _Queue] = {}

    def add(self, one: OpenOrder) -> None:
        """Let an order of this side wait behind all others of its limit."""
        limit = one.order.limit
        queue = self._queues.get(limit)
        if queue is None:
            queue = self._queues[limit] = _Queue()
            heappush(self._heap, self._sign * limit)
        queue.orders[one.order.order_id] = one
        queue.quantity += one.left
        one.queue = queue

    def first(self) -> OpenOrder | None:
        """Return the order that trades next."""
        while self._heap:
            queue = self._queues[abs(self._heap[0])]
            if queue.orders:
                return next(iter(queue.orders.values()))
            del self._queues[abs(heappop(self._heap))]
        return None

    def best(self) -> int | None:
        """Return the highest bid or the lowest offer, in ticks."""
        first = self.first()
        return None if first is None else first.order.limit

    def first_within(self, limit: int) -> OpenOrder | None:
        """Return the order that would trade next with one of the other side at this limit, if any would."""
        first = self.first()
        within = first is not None and self._sign * (limit - first.order.limit) >= 0
        return first if within else None

    def improves(self, limit: int) -> bool:
        """Whether `limit` is better than every order that waits on this side."""
        best = self.best()
        return best is None or self._sign * (best - limit) > 0

    def level(self, limit: int) -> Level:
        """Return what waits at a limit."""
        queue = self._queues.get(limit)
        return Level(self.side, limit, queue.quantity if queue else 0)

    def levels(self) -> tuple[Level, ...]:
        """Return all levels at which something waits, best first."""
        waiting = (limit for limit, queue in self._queues.items() if queue.orders)
        best_first = sorted(waiting, key=lambda limit: self._sign * limit)
        return tuple(Level(self.side, limit, self._queues[limit].quantity) for limit in best_first)
