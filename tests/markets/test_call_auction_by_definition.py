"""What the call auction decides, adding its book up once, is what its definitions decide order by order."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from markets.call_auction import AuctionRules, clear
from markets.orders import Order
from tests.markets.books import auction_rules, books
from tests.markets.slow_auction import slow_clear


@settings(max_examples=400)
@given(books(most_orders=24), auction_rules, st.integers(0, 50), st.integers(1, 14))
def test_the_sorted_auction_decides_what_its_definitions_decide(
    orders: list[Order], rules: AuctionRules, seed: int, last: int
) -> None:
    """Random rationing included: both draw the same numbers in the same places."""
    price, fast, slow = Fraction(last), random.Random(seed), random.Random(seed)
    assert clear(orders, rules=rules, last_price=price, generator=fast) == slow_clear(
        orders, rules, price, slow
    )
    assert fast.getstate() == slow.getstate()
