"""How many orders a second the rules take, on one core: python benchmarks/bench_markets.py [ORDERS ...]

double auction, busy    orders around one price: two of three trade; every fifth message asks to cancel
double auction, deep    bids below and offers above one price: nothing trades and everything waits
call auction, checked   every order read and checked against its trader's account
call auction, cleared   the same book cleared at one price

Orders come as text, as from a page, so reading and validating them is in every number but that of clearing.
Linear growth shows as a rate that stays; the best of three runs is printed.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from time import perf_counter

from markets.accounts import Account
from markets.call_auction import AuctionRules, clear
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.orders import Order, OrderDraft, OrderRules, check_order

SIZES = (1_000, 10_000, 100_000)
RUNS = 3
ORDERS_A_TRADER = 10
RULES = OrderRules(Fraction(1, 100), Fraction("9999.99"), max_quantity=99, max_open_orders=ORDERS_A_TRADER)
RICH = Account(Fraction(10**9), 10**7)
LAST = Fraction(14)

Message = tuple[int, str, int, str]
"""Trader, side, shares, limit."""


def busy(size: int, seed: int = 1) -> list[Message]:
    """Return orders whose limits lie around 14 on both sides."""
    generator, traders = random.Random(seed), max(24, size // ORDERS_A_TRADER)
    return [
        (
            generator.randrange(traders),
            generator.choice(("buy", "sell")),
            generator.randint(1, 5),
            f"{generator.randint(1300, 1500) / 100:.2f}",
        )
        for _ in range(size)
    ]


def deep(size: int, seed: int = 1) -> list[Message]:
    """Return orders that never meet: bids from 1 to 13.99 and offers from 14.01 on, half a book each."""
    generator = random.Random(seed)
    sides = [("buy", 100, 1399), ("sell", 1401, 9999)]
    messages = []
    for number in range(size):
        side, lowest, highest = generator.choice(sides)
        limit = f"{generator.randint(lowest, highest) / 100:.2f}"
        messages.append((number // ORDERS_A_TRADER, side, generator.randint(1, 5), limit))
    return messages


def accounts_of(messages: Sequence[Message]) -> dict[int, Account]:
    """Return an account for everybody who sends something, rich enough for all of it."""
    return {trader: RICH for trader, *_ in messages}


def double_auction(messages: Sequence[Message], *, cancel_every: int) -> Callable[[], int]:
    """Return a run of the market over all messages, with a cancel after every few; it returns how many."""
    accounts = accounts_of(messages)

    def run() -> int:
        market, handled = DoubleAuction(accounts, DoubleAuctionRules(RULES)), 0
        for number, (trader, side, quantity, limit) in enumerate(messages, start=1):
            market.place(trader, side, quantity, limit)
            if cancel_every and number % cancel_every == 0:
                market.cancel(trader, market.next_order_id - 1)
                handled += 1
        market.close()
        return handled + len(messages)

    return run


def checked(messages: Sequence[Message]) -> list[Order]:
    """Return the book of a call market: the orders that its check accepts."""
    accounts = accounts_of(messages)
    own: dict[int, list[Order]] = {trader: [] for trader in accounts}
    book: list[Order] = []
    for trader, side, quantity, limit in messages:
        account, orders = accounts[trader], own[trader]
        draft = check_order(side, quantity, limit, account=account, open_orders=orders, rules=RULES)
        if isinstance(draft, OrderDraft):
            order = draft.numbered(len(book) + 1, trader)
            book.append(order)
            orders.append(order)
    return book


def call_auction(messages: Sequence[Message]) -> tuple[Callable[[], int], Callable[[], int]]:
    """Return a run that checks all messages, and one that clears their book; each returns how many orders."""
    book = checked(messages)

    def check() -> int:
        checked(messages)
        return len(messages)

    def clear_book() -> int:
        clear(book, rules=AuctionRules(RULES.tick), last_price=LAST)
        return len(book)

    return check, clear_book


def rate(run: Callable[[], int]) -> float:
    """Return messages a second, the best of some runs."""
    best = 0.0
    for _ in range(RUNS):
        gc.collect()
        started = perf_counter()
        handled = run()
        best = max(best, handled / (perf_counter() - started))
    return best


def main(sizes: Sequence[int]) -> None:
    print(f"{'orders a second':24}" + "".join(f"{size:>12,} orders" for size in sizes))
    rows: dict[str, list[float]] = {}
    for size in sizes:
        check, clear_book = call_auction(busy(size))
        for name, run in (
            ("double auction, busy", double_auction(busy(size), cancel_every=4)),
            ("double auction, deep", double_auction(deep(size), cancel_every=0)),
            ("call auction, checked", check),
            ("call auction, cleared", clear_book),
        ):
            rows.setdefault(name, []).append(rate(run))
    for name, rates in rows.items():
        print(f"{name:24}" + "".join(f"{one:>19,.0f}" for one in rates))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or SIZES)
