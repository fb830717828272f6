from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.accounts import Account
from markets.money import shown
from markets.orders import (
    Order,
    OrderDraft,
    OrderRules,
    Refusal,
    Side,
    check_order,
    reserved_cash,
    reserved_shares,
)
from markets.view import holdings_view, order_view
from tests.markets.books import TICK, json_values

RULES = OrderRules(TICK, max_price=Fraction("9999.99"), max_quantity=99, max_open_orders=3)
ACCOUNT = Account(Fraction(100), 4)


def check(
    side: Any = "buy", quantity: Any = 1, limit: Any = "14", *open_orders: Order, account: Account = ACCOUNT
) -> OrderDraft | tuple[Refusal, ...]:
    return check_order(side, quantity, limit, account=account, open_orders=open_orders, rules=RULES)


def codes(answer: OrderDraft | tuple[Refusal, ...]) -> list[str]:
    assert isinstance(answer, tuple)
    assert all(refusal.message.endswith(".") for refusal in answer)
    return [refusal.code for refusal in answer]


def test_side_reads_and_writes_as_its_word() -> None:
    assert (str(Side.BUY), f"{Side.SELL}", json.dumps(Side.BUY)) == ("buy", "sell", '"buy"')


def test_an_order_that_is_covered_is_accepted_in_ticks() -> None:
    draft = check("buy", 2, "14.50")
    assert draft == OrderDraft(Side.BUY, 2, 1450)
    assert draft.numbered(7, 3, "a") == Order(7, 3, Side.BUY, 2, 1450, "a")
    assert check("sell", "4", 15) == OrderDraft(Side.SELL, 4, 1500)


@pytest.mark.parametrize(
    ("side", "quantity", "limit", "expected"),
    [
        ("BUY", 1, "14", ["side"]),
        (None, 1, "14", ["side"]),
        ("buy", 0, "14", ["quantity"]),
        ("buy", 100, "1", ["quantity"]),
        ("buy", 1.0, "14", ["quantity"]),
        ("buy", True, "14", ["quantity"]),
        ("buy", "2.5", "14", ["quantity"]),
        ("buy", 1, "0", ["price"]),
        ("buy", 1, "10000", ["price"]),
        ("buy", 1, 14.5, ["price"]),
        ("buy", 1, "NaN", ["price"]),
        ("buy", 1, "1e1", ["price"]),
        ("buy", 1, "1" * 41, ["price"]),
        ("buy", 1, True, ["price"]),
        ("buy", 1, "14.005", ["tick"]),
        ("x", "x", "x", ["side", "quantity", "price"]),
    ],
)
def test_what_cannot_be_an_order_is_refused_with_every_reason(
    side: Any, quantity: Any, limit: Any, expected: list[str]
) -> None:
    assert codes(check(side, quantity, limit)) == expected


def test_open_bids_reserve_cash() -> None:
    bid = Order(1, 1, Side.BUY, 5, 1000)
    assert codes(check("buy", 6, "10", bid)) == ["not_enough_cash"]
    assert isinstance(check("buy", 5, "10", bid), OrderDraft)
    assert reserved_cash([bid], TICK) == 50


def test_a_bid_may_cost_exactly_what_is_left() -> None:
    just = Account(Fraction("14.009999"), 0)
    assert isinstance(check("buy", 1, "14", account=just), OrderDraft)
    refusals = check("buy", 1, "14.01", account=just)
    assert codes(refusals) == ["not_enough_cash"]
    assert isinstance(refusals, tuple)
    assert "only 14.00 of your cash" in refusals[0].message


def test_open_offers_reserve_shares() -> None:
    offer = Order(1, 1, Side.SELL, 3, 1500)
    refusals = check("sell", 2, "15", offer)
    assert codes(refusals) == ["short_sale"]
    assert isinstance(refusals, tuple)
    assert "only 1 of your shares is" in refusals[0].message
    assert codes(check("sell", 5, "15")) == ["short_sale"]
    assert reserved_shares([offer]) == 3


@pytest.mark.parametrize("limit", ["15", "16"])
def test_a_bid_must_stay_below_the_traders_own_offers(limit: str) -> None:
    offer = Order(1, 1, Side.SELL, 1, 1500)
    assert codes(check("buy", 1, limit, offer)) == ["crosses_own_order"]
    assert isinstance(check("buy", 1, "14.99", offer), OrderDraft)


@pytest.mark.parametrize("limit", ["12", "13"])
def test_an_offer_must_stay_above_the_traders_own_bids(limit: str) -> None:
    bid = Order(1, 1, Side.BUY, 1, 1300)
    assert codes(check("sell", 1, limit, bid)) == ["crosses_own_order"]
    assert isinstance(check("sell", 1, "13.01", bid), OrderDraft)


def test_every_broken_rule_is_told_at_once() -> None:
    held = [Order(number, 1, Side.BUY, 1, 1300) for number in (1, 2, 3)]
    refusals = check("sell", 9, "13", *held)
    assert codes(refusals) == ["too_many_orders", "short_sale", "crosses_own_order"]


@given(json_values, json_values, json_values)
def test_no_json_makes_the_check_raise(side: Any, quantity: Any, limit: Any) -> None:
    for known in (side, "buy", "sell"):
        answer = check(known, quantity, limit)
        assert isinstance(answer, OrderDraft) or codes(answer)


@given(st.integers(-(10**6), 10**9))
def test_ticks_and_prices_are_each_others_inverse(ticks: int) -> None:
    assert RULES.to_ticks(RULES.to_price(ticks)) == ticks


