from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.agents.replies import UnusableReply, read_reply, reply_schema
from bots.agents.rules import decision_faults
from bots.domain.market import MarketView
from markets.orders import Side
from tests.agents.sights import sight, with_orders

WORDS = {"reasoning": "r", "insight": "i", "plan": "p"}


def trade(*orders: dict[str, Any], **more: Any) -> str:
    return json.dumps({**WORDS, "orders": orders, **more})


def faults(text: str, seen: MarketView | None = None) -> str:
    with pytest.raises(UnusableReply) as unusable:
        read_reply(text, seen or sight())
    return " ".join(unusable.value.faults)


def test_prices_are_read_exactly_from_numbers_and_from_text() -> None:
    bid = '{"side": "BUY", "quantity": 1, "price": 14.10}'
    offer = '{"side": "sell", "quantity": "2", "price": "14.30"}'
    text = f'{{"orders": [{bid}, {offer}]}}'
    orders = read_reply(text, sight()).orders
    assert [order.limit for order in orders] == [Decimal("14.10"), Decimal("14.30")]
    assert [order.quantity for order in orders] == [1, 2]


@pytest.mark.parametrize(
    "wrapped", ["```json\n{}\n```", "Here is my answer:\n{}\nGood luck!", "  {}  ", "```\n{}```"]
)
def test_json_is_found_in_what_models_put_around_it(wrapped: str) -> None:
    order = {"side": "buy", "quantity": 1, "price": 14}
    assert len(read_reply(wrapped.replace("{}", trade(order)), sight()).orders) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"side": "sell", "quantity": 99, "price": 14}, "short sales are not allowed"),
        ({"side": "buy", "quantity": 8, "price": 14}, "Order 1 (buy 8 at 14): This bid could cost 112.00"),
        ({"side": "buy", "quantity": 1, "price": "14.005"}, "multiple of 0.01"),
        ({"side": "buy", "quantity": 100, "price": "0.01"}, "from 1 to 99"),
        ({"side": "buy", "quantity": 1, "price": -3}, "orders.1.price: Input should be greater than 0"),
        ({"side": "buy", "quantity": 1.5, "price": 3}, "orders.1.quantity: must be a whole number"),
        ({"side": "buy", "quantity": True, "price": 3}, "orders.1.quantity"),
        ({"side": "short", "quantity": 1, "price": 3}, "orders.1.side"),
        ({"side": "buy", "quantity": 1, "price": "1/3"}, "orders.1.price: must be a number such as 14.50"),
        ({"side": "buy", "quantity": 1}, "orders.1.price: Field required"),
        ({"side": "buy", "quantity": 1, "price": 3, "type": "market"}, "orders.1.type"),
    ],
)
def test_model_is_told_which_order_breaks_which_rule(order: dict[str, Any], words: str) -> None:
    assert words in faults(trade(order))


def test_orders_are_checked_together_as_they_would_be_placed() -> None:
    bid = {"side": "buy", "quantity": 4, "price": 14}
    assert "Order 2 (buy 4 at 14)" in faults(trade(bid, bid))
    assert "below your own lowest offer" in faults(trade({"side": "sell", "quantity": 1, "price": 14}, bid))


def test_cancelled_orders_make_room_and_unknown_ones_are_refused() -> None:
    seen = with_orders(sight(), (5, Side.BUY, 7, "14.00"))
    bid = {"side": "buy", "quantity": 7, "price": 14}
    assert read_reply(trade(bid, cancel=[5]), seen).cancel == (5,)
    assert "Order 1" in faults(trade(bid), seen)
    assert "Order 6 cannot be cancelled" in faults(trade(cancel=[6]), seen)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"f0": 14}, "The forecast f1 (price in round 3) is missing."),
        ({"f0": 14, "f1": 101, "f2": 1, "f3": 1}, "f1 is 101; it must be from 0 to 100"),
        ({"f0": 14, "f1": 14, "f2": 14, "f3": 14, "f9": 14}, "'f9'"),
        ({"f0": "high", "f1": 14, "f2": 14, "f3": 14}, "forecasts.f0: must be a number"),
    ],
)
def test_model_is_told_which_forecast_is_wrong(values: dict[str, Any], words: str) -> None:
    assert words in faults(json.dumps({**WORDS, "forecasts": values}), sight("forecast"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[]",
        "7",
        "null",
        "{",
        trade()[:-3],
        "[" * 100_000,
        '{"orders": [{"side": "buy", "quantity": 1, "price": NaN}]}',
        '{"orders": [{"side": "buy", "quantity": 1, "price": 1e999999}]}',
        '{"orders": [{"side": "buy", "quantity": 1e30, "price": 1}]}',
        '{"orders": [{"side": "buy", "quantity": 1, "price": ' + "9" * 5000 + "}]}",
        '{"plan": "no orders key"}',
        '{"orders": {}}',
    ],
)
def test_what_is_no_decision_is_said_to_be_none(text: str) -> None:
    assert faults(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
orders = st.fixed_dictionaries(
    {
        "side": st.sampled_from(["buy", "sell", "hold"]),
        "quantity": st.integers(-2, 120) | json_values,
        "price": st.decimals(-5, 200, places=2).map(str) | st.floats() | json_values,
    }
)


@given(
    answer=st.fixed_dictionaries({"orders": st.lists(orders, max_size=4) | json_values})
    | json_values
    | st.dictionaries(st.sampled_from(["orders", "cancel", "plan", "forecasts"]), json_values)
)
@settings(max_examples=200)
def test_whatever_json_comes_is_a_legal_decision_or_unusable(answer: object) -> None:
    for page in (sight(), sight("forecast")):
        try:
            decision = read_reply(json.dumps(answer), page)
        except UnusableReply:
            continue
        assert list(decision_faults(page, decision)) == []


def test_schema_asks_for_every_input_and_offers_cancelling_only_where_there_is_something_to_cancel() -> None:
    forecasts = reply_schema(sight("forecast"))["properties"]["forecasts"]
    assert forecasts["required"] == ["f0", "f1", "f2", "f3"]
    assert "cancel" not in reply_schema(sight())["properties"]
    assert "cancel" in reply_schema(with_orders(sight(), (5, Side.BUY, 1, "14")))["required"]


def test_small_models_are_kept_to_whole_numbers_within_their_limits() -> None:
    forecasts = reply_schema(sight("forecast"), "integer")["properties"]["forecasts"]["properties"]
    assert forecasts["f0"] == {"type": "integer", "minimum": 0, "maximum": 100}
    order = reply_schema(sight(), "integer")["properties"]["orders"]["items"]["properties"]
    assert order["quantity"] == {"type": "integer", "minimum": 1, "maximum": 99}
    assert order["price"] == {"type": "integer", "minimum": 1, "maximum": 9999}


@pytest.mark.parametrize(
    "text", ["```" + " " * 190_000 + "x", "```" * 60_000, "x```json" + "\n" * 190_000, "{" * 190_000]
)
def test_answer_made_to_be_hard_to_read_is_read_at_once(text: str) -> None:
    started = time.process_time()
    faults(text)
    assert time.process_time() - started < 0.5
