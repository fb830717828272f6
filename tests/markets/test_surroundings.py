"""What surrounds a market: who is told of computer traders, where people go afterwards, late messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from markets.live import Desk, react
from markets.parameters import MarketParameters, ParameterError


def problems(**config: Any) -> tuple[str, ...]:
    with pytest.raises(ParameterError) as error:
        MarketParameters.from_config(config)
    return error.value.problems


def test_a_session_that_hides_computer_traders_names_an_ethics_reference() -> None:
    (told,) = problems(announce_computer_traders=False, ethics_reference=" ")
    assert told.startswith("ethics_reference must be ")
    hidden = MarketParameters.from_config(
        {"announce_computer_traders": False, "ethics_reference": "IRB 2026-041"}
    )
    assert (hidden.tells_of_computer_traders, hidden.hides_computer_traders) == (False, True)


def test_computer_traders_are_told_of_unless_a_session_says_otherwise() -> None:
    usual = MarketParameters.from_config({})
    assert (usual.tells_of_computer_traders, usual.hides_computer_traders) == (True, False)
    none = MarketParameters.from_config({"computer_traders": False})
    assert (none.tells_of_computer_traders, none.hides_computer_traders) == (False, False)


def test_a_completion_address_is_kept_as_it_is() -> None:
    address = "https://app.example.org/done?cc=C0FFEE"
    assert MarketParameters.from_config({"completion_url": f" {address} "}).completion_url == address


@pytest.mark.parametrize(
    "address",
    [
        *("http://example.org", "javascript:alert(1)", "https://", "https:///done", "https://a b", "x"),
        "https://exämple.org",
    ],
)
def test_a_completion_address_is_one_of_the_web_or_refused(address: str) -> None:
    (told,) = problems(completion_url=address)
    assert told.startswith("completion_url must be empty, or an address that begins with https://")


def test_a_message_for_another_round_orders_nothing_in_this_one() -> None:
    parameters = MarketParameters.from_config({})
    desk = Desk(trader=1, account=parameters.endowment_of(1), rules=parameters.order_rules, round=3)
    late = {"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": "a", "round": 2}
    reaction = react(late, desk, order_id=1)
    assert (reaction.placed, reaction.frame["reasons"][0]["code"]) == (None, "closed")
    assert react({**late, "round": 3}, desk, order_id=1).placed is not None
    assert react(late, replace(desk, round=None), order_id=1).placed is not None
