from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.call_auction import (
    AuctionRules,
    Clearing,
    PriceSelection,
    PriceWithoutTrade,
    Rationing,
    clear,
    demand,
    supply,
)
from markets.orders import Order, Side
from tests.markets.books import TICK, auction_rules, book, books

LAST = Fraction(14)
WHOLE = AuctionRules(tick=Fraction(1))

Levels = list[tuple[int, int]]


def cleared(orders: list[Order], rules: AuctionRules = WHOLE, seed: int = 1) -> Clearing:
    return clear(orders, rules=rules, last_price=LAST, generator=random.Random(seed))


def filled(clearing: Clearing, side: Side) -> list[tuple[int, int]]:
    return [(fill.order_id, fill.quantity) for fill in clearing.fills if fill.side is side]


@pytest.mark.parametrize(
    ("bids", "offers", "price", "volume"),
    [
        ([(55, 4)], [(50, 10)], "52.5", 4),
        ([(5, 10), (6, 10)], [(5, 10), (6, 10)], "5.5", 10),
        ([(1, 1)], [(10, 1)], "5.5", 0),
        ([(4, 2), (6, 1)], [(4, 1), (6, 1)], "5", 1),
        ([(1, 1), (2, 2)], [(1, 1), (2, 2)], "2", 2),
        ([], [], "14", 0),
        ([(8, 1), (9, 1)], [], "9", 0),
        ([], [(8, 1), (9, 1)], "8", 0),
    ],
)
def test_worked_cases_of_the_reference_rule(bids: Levels, offers: Levels, price: str, volume: int) -> None:
    clearing = cleared(book(bids, offers))
    assert (clearing.price, clearing.volume) == (Fraction(price), volume)


def test_limits_are_never_truncated_for_pricing() -> None:
    """Truncated to integers, bid 14.90 and offer 14.95 would cross; they do not."""
    clearing = cleared(book([(1490, 1)], [(1495, 1)]), AuctionRules(TICK))
    assert clearing == Clearing(Fraction("14.925"), 0)


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        (PriceSelection.MIDPOINT, "52.5"),
        (PriceSelection.LOWEST, "50"),
        (PriceSelection.HIGHEST, "55"),
        (PriceSelection.K_DOUBLE, "51.25"),
    ],
)
def test_price_selection_between_the_best_candidates(rule: PriceSelection, price: str) -> None:
    rules = replace(WHOLE, price_selection=rule, k=Fraction(1, 4))
    assert cleared(book([(55, 4)], [(50, 10)]), rules).price == Fraction(price)


@pytest.mark.parametrize(
    ("bids", "offers", "price"),
    [
        ([(20, 4), (18, 4)], [(10, 4), (18, 3)], "18"),  # least imbalance: +1 at 18, 0 nowhere, 18 beats 20
        ([(20, 9)], [(10, 4)], "20"),  # bids press on every price: the highest
        ([(20, 4)], [(10, 9)], "10"),  # offers press on every price: the lowest
        ([(20, 4)], [(10, 4)], "14"),  # balanced everywhere: the last price lies between
        ([(20, 4)], [(16, 4)], "16"),  # balanced: the last price lies below
        ([(12, 4)], [(10, 4)], "12"),  # balanced: the last price lies above
        ([(20, 4), (10, 2)], [(10, 4), (20, 2)], "14"),  # +2 at 10, -2 at 20: pressure from both
    ],
)
def test_imbalance_rule_goes_down_its_chain(bids: Levels, offers: Levels, price: str) -> None:
    rules = replace(WHOLE, price_selection=PriceSelection.IMBALANCE)
    assert cleared(book(bids, offers), rules).price == Fraction(price)


@pytest.mark.parametrize("tick", [TICK, Fraction(1, 4), Fraction(2)])
def test_a_balanced_book_stays_at_the_last_price_whatever_the_tick(tick: Fraction) -> None:
    ten, twenty = int(10 / tick), int(20 / tick)
    rules = AuctionRules(tick, price_selection=PriceSelection.IMBALANCE)
    assert cleared(book([(twenty, 4)], [(ten, 4)]), rules).price == LAST


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        (PriceWithoutTrade.REFERENCE, Fraction(11, 2)),
        (PriceWithoutTrade.LAST, LAST),
        (PriceWithoutTrade.MISSING, None),
    ],
)
def test_price_without_trade_is_an_option(rule: PriceWithoutTrade, price: Fraction | None) -> None:
    rules = replace(WHOLE, price_without_trade=rule)
    assert cleared(book([(1, 1)], [(10, 1)]), rules) == Clearing(price, 0)


def test_better_prices_trade_first_and_wholly() -> None:
    clearing = cleared(book([(9, 2), (8, 5), (10, 1)], [(7, 4)]))
    assert filled(clearing, Side.BUY) == [(1, 2), (2, 1), (3, 1)]