def test_displayed_decimals_follow_the_tick() -> None:
    assert RULES.decimals == 2
    assert OrderRules(Fraction("0.0005"), Fraction(1), 1, 1).decimals == 4
    assert OrderRules(Fraction(1), Fraction(1), 1, 1).decimals == 2


@pytest.mark.parametrize(("quantity", "limit"), [(0, 1), (1, 0)])
def test_an_order_of_nothing_cannot_be_built(quantity: int, limit: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Order(1, 1, Side.BUY, quantity, limit)


def test_the_smallest_order_is_one_share_at_one_tick() -> None:
    assert check("buy", 1, "0.01") == OrderDraft(Side.BUY, 1, 1)
    assert OrderDraft(Side.BUY, 1, 1).numbered(1, 1) == Order(1, 1, Side.BUY, 1, 1)


@pytest.mark.parametrize("allowed", [1, 2, 3])
def test_a_trader_may_have_as_many_orders_open_as_are_allowed_and_no_more(allowed: int) -> None:
    rules = OrderRules(TICK, Fraction(100), max_quantity=99, max_open_orders=allowed)
    held = [Order(number, 1, Side.BUY, 1, 1) for number in range(1, allowed + 1)]
    last = check_order("buy", 1, "14", account=ACCOUNT, open_orders=held[1:], rules=rules)
    assert last == OrderDraft(Side.BUY, 1, 1400)
    beyond = check_order("buy", 1, "14", account=ACCOUNT, open_orders=held, rules=rules)
    assert codes(beyond) == ["too_many_orders"]


EIGHTHS = OrderRules(Fraction("0.125"), Fraction(1000), 99, 4)
BOUNDS = "The price must be a number from 0.125 to 1000, such as 14.50."
SHORT = "of your shares {} not reserved by your open offers; short sales are not allowed."
DEBT = "This bid could cost {}, but only {} of your cash is not reserved by your open bids."


@pytest.mark.parametrize(
    ("order", "held", "told"),
    [
        (("hold", 1, "14"), [], 'The side must be "buy" or "sell".'),
        (("buy", 0, "14"), [], "The quantity must be a whole number of shares from 1 to 99."),
        (("buy", "1" * 41, "14"), [], "The quantity must be a whole number of shares from 1 to 99."),
        (("buy", 1, "1000.125"), [], BOUNDS),
        (("buy", 1, "-1"), [], BOUNDS),
        (("buy", 1, "14.1"), [], "The price must be a multiple of 0.125."),
        (("buy", 1, "100.125"), [], DEBT.format("100.125", "100.009")),
        (("buy", 2, "45.5"), [("buy", 1, 80)], DEBT.format("91.000", "90.009")),
        (("sell", 5, "14"), [], "You offered 5 shares, but only 4 " + SHORT.format("are")),
        (("sell", 2, "14"), [("sell", 3, 800)], "You offered 2 shares, but only 1 " + SHORT.format("is")),
        (
            ("buy", 1, "14.25"),
            [("sell", 1, 114), ("sell", 1, 113), ("buy", 1, 8)],
            "Your bid must be below your own lowest offer of 14.125.",
        ),
        (
            ("sell", 1, "13.5"),
            [("buy", 1, 108), ("buy", 1, 109), ("sell", 1, 900)],
            "Your offer must be above your own highest bid of 13.625.",
        ),
        (("buy", 1, "1"), [("buy", 1, 8)] * 4, "You have 4 open orders; 4 are allowed; cancel one."),
    ],
)
def test_a_refusal_names_the_rule_and_the_amounts_with_the_places_of_the_tick(
    order: tuple[str, Any, str], held: list[tuple[str, int, int]], told: str
) -> None:
    account = Account(Fraction("100.0099"), 4)
    open_orders = [
        Order(number, 1, Side(side), quantity, limit)
        for number, (side, quantity, limit) in enumerate(held, start=1)
    ]
    answer = check_order(*order, account=account, open_orders=open_orders, rules=EIGHTHS)
    assert isinstance(answer, tuple)
    assert [refusal.message for refusal in answer] == [told]


@pytest.mark.parametrize(
    ("quantity", "limit"), [(1, "0.125"), (99, "0.125"), ("1", 1), ("0" * 39 + "1", "1000")]
)
def test_the_bounds_of_quantity_and_price_are_allowed(quantity: int | str, limit: str | int) -> None:
    account = Account(Fraction(1000), 0)
    answer = check_order("buy", quantity, limit, account=account, open_orders=(), rules=EIGHTHS)
    assert answer == OrderDraft(Side.BUY, int(quantity), EIGHTHS.to_ticks(Fraction(limit)))


@given(
    cash=st.fractions(0, 10**6, max_denominator=20**20),
    tick=st.sampled_from(["0.01", "0.05", "0.25", "1", "2.5", "0.001", "0.00025"]),
    limits=st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 99), st.integers(1, 10**6)), max_size=4),
)
def test_what_a_page_shows_of_an_account_is_the_exact_amount_rounded_down(
    cash: Fraction, tick: str, limits: list[tuple[Side, int, int]]
) -> None:
    rules = OrderRules(Fraction(tick), max_price=Fraction(10**6), max_quantity=99, max_open_orders=4)
    orders = [Order(number, 1, *one) for number, one in enumerate(limits, start=1)]
    seen = holdings_view(Account(cash, 400), orders, rules)

    assert seen["cash"] == shown(cash, rules.decimals)
    assert seen["cash_available"] == shown(cash - reserved_cash(orders, rules.tick), rules.decimals)
    assert seen["shares_available"] == 400 - reserved_shares(orders)
    for order in orders:
        assert Fraction(order_view(order, rules)["limit"]) == rules.to_price(order.limit)
