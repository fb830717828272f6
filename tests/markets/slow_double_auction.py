"""The double auction as its rules read, in time quadratic in its orders: what the fast one must equal.

One list of orders, amounts of cash as they are, every decision a search through the list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.induced import InducedSchedule
from markets.orders import Order, OrderDraft, Side, check_order
from markets.trade_events import Cancelled, Closed, Event, Expired, Placed, Traded

Outcome = tuple[Event, ...] | list[str]
"""What happened, or the codes of why not."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of a market; orders hold what is left of them, in the sequence in which they trade."""

    accounts: Mapping[int, Account]
    bids: tuple[Order, ...]
    offers: tuple[Order, ...]
    next_order_id: int
    closed: bool

    @classmethod
    def of(
        cls, accounts: Mapping[int, Account], waiting: Iterable[Order], next_order_id: int, *, closed: bool
    ) -> Snapshot:
        orders = sorted(waiting, key=lambda order: order.order_id)
        bids = sorted((one for one in orders if one.side is Side.BUY), key=lambda order: -order.limit)
        offers = sorted((one for one in orders if one.side is Side.SELL), key=lambda order: order.limit)
        return cls(accounts, tuple(bids), tuple(offers), next_order_id, closed)


def snapshot_of(market: DoubleAuction) -> Snapshot:
    """What a market tells of itself."""
    accounts = market.accounts()
    waiting = [order for trader in accounts for order in market.open_orders(trader)]
    return Snapshot.of(accounts, waiting, market.next_order_id, closed=market.closed)


def told_by(events: Iterable[Event], accounts: Mapping[int, Account], tick: Fraction) -> Snapshot:
    """What the events of a market tell of it, from its opening on."""
    held, waiting, next_order_id, closed = dict(accounts), dict[int, Order](), 1, False
    for event in events:
        match event:
            case Placed(order):
                waiting[order.order_id], next_order_id = order, order.order_id + 1
            case Traded(bid_id, offer_id, buyer, seller, quantity, price):
                for trader, bought, sold in ((buyer, quantity, 0), (seller, 0, quantity)):
                    held[trader] = held[trader].after_trade(bought=bought, sold=sold, price=price * tick)
                for order_id in (bid_id, offer_id):
                    order = waiting.pop(order_id)
                    if rest := order.quantity - quantity:
                        waiting[order_id] = replace(order, quantity=rest)
            case Cancelled(order_id) | Expired(order_id):
                del waiting[order_id]
            case Closed():
                closed = True
    return Snapshot.of(held, waiting.values(), next_order_id, closed=closed)


class SlowMarket:
    def __init__(
        self, accounts: Mapping[int, Account], rules: DoubleAuctionRules, schedule: InducedSchedule | None
    ) -> None:
        self.accounts = dict(accounts)
        self.rules = rules
        self.schedule = schedule
        self.traded = dict.fromkeys(accounts, 0)
        self.orders: list[Order] = []
        self.next_order_id = 1
        self.closed = False

    def own(self, trader: int) -> list[Order]:
        return [order for order in self.orders if order.trader == trader]

    def place(self, trader: int, side: str, quantity: int, limit: str) -> Outcome:
        if self.closed:
            return ["closed"]
        account, rules = self.accounts[trader], self.rules.orders
        draft = check_order(side, quantity, limit, account=account, open_orders=self.own(trader), rules=rules)
        codes: list[str] = [] if isinstance(draft, OrderDraft) else [refusal.code for refusal in draft]
        codes += self.role_codes(trader, side, quantity) + self.improvement_codes(
            side, rules.to_ticks(Fraction(limit))
        )
        if codes or not isinstance(draft, OrderDraft):
            return codes
        order = draft.numbered(self.next_order_id, trader)
        self.next_order_id += 1
        self.orders.append(order)
        events: list[Event] = [Placed(order)]
        while trade := self.trade(order.side):
            events.append(trade)
        if self.rules.clears_after_trade and len(events) > 1:
            events += self.expire()
        return tuple(events)

    def role_codes(self, trader: int, side: str, quantity: int) -> list[str]:
        if self.schedule is None:
            return []
        if self.schedule.side(trader) != side:
            return ["role"]
        taken = self.traded[trader] + sum(order.quantity for order in self.own(trader))
        return ["units"] if quantity + taken > len(self.schedule.units(trader)) else []

    def improvement_codes(self, side: str, limit: int) -> list[str]:
        standing = [order.limit for order in self.orders if order.side == side]
        better = all(limit > one if side == "buy" else limit < one for one in standing)
        return ["no_improvement"] if self.rules.must_improve and not better else []

    def best(self, side: Side) -> Order | None:
        sign = -1 if side is Side.BUY else 1
        waiting = [order for order in self.orders if order.side is side]
        return min(waiting, key=lambda order: (sign * order.limit, order.order_id), default=None)

    def trade(self, incoming: Side) -> Traded | None:
        """Trade the best bid with the best offer, if they meet, at the limit of the one that was there."""
        bid, offer = self.best(Side.BUY), self.best(Side.SELL)
        if bid is None or offer is None or bid.limit < offer.limit:
            return None
        resting = offer if incoming is Side.BUY else bid
        quantity, price = min(bid.quantity, offer.quantity), self.rules.orders.to_price(resting.limit)
        for order, bought, sold in ((bid, quantity, 0), (offer, 0, quantity)):
            account = self.accounts[order.trader]
            self.accounts[order.trader] = account.after_trade(bought=bought, sold=sold, price=price)
            self.traded[order.trader] += quantity
            self.reduce(order, quantity)
        return Traded(
            bid.order_id, offer.order_id, bid.trader, offer.trader, quantity, resting.limit, resting.side
        )

    def reduce(self, order: Order, quantity: int) -> None:
        at = self.orders.index(order)
        rest = order.quantity - quantity
        self.orders[at : at + 1] = [replace(order, quantity=rest)] if rest else []

    def cancel(self, trader: int, order_id: int) -> Outcome:
        for order in self.own(trader):
            if order.order_id == order_id:
                self.orders.remove(order)
                return (Cancelled(order_id, trader, order.side, order.limit, order.quantity),)
        return ["unknown_order"]

    def expire(self) -> list[Event]:
        gone, self.orders = self.orders, []
        return [
            Expired(order.order_id, order.trader, order.side, order.limit, order.quantity) for order in gone
        ]

    def close(self) -> Outcome:
        events = () if self.closed else (*self.expire(), Closed())
        self.closed = True
        return events

    def snapshot(self) -> Snapshot:
        return Snapshot.of(self.accounts, self.orders, self.next_order_id, closed=self.closed)
