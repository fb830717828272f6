"""Orders, and what a trader may order.

Limits are whole numbers of ticks; `OrderRules` turns prices into ticks and back. Every rule a trader can
break has a code and a sentence that names the limit and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Literal

from markets.accounts import Account
from markets.money import LONGEST_INPUT, decimal_places, exact_text, fixed, read_decimal, shown
from markets.values import often_made

RefusalCode = Literal[
    "malformed",
    "side",
    "quantity",
    "price",
    "tick",
    "too_many_orders",
    "not_enough_cash",
    "short_sale",
    "crosses_own_order",
    "unknown_order",
    "role",
    "units",
    "no_improvement",
    "closed",
]


class Side(str, Enum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    __str__ = str.__str__


_SIDES = {side.value: side for side in Side}


@often_made(frozen=True, slots=True)
class Order:
    """One limit order of one round.

    Attributes:
        order_id: unique in the market; a lower one is earlier.
        trader: id of the trader in the market.
        quantity: shares, > 0.
        limit: ticks, > 0; the highest price a bid pays, the lowest an offer takes.
        ref: the sender's own name for it.
    """

    order_id: int
    trader: int
    side: Side
    quantity: int
    limit: int
    ref: str | None = None

    def __post_init__(self) -> None:
        if self.quantity <= 0:
            raise ValueError(f"An order's quantity must be above 0 shares, was {self.quantity}.")
        if self.limit <= 0:
            raise ValueError(f"An order's limit must be above 0 ticks, was {self.limit}.")


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What the market accepts.

    Attributes:
        tick: smallest step of a price, in cash, > 0, with a finite decimal text.
        max_price: highest limit, cash per share, a multiple of the tick.
        max_quantity: shares in one order.
        max_open_orders: of one trader in one round.
        decimals: places of displayed amounts: two, or as many as the tick needs.
        tick_units: a tick in units of the last of these places.
    """

    tick: Fraction
    max_price: Fraction
    max_quantity: int
    max_open_orders: int
    decimals: int = field(init=False)
    tick_units: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decimals", max(2, decimal_places(self.tick) or 0))
        object.__setattr__(self, "tick_units", int(self.tick * 10**self.decimals))

    def to_ticks(self, price: Fraction) -> int:
        """Return a price in ticks.

        Raises:
            ValueError: the price lies between two ticks.
        """
        numerator, denominator = self.tick.as_integer_ratio()
        ticks, rest = divmod(price.numerator * denominator, price.denominator * numerator)
        if rest:
            raise ValueError(f"The price must be a multiple of {exact_text(self.tick)}.")
        return ticks

    def to_price(self, ticks: int) -> Fraction:
        """Return a limit as cash per share."""
        return Fraction(ticks * self.tick.numerator, self.tick.denominator)

    def shown_price(self, ticks: int) -> str:
        """Return a limit as it is displayed, which is exact."""
        return fixed(ticks * self.tick_units, self.decimals)


@often_made(frozen=True, slots=True)
class OrderDraft:
    """An order that may be placed: side, quantity in shares, limit in ticks."""

    side: Side
    quantity: int
    limit: int

    def numbered(self, order_id: int, trader: int, ref: str | None = None) -> Order:
        """Return the order once it has its number and owner."""
        return Order(order_id, trader, self.side, self.quantity, self.limit, ref)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is not accepted; `message` is a complete sentence for people."""

    code: RefusalCode
    message: str


UNREADABLE_CANCEL = Refusal("malformed", "To cancel an order, send its order_id, a whole number.")
UNKNOWN_ORDER = Refusal("unknown_order", "You have no open order with this order_id.")


@often_made(frozen=True, slots=True)
class Standing:
    """Where a trader stands before an order: what it is measured against.

    Attributes:
        open_orders: how many there are.
        free_cash: not reserved by open bids, in cash.
        free_shares: not reserved by open offers.
        highest_bid, lowest_offer: of the trader's own open orders, in ticks.
    """

    open_orders: int
    free_cash: Fraction
    free_shares: int
    highest_bid: int | None = None
    lowest_offer: int | None = None

    @classmethod
    def of(cls, account: Account, open_orders: Sequence[Order], tick: Fraction) -> Standing:
        """Measure what an account's own open orders leave of it."""
        if not open_orders:
            return cls(0, account.cash, account.shares)
        bids = [order.limit for order in open_orders if order.side is Side.BUY]
        offers = [order.limit for order in open_orders if order.side is Side.SELL]
        return cls(
            open_orders=len(open_orders),
            free_cash=account.cash - reserved_cash(open_orders, tick),
            free_shares=account.shares - reserved_shares(open_orders),
            highest_bid=max(bids, default=None),
            lowest_offer=min(offers, default=None),
        )


def reserved_cash(orders: Iterable[Order], tick: Fraction) -> Fraction:
    """Return the cash a trader's open bids could cost, if all were filled at their limits."""
    return tick * reserved_ticks(orders)


