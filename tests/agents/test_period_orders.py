"""Strategies in a period of a double auction: what they place, what they leave alone, when they go."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bots.agents.replies import UnusableReply, read_reply, reply_schema
from bots.agents.rules import decision_faults
from bots.agents.strategies import STRATEGIES, Strategy
from bots.domain.market import Decision, MarketView, OrderIntent
from markets.orders import Side
from tests.agents.periods import asset_page, auction, page_of, units_page
from tests.markets.periods import place


def decide(name: str, view: MarketView, seed: int = 3) -> Decision:
    strategy = STRATEGIES[name].make(seed)
    assert isinstance(strategy, Strategy)
    return strategy.decision(view)


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("seed", range(5))
def test_no_strategy_asks_for_what_the_market_would_refuse(name: str, seed: int) -> None:
    for view in (asset_page(), units_page()):
        decision = decide(name, view, seed)
        assert list(decision_faults(view, decision)) == []


def test_a_strategy_that_wants_what_it_has_open_already_does_nothing() -> None:
    known, period = auction()
    first = decide("fundamentalist", page_of(known, period))
    assert first.orders
    for order in first.orders:
        message = place(order.side.value, order.quantity, f"{order.limit:f}")
        assert period.receive(1, message, 0).answer["type"] == "placed"
    assert decide("fundamentalist", page_of(known, period)) == Decision()


@pytest.mark.parametrize("seed", range(20))
def test_zero_intelligence_never_trades_a_unit_at_a_loss_and_improves_on_the_best(seed: int) -> None:
    known, period = auction("gode-sunder")
    period.receive(2, place("buy", 1, "100"), 0)
    (order,) = decide("zero-intelligence", page_of(known, period, 1), seed).orders
    assert order.side is Side.BUY
    assert Decimal(100) < order.limit <= Decimal(190)
    (offer,) = decide("zero-intelligence", page_of(known, period, 7), seed).orders
    assert offer.side is Side.SELL
    assert offer.limit >= Decimal(10)


def test_without_constraint_units_are_traded_at_any_price() -> None:
    known, period = auction("gode-sunder", must_improve=False)
    view = page_of(known, period, 6)
    limits = {decide("zero-intelligence-unconstrained", view, seed).orders[0].limit for seed in range(60)}
    assert max(limits) > Decimal(155), "above the value of the unit"


def test_who_has_traded_all_units_leaves() -> None:
    known, period = auction("smith1962")
    period.receive(1, place("buy", 1, "3"), 0)
    period.receive(12, place("sell", 1, "3"), 0)
    assert decide("zero-intelligence", page_of(known, period, 1)).leave


def test_a_model_says_whether_it_waits_or_leaves() -> None:
    view = asset_page()
    assert reply_schema(view)["properties"]["then"]["enum"] == ["wait", "leave"]
    assert "then" in reply_schema(view, "integer")["required"]
    leaving = read_reply('{"orders": [], "then": "leave"}', view)
    assert leaving == Decision(leave=True)
    order = '{"orders": [{"side": "buy", "quantity": 1, "price": 13.9}], "then": "wait"}'
    bid = OrderIntent(side=Side.BUY, quantity=1, limit=Decimal("13.9"))
    assert read_reply(order, view) == Decision(orders=(bid,))


def test_a_model_is_told_what_its_role_does_not_allow() -> None:
    with pytest.raises(UnusableReply, match="You are a seller in this market; the side must be sell"):
        read_reply('{"orders": [{"side": "buy", "quantity": 1, "price": 100}], "then": "wait"}', units_page())
