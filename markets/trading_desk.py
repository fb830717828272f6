"""One trader's side of a double auction: integers of ticks and shares, and the orders that reserve them."""

from __future__ import annotations

from fractions import Fraction

from markets.accounts import Account
from markets.order_book import OpenOrder
from markets.orders import Order, OrderDraft, Refusal, Side, Standing

_ROLES = {
    Side.BUY: Refusal("role", "You are a buyer in this market; you cannot offer."),
    Side.SELL: Refusal("role", "You are a seller in this market; you cannot bid."),
}


class TradingDesk:
    """What a trader holds, has reserved and has open.

    All that a trade moves is whole ticks, so cash is counted in them. The fraction of a tick that an account
    may hold beside (interest is not rounded) stays where it is, and is told with the cash.

    Attributes:
        cash: whole ticks; `fraction` is the cash beyond them.
        bid_cash: ticks that open bids reserve, for `bid_shares` shares.
        offer_shares: shares that open offers reserve.
        open: open orders by id, earliest first.
        only: the one side the trader may take; None: both.
        units: with `only`, how many may still trade.
    """

    __slots__ = (
        "bid_cash",
        "bid_shares",
        "cash",
        "fraction",
        "offer_shares",
        "only",
        "open",
        "shares",
        "tick",
        "units",
    )

    def __init__(self, account: Account, tick: Fraction) -> None:
        self.tick = tick
        self.cash, self.fraction = divmod(account.cash, tick)
        self.shares = account.shares
        self.bid_cash = self.bid_shares = self.offer_shares = self.units = 0
        self.only: Side | None = None
        self.open: dict[int, OpenOrder] = {}

    def play(self, side: Side, units: int) -> None:
        """Let the trader take one side alone, for at most `units` units in the period."""
        self.only, self.units = side, units

    @property
    def account(self) -> Account:
        """What the trader holds, reserved or not."""
        return Account(self.cash * self.tick + self.fraction, self.shares)

    def covers(self, draft: OrderDraft) -> bool:
        """Whether what is not reserved is enough for an order."""
        if draft.side is Side.BUY:
            return draft.quantity * draft.limit <= self.cash - self.bid_cash
        return draft.quantity <= self.shares - self.offer_shares

    def plays(self, draft: OrderDraft) -> bool:
        """Whether the order is one that the trader's role allows."""
        return self.only is None or (self.only is draft.side and draft.quantity <= self.units_left())

    def meets(self, draft: OrderDraft) -> bool:
        """Whether the order would trade with one of the trader's own; takes time in the open orders."""
        if draft.side is Side.BUY:
            return any(draft.limit >= limit for limit in self._limits(Side.SELL))
        return any(draft.limit <= limit for limit in self._limits(Side.BUY))

    def role_refusals(self, draft: OrderDraft) -> tuple[Refusal, ...]:
        """Return what the trader's role has against an order, in words; empty where `plays`."""
        if self.plays(draft):
            return ()
        if self.only is not None and self.only is not draft.side:
            return (_ROLES[self.only],)
        left = self.units_left()
        count = f"{left} of your units {'is' if left == 1 else 'are'} left"
        return (
            Refusal(
                "units",
                f"You ordered {draft.quantity} units, but only {count}; "
                "the others have traded or stand in open orders.",
            ),
        )

    def standing(self) -> Standing:
        """Return what a new order is measured against."""
        return Standing(
            open_orders=len(self.open),
            free_cash=(self.cash - self.bid_cash) * self.tick + self.fraction,
            free_shares=self.shares - self.offer_shares,
            highest_bid=max(self._limits(Side.BUY), default=None),
            lowest_offer=min(self._limits(Side.SELL), default=None),
        )

    def units_left(self) -> int:
        """Return how many units have neither traded nor stand in an open order, for a trader of one side."""
        return self.units - (self.bid_shares if self.only is Side.BUY else self.offer_shares)

    def add(self, one: OpenOrder) -> None:
        """Take in an accepted order, and reserve what it could cost."""
        self.open[one.order.order_id] = one
        self._reserve(one.order, one.left)

    def take(self, one: OpenOrder, quantity: int) -> None:
        """Let `quantity` shares of an open order go, and what they reserved be free."""
        one.take(quantity)
        self._reserve(one.order, -quantity)
        if not one.left:
            del self.open[one.order.order_id]

    def trade(self, one: OpenOrder, quantity: int, price: int) -> None:
        """Let `quantity` shares of an open order trade at `price` ticks each."""
        signed = quantity if one.order.side is Side.BUY else -quantity
        self.cash -= signed * price
        self.shares += signed
        self.units -= quantity
        self.take(one, quantity)

    def _reserve(self, order: Order, quantity: int) -> None:
        if order.side is Side.BUY:
            self.bid_cash += quantity * order.limit
            self.bid_shares += quantity
        else:
            self.offer_shares += quantity

    def _limits(self, side: Side) -> list[int]:
        return [one.order.limit for one in self.open.values() if one.order.side is side]