def reserved_ticks(orders: Iterable[Order]) -> int:
    """Return the same cash in ticks."""
    return sum([order.quantity * order.limit for order in orders if order.side is Side.BUY])


def reserved_shares(orders: Iterable[Order]) -> int:
    """Return the shares a trader's open offers could deliver."""
    return sum([order.quantity for order in orders if order.side is Side.SELL])


def check_order(
    side: object,
    quantity: object,
    limit: object,
    *,
    account: Account,
    open_orders: Sequence[Order],
    rules: OrderRules,
) -> OrderDraft | tuple[Refusal, ...]:
    """Check what a trader asks for; never raises, whatever JSON holds.

    Args:
        side: "buy" or "sell".
        quantity: shares; an integer, or its text.
        limit: cash per share; decimal text, or an integer. Floats are refused: they are not exact.
        account: the trader's cash and shares before any of the open orders trades.
        open_orders: the trader's own, and nobody else's.

    Returns:
        The order to place, or every reason why not (at least one). What cannot be read is told before what
        cannot be afforded.
    """
    draft = read_order(side, quantity, limit, rules=rules)
    if not isinstance(draft, OrderDraft):
        return draft
    return conflicts(draft, Standing.of(account, open_orders, rules.tick), rules) or draft


def read_order(
    side: object, quantity: object, limit: object, *, rules: OrderRules
) -> OrderDraft | tuple[Refusal, ...]:
    """Read what a trader asks for, as `check_order` does, without asking whether it can be afforded."""
    known_side, shares, price = _read_side(side), _read_quantity(quantity, rules), _read_price(limit, rules)
    if isinstance(known_side, Side) and isinstance(shares, int) and isinstance(price, int):
        return OrderDraft(known_side, shares, price)
    return tuple(part for part in (known_side, shares, price) if isinstance(part, Refusal))


def conflicts(draft: OrderDraft, standing: Standing, rules: OrderRules) -> tuple[Refusal, ...]:
    """Return what stands between a well-formed order and the book; empty where it may be placed."""
    return tuple(_conflicts(draft, standing, rules))


def _read_side(raw: object) -> Side | Refusal:
    side = _SIDES.get(raw) if isinstance(raw, str) else None
    return side or Refusal("side", 'The side must be "buy" or "sell".')


def _read_quantity(raw: object, rules: OrderRules) -> int | Refusal:
    if isinstance(raw, str) and len(raw) <= LONGEST_INPUT and raw.isascii() and raw.isdigit():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= rules.max_quantity:
        return Refusal(
            "quantity", f"The quantity must be a whole number of shares from 1 to {rules.max_quantity}."
        )
    return raw


def _read_price(raw: object, rules: OrderRules) -> int | Refusal:
    price = read_decimal(raw)
    if price is None or price.numerator <= 0 or price > rules.max_price:
        return _wrong_price(rules)
    try:
        return rules.to_ticks(price)
    except ValueError as error:
        return Refusal("tick", str(error))


def _wrong_price(rules: OrderRules) -> Refusal:
    lowest, highest = exact_text(rules.tick), exact_text(rules.max_price)
    return Refusal("price", f"The price must be a number from {lowest} to {highest}, such as 14.50.")


def _conflicts(draft: OrderDraft, standing: Standing, rules: OrderRules) -> Iterator[Refusal]:
    if standing.open_orders >= rules.max_open_orders:
        yield Refusal(
            "too_many_orders",
            f"You have {standing.open_orders} open orders; {rules.max_open_orders} are allowed; cancel one.",
        )
    yield from _not_covered(draft, standing, rules)
    yield from _crosses_own(draft, standing, rules)


def _not_covered(draft: OrderDraft, standing: Standing, rules: OrderRules) -> Iterator[Refusal]:
    if draft.side is Side.BUY:
        cost, free = rules.to_price(draft.quantity * draft.limit), standing.free_cash
        if cost > free:
            yield Refusal(
                "not_enough_cash",
                f"This bid could cost {shown(cost, rules.decimals)}, but only {shown(free, rules.decimals)} "
                "of your cash is not reserved by your open bids.",
            )
        return
    left = standing.free_shares
    if draft.quantity > left:
        yield Refusal(
            "short_sale",
            f"You offered {draft.quantity} shares, but only {left} of your shares "
            f"{'is' if left == 1 else 'are'} not reserved by your open offers; short sales are not allowed.",
        )


def _crosses_own(draft: OrderDraft, standing: Standing, rules: OrderRules) -> Iterator[Refusal]:
    offer, bid = standing.lowest_offer, standing.highest_bid
    if draft.side is Side.BUY and offer is not None and draft.limit >= offer:
        lowest = shown(rules.to_price(offer), rules.decimals)
        yield Refusal("crosses_own_order", f"Your bid must be below your own lowest offer of {lowest}.")
    if draft.side is Side.SELL and bid is not None and draft.limit <= bid:
        highest = shown(rules.to_price(bid), rules.decimals)
        yield Refusal("crosses_own_order", f"Your offer must be above your own highest bid of {highest}.")
