"""The continuous double auction: orders trade as they come, best price first, then first come, first served.

An order trades at the limits of the orders that wait on the other side, as far as its own limit and their
quantities reach; the rest of it waits. Bids reserve cash and offers shares, at what they could cost at most.
Nobody trades with themselves: an order that would is refused, as in the call market. Where the market has
values and costs (`markets.induced`), each trader trades one way and not more units than theirs.

Source: double auction as in Smith (1962), with the improvement rule and the emptied book of Gode and Sunder
(1993) as options.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from markets.accounts import Account
from markets.induced import InducedSchedule
from markets.money import shown
from markets.order_book import BookSide, Level, OpenOrder
from markets.orders import (
    UNKNOWN_ORDER,
    UNREADABLE_CANCEL,
    Order,
    OrderDraft,
    OrderRules,
    Refusal,
    Side,
    conflicts,
    read_order,
)
from markets.trade_events import Cancelled, Closed, Event, Expired, Placed, Refused, Traded
from markets.trading_desk import TradingDesk

_CLOSED = Refusal("closed", "The market is closed; no order is accepted any more.")


@dataclass(frozen=True, slots=True)
class DoubleAuctionRules:
    """What the market accepts.

    Attributes:
        orders: limits of an order, as in the call market.
        must_improve: whether a bid must be above the best bid, and an offer below the best offer.
        clears_after_trade: whether all orders expire once an order has traded.
    """

    orders: OrderRules
    must_improve: bool = False
    clears_after_trade: bool = False


class DoubleAuction:
    """One period of a double auction. It changes with every call, and tells what happened as events."""

    def __init__(
        self,
        accounts: Mapping[int, Account],
        rules: DoubleAuctionRules,
        *,
        schedule: InducedSchedule | None = None,
        next_order_id: int = 1,
    ) -> None:
        """Open the market.

        Args:
            accounts: by trader id, at the start of the period; nobody else may trade.
            schedule: induced values and costs of all traders; None: everybody may buy and sell.
            next_order_id: number of the first order, above all earlier ones of the session.

        Raises:
            KeyError: the schedule lacks a trader.
        """
        self.rules = rules
        self._desks = {
            trader: TradingDesk(account, rules.orders.tick) for trader, account in accounts.items()
        }
        self._sides = {side: BookSide(side) for side in Side}
        self._opposite = {Side.BUY: self._sides[Side.SELL], Side.SELL: self._sides[Side.BUY]}
        self._next_order_id = next_order_id
        self._closed = False
        if schedule is not None:
            for trader, desk in self._desks.items():
                desk.play(schedule.side(trader), len(schedule.units(trader)))

    def place(
        self, trader: int, side: object, quantity: object, limit: object, ref: str | None = None
    ) -> tuple[Event, ...]:
        """Place what a trader asks for; whatever JSON holds is answered by an event.

        Args:
            side, quantity, limit: as `markets.orders.check_order` reads them.
            ref: the sender's own name for the order.

        Returns:
            Refused alone, or Placed and then Traded for each order met, best first; where a trade empties the
            book, Expired for each order that was left.

        Raises:
            KeyError: nobody of this id trades here.
        """
        draft = read_order(side, quantity, limit, rules=self.rules.orders)
        if isinstance(draft, OrderDraft):
            return self.submit(trader, draft, ref)
        return (Refused(self._known(trader), draft, ref),)

    def submit(self, trader: int, draft: OrderDraft, ref: str | None = None) -> tuple[Event, ...]:
        """Place an order that `markets.orders.read_order` has read; as `place`."""
        desk = self._desks[trader]
        if not self._accepts(desk, draft):
            return (Refused(trader, self._reasons(desk, draft), ref, draft),)
        order = draft.numbered(self._next_order_id, trader, ref)
        incoming = self._open(order)
        events = [Placed(order), *self._match(incoming)]
        if incoming.left:
            self._sides[order.side].add(incoming)
        if self.rules.clears_after_trade and len(events) > 1:
            events += self._expire_all()
        return tuple(events)

    def cancel(self, trader: int, order_id: object, ref: str | None = None) -> tuple[Event, ...]:
        """Take an order away; returns Cancelled or Refused. Raises KeyError as `place`."""
        if isinstance(order_id, bool) or not isinstance(order_id, int):
            return (Refused(self._known(trader), (UNREADABLE_CANCEL,), ref),)
        one = self._desks[trader].open.get(order_id)
        if one is None:
            return (Refused(trader, (UNKNOWN_ORDER,), ref, order_id=order_id),)
        event = Cancelled(order_id, trader, one.order.side, one.order.limit, one.left, ref)
        self._remove(one)
        return (event,)

    def close(self) -> tuple[Event, ...]:
        """End the period; returns Expired for each open order and Closed, or nothing if it is closed."""
        if self._closed:
            return ()
        events = (*self._expire_all(), Closed())
        self._closed = True
        return events

    @property
    def closed(self) -> bool:
        """Whether the period is over."""
        return self._closed

    @property
    def next_order_id(self) -> int:
        """Number that the next order will get."""
        return self._next_order_id

    def account(self, trader: int) -> Account:
        """Return what a trader holds, reserved or not."""
        return self._desks[trader].account

    def accounts(self) -> dict[int, Account]:
        """Return all accounts by trader id."""
        return {trader: desk.account for trader, desk in self._desks.items()}

    def open_orders(self, trader: int) -> tuple[Order, ...]:
        """Return a trader's open orders with the shares left in them, earliest first."""
        return tuple(one.rest for one in self._desks[trader].open.values())

    def best(self, side: Side) -> int | None:
        """Return the highest bid or the lowest offer, in ticks."""
        return self._sides[side].best()

    def depth(self, side: Side) -> tuple[Level, ...]:
        """Return the levels of one side at which orders wait, best first."""
        return self._sides[side].levels()

    def changed_levels(self, events: Iterable[Event]) -> tuple[Level, ...]:
        """Return the levels that these latest events may have changed, as they are now: the book's delta."""
        touched: dict[tuple[Side, int], None] = {}
        for event in events:
            if isinstance(event, Placed):
                touched[event.order.side, event.order.limit] = None
            elif isinstance(event, Traded):
                touched[event.resting, event.price] = None
            elif isinstance(event, Cancelled | Expired):
                touched[event.side, event.limit] = None
        return tuple(self._sides[side].level(limit) for side, limit in touched)

    def _known(self, trader: int) -> int:
        if trader not in self._desks:
            raise KeyError(trader)
        return trader

    def _accepts(self, desk: TradingDesk, draft: OrderDraft) -> bool:
        """Whether there is no reason against an order: `not _reasons`, without the sentences and the search.

        A trader's own orders are looked through only where the new one reaches the other side's best.
        """
        if self._closed or len(desk.open) >= self.rules.orders.max_open_orders:
            return False
        if not desk.covers(draft) or not desk.plays(draft):
            return False
        if self.rules.must_improve and not self._sides[draft.side].improves(draft.limit):
            return False
        return self._opposite[draft.side].first_within(draft.limit) is None or not desk.meets(draft)

    def _reasons(self, desk: TradingDesk, draft: OrderDraft) -> tuple[Refusal, ...]:
        if self._closed:
            return (_CLOSED,)
        return (
            *conflicts(draft, desk.standing(), self.rules.orders),
            *desk.role_refusals(draft),
            *self._not_better(draft),
        )

    def _not_better(self, draft: OrderDraft) -> tuple[Refusal, ...]:
        best = self.best(draft.side)
        if not self.rules.must_improve or best is None or self._sides[draft.side].improves(draft.limit):
            return ()
        rules = self.rules.orders
        price = shown(rules.to_price(best), rules.decimals)
        wanted = (
            f"Your bid must be above the best bid of {price}."
            if draft.side is Side.BUY
            else f"Your offer must be below the best offer of {price}."
        )
        return (Refusal("no_improvement", wanted),)

    def _open(self, order: Order) -> OpenOrder:
        one = OpenOrder(order)
        self._desks[order.trader].add(one)
        self._next_order_id = order.order_id + 1
        return one

    def _match(self, incoming: OpenOrder) -> list[Event]:
        """Trade an order that has just come in, as far as its limit and quantity go."""
        events: list[Event] = []
        side, limit = incoming.order.side, incoming.order.limit
        other = self._opposite[side]
        while incoming.left and (resting := other.first_within(limit)) is not None:
            bid, offer = (incoming, resting) if side is Side.BUY else (resting, incoming)
            events.append(self._trade(bid, offer, min(bid.left, offer.left), other.side))
        return events

    def _trade(self, bid: OpenOrder, offer: OpenOrder, quantity: int, resting: Side) -> Traded:
        """Move shares and cash between two orders' owners, at the limit of the resting one."""
        buyer, seller = bid.order.trader, offer.order.trader
        price = bid.order.limit if resting is Side.BUY else offer.order.limit
        self._desks[buyer].trade(bid, quantity, price)
        self._desks[seller].trade(offer, quantity, price)
        return Traded(bid.order.order_id, offer.order.order_id, buyer, seller, quantity, price, resting)

    def _remove(self, one: OpenOrder) -> None:
        self._desks[one.order.trader].take(one, one.left)

    def _expire_all(self) -> list[Event]:
        """Empty the book, earliest order first."""
        waiting = [one for desk in self._desks.values() for one in desk.open.values()]
        waiting.sort(key=lambda one: one.order.order_id)
        events: list[Event] = [
            Expired(one.order.order_id, one.order.trader, one.order.side, one.order.limit, one.left)
            for one in waiting
        ]
        for one in waiting:
            self._remove(one)
        return events