def test_time_rationing_fills_the_earlier_order() -> None:
    assert filled(cleared(book([(9, 3), (9, 3)], [(7, 4)])), Side.BUY) == [(1, 3), (2, 1)]


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("quantities", "met", "expected"),
    [
        ([6, 3, 1], 5, [3, 2, 0]),  # 3.0, 1.5, 0.5: the remainders tie, the earlier order wins
        ([1, 1, 1], 2, [1, 1, 0]),
        ([5, 5], 7, [4, 3]),
        ([1, 8], 6, [1, 5]),  # 0.67 and 5.33
    ],
)
def test_pro_rata_goes_by_largest_remainder_among_bids_as_among_offers(
    quantities: list[int], met: int, expected: list[int], side: Side
) -> None:
    long, short = [(8, one) for one in quantities], [(8, met)]
    orders = book(long, short) if side is Side.BUY else book(short, long)
    shares = dict(filled(cleared(orders, replace(WHOLE, rationing=Rationing.PRO_RATA)), side))
    assert [shares.get(order.order_id, 0) for order in orders if order.side is side] == expected


def test_random_rationing_differs_by_seed_and_repeats_with_it() -> None:
    rules = replace(WHOLE, rationing=Rationing.RANDOM)
    orders = book([(9, 1)] * 6, [(7, 1)])
    winners = [filled(cleared(orders, rules, seed), Side.BUY)[0][0] for seed in range(30)]
    assert winners == [filled(cleared(orders, rules, seed), Side.BUY)[0][0] for seed in range(30)]
    assert len(set(winners)) > 2


def test_random_rationing_without_a_generator_is_told() -> None:
    with pytest.raises(ValueError, match="generator"):
        clear(book([(9, 2)], [(7, 1)]), rules=replace(WHOLE, rationing=Rationing.RANDOM), last_price=LAST)


def test_where_everybody_trades_all_they_ordered_nothing_is_drawn() -> None:
    orders = book([(9, 1), (9, 1)], [(7, 2)])
    clearing = clear(orders, rules=replace(WHOLE, rationing=Rationing.RANDOM), last_price=LAST)
    assert filled(clearing, Side.BUY) == [(1, 1), (2, 1)]


def test_two_orders_of_one_number_are_told() -> None:
    orders = book([(9, 2)], []) + book([(9, 2)], [])
    with pytest.raises(ValueError, match="order id"):
        cleared(orders)


@given(books(), auction_rules, st.integers(0, 5))
def test_announced_volume_is_filled_on_both_sides(
    orders: list[Order], rules: AuctionRules, seed: int
) -> None:
    clearing = cleared(orders, rules, seed)
    for side in Side:
        assert sum(quantity for _, quantity in filled(clearing, side)) == clearing.volume


@given(books(), auction_rules, st.integers(0, 5))
def test_nobody_trades_worse_than_their_limit_or_more_than_they_ordered(
    orders: list[Order], rules: AuctionRules, seed: int
) -> None:
    clearing = cleared(orders, rules, seed)
    by_id = {order.order_id: order for order in orders}
    for fill in clearing.fills:
        order, limit = by_id[fill.order_id], by_id[fill.order_id].limit * rules.tick
        assert 0 < fill.quantity <= order.quantity
        assert (fill.trader, fill.side) == (order.trader, order.side)
        assert clearing.price is not None
        assert limit >= clearing.price if order.side is Side.BUY else limit <= clearing.price


@given(books(), auction_rules)
def test_no_price_would_trade_more(orders: list[Order], rules: AuctionRules) -> None:
    """Brute force over every half tick around the book."""
    halves = [Fraction(half, 2) for half in range(27)]
    most = max(min(demand(orders, price), supply(orders, price)) for price in halves)
    clearing = cleared(orders, rules)
    assert clearing.volume == most
    if clearing.volume:
        assert clearing.price is not None
        ticks = clearing.price / rules.tick
        assert min(demand(orders, ticks), supply(orders, ticks)) == most


@given(books(), auction_rules)
def test_a_better_priced_order_is_whole_before_a_worse_one_trades(
    orders: list[Order], rules: AuctionRules
) -> None:
    shares = {fill.order_id: fill.quantity for fill in cleared(orders, rules).fills}
    for one in orders:
        for other in orders:
            better = one.limit > other.limit if one.side is Side.BUY else one.limit < other.limit
            if one.side is other.side and better and other.order_id in shares:
                assert shares.get(one.order_id) == one.quantity


@given(books(), auction_rules, st.randoms())
def test_the_outcome_does_not_depend_on_the_sequence_of_the_book(
    orders: list[Order], rules: AuctionRules, shuffler: random.Random
) -> None:
    shuffled = list(orders)
    shuffler.shuffle(shuffled)
    assert cleared(shuffled, rules) == cleared(orders, rules)
