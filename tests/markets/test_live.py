from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.accounts import Account
from markets.live import OTHER_ROUND, Desk, Reaction, react
from markets.orders import UNKNOWN_ORDER, UNREADABLE_CANCEL, Order, OrderRules, Side
from tests.markets.books import TICK, json_values

RULES = OrderRules(TICK, Fraction("9999.99"), 99, 10)
BID = Order(3, 1, Side.BUY, 2, 1000, "first")
DESK = Desk(trader=1, account=Account(Fraction("100.019"), 4), rules=RULES, open_orders=(BID,))
PLACE = {"type": "place", "side": "sell", "quantity": 1, "limit": "14.50", "ref": "a"}


def code(reaction: Reaction) -> str:
    assert (reaction.placed, reaction.cancelled) == (None, None)
    assert reaction.frame["type"] == "refused"
    return str(reaction.frame["reasons"][0]["code"])


def test_a_placed_order_is_answered_with_what_it_leaves() -> None:
    reaction = react(PLACE, DESK, order_id=4)
    assert reaction.placed == Order(4, 1, Side.SELL, 1, 1450, "a")
    assert reaction.frame == {
        "type": "placed",
        "ref": "a",
        "order": {"order_id": 4, "side": "sell", "quantity": 1, "limit": "14.50", "ref": "a"},
        "holdings": {"cash": "100.01", "shares": 4, "cash_available": "80.01", "shares_available": 3},
    }


def test_a_cancelled_order_frees_what_it_reserved() -> None:
    reaction = react({"type": "cancel", "order_id": 3, "ref": "b"}, DESK, order_id=4)
    assert (reaction.cancelled, reaction.frame["order_id"]) == (3, 3)
    assert reaction.frame["holdings"]["cash_available"] == "100.01"


def test_a_refused_order_is_told_every_reason() -> None:
    reaction = react({**PLACE, "quantity": 9, "limit": "9.00"}, DESK, order_id=4)
    assert code(reaction) == "short_sale"
    assert [reason["code"] for reason in reaction.frame["reasons"]] == ["short_sale", "crosses_own_order"]


def test_a_ref_sent_again_gets_the_first_answer_and_places_nothing() -> None:
    first = react(PLACE, DESK, order_id=4)
    again = react(PLACE, Desk(1, DESK.account, RULES, (BID,), {"a": first.frame}), order_id=5)
    assert (again.frame, again.repeated, again.placed) == (first.frame, True, None)


def test_others_orders_and_unknown_ones_cannot_be_cancelled() -> None:
    assert code(react({"type": "cancel", "order_id": 99, "ref": "b"}, DESK, order_id=4)) == "unknown_order"


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "place",
        {},
        {"type": "place"},
        {**PLACE, "ref": ""},
        {**PLACE, "ref": "x" * 65},
        {**PLACE, "ref": 7},
        {**PLACE, "type": "buy"},
        {"type": "place", "side": "buy", "quantity": 1, "ref": "a"},
        {"type": "cancel", "ref": "a"},
        {"type": "cancel", "order_id": True, "ref": "a"},
        {"type": "cancel", "order_id": "3", "ref": "a"},
    ],
)
def test_malformed_messages_are_refused(message: object) -> None:
    assert code(react(message, DESK, order_id=4)) == "malformed"


keys = st.sampled_from(["type", "side", "quantity", "limit", "order_id", "ref"])


@given(json_values | st.dictionaries(keys, json_values), st.sampled_from(["place", "cancel"]))
def test_no_json_makes_the_desk_raise(message: Any, kind: str) -> None:
    known = {**message, "type": kind, "ref": "r"} if isinstance(message, dict) else message
    for sent in (message, known):
        reaction = react(sent, DESK, order_id=4)
        assert reaction.frame["type"] in ("placed", "cancelled", "refused")


NOT_AN_OBJECT = "A message must be an object with a type and a ref."
WITHOUT_A_REF = "A message needs a ref of 1 to 64 characters."
OF_NO_KIND = 'The type of a message must be "place" or "cancel".'
LACKS = "An order needs a side, a quantity and a limit; {} is missing."


@pytest.mark.parametrize(
    ("message", "ref", "reason"),
    [
        ("place", "", ("malformed", NOT_AN_OBJECT)),
        ({"type": "place"}, "", ("malformed", WITHOUT_A_REF)),
        ({**PLACE, "ref": "x" * 65}, "", ("malformed", WITHOUT_A_REF)),
        ({**PLACE, "type": "buy"}, "a", ("malformed", OF_NO_KIND)),
        ({"type": "place", "ref": "a", "side": "buy"}, "a", ("malformed", LACKS.format("quantity"))),
        (
            {"type": "place", "ref": "a", "limit": "1", "quantity": 1},
            "a",
            ("malformed", LACKS.format("side")),
        ),
        ({**PLACE, "round": 8}, "a", (OTHER_ROUND.code, OTHER_ROUND.message)),
        ({**PLACE, "side": 1}, "a", ("side", 'The side must be "buy" or "sell".')),
        ({"type": "cancel", "ref": "a"}, "a", (UNREADABLE_CANCEL.code, UNREADABLE_CANCEL.message)),
        (
            {"type": "cancel", "ref": "a", "order_id": 4},
            "a",
            (UNKNOWN_ORDER.code, UNKNOWN_ORDER.message),
        ),
    ],
)
def test_a_refusal_says_why_and_carries_the_ref_of_its_message(
    message: object, ref: str, reason: tuple[str, str]
) -> None:
    told = {"type": "refused", "ref": ref, "reasons": [{"code": reason[0], "message": reason[1]}]}
    assert react(message, replace(DESK, round=7), order_id=4) == Reaction(told)


def test_a_cancel_is_answered_with_what_the_orders_that_stay_reserve() -> None:
    desk = replace(DESK, open_orders=(BID, Order(5, 1, Side.BUY, 1, 900)))
    frame = {
        "type": "cancelled",
        "ref": "b",
        "order_id": 3,
        "holdings": {"cash": "100.01", "shares": 4, "cash_available": "91.01", "shares_available": 4},
    }
    cancelled = react({"type": "cancel", "order_id": 3, "ref": "b"}, desk, order_id=6)
    assert cancelled == Reaction(frame, cancelled=3)


def test_a_ref_may_be_as_long_as_is_said() -> None:
    assert react({**PLACE, "ref": "x" * 64}, DESK, order_id=4).placed is not None
