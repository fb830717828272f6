"""Books, options and random JSON for the market's tests."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from markets.call_auction import AuctionRules, PriceSelection, PriceWithoutTrade, Rationing
from markets.orders import Order, Side

TICK = Fraction(1, 100)


def book(bids: list[tuple[int, int]], offers: list[tuple[int, int]]) -> list[Order]:
    """A book of (limit in ticks, quantity), each order of a trader of its own."""
    sides = [(Side.BUY, *one) for one in bids] + [(Side.SELL, *one) for one in offers]
    return [
        Order(number, number, side, quantity, limit)
        for number, (side, limit, quantity) in enumerate(sides, start=1)
    ]


@st.composite
def books(draw: st.DrawFn, most_orders: int = 12, highest: int = 12) -> list[Order]:
    """Any book: few prices, so that ties at the margin are common."""
    sides = draw(
        st.lists(
            st.tuples(st.sampled_from(Side), st.integers(1, highest), st.integers(1, 9)), max_size=most_orders
        )
    )
    return [
        Order(number, number, side, quantity, limit)
        for number, (side, limit, quantity) in enumerate(sides, start=1)
    ]


auction_rules = st.builds(
    AuctionRules,
    tick=st.sampled_from([TICK, Fraction(1), Fraction(1, 4)]),
    price_selection=st.sampled_from(PriceSelection),
    rationing=st.sampled_from(Rationing),
    price_without_trade=st.sampled_from(PriceWithoutTrade),
    k=st.fractions(0, 1, max_denominator=8),
)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**40, 10**4000, -(10**4000)])  # the longest that JSON can carry
    | st.floats()
    | st.text(max_size=60)
    | st.sampled_from(["buy", "sell", "14.50", "1e9", "NaN", "-1", "0", "1/3", "1/0", "٣", "²", "0" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
