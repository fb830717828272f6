from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.agents.rules import decision_faults, fundamental_values
from bots.agents.strategies import STRATEGIES
from bots.domain.market import Decision, MarketView
from markets.orders import Side
from tests.agents.sights import holding, sight, situation, with_orders

NAMES = sorted(STRATEGIES)

amounts = st.integers(0, 50_000).map(lambda cents: f"{cents // 100}.{cents % 100:02}")
ticks = st.sampled_from(["0.01", "0.05", "0.5", "1"])


@st.composite
def pages(draw: st.DrawFn) -> MarketView:
    tick = draw(ticks)
    past = draw(st.lists(st.one_of(st.none(), amounts.filter(lambda price: Decimal(price) > 0)), max_size=6))
    seen = sight(
        draw(st.sampled_from(["trade", "forecast"])),
        *past,
        tick=tick,
        max_price=draw(st.sampled_from(["20", "9999"])),
        max_quantity=draw(st.integers(1, 99)),
        max_open_orders=draw(st.integers(1, 3)),
        buy_back=draw(st.sampled_from(["0", "14", "20.37"])),
        interest_rate=draw(st.sampled_from(["0", "0.05"])),
    )
    seen = holding(seen, draw(amounts), draw(st.integers(0, 40)))
    return with_orders(seen, (7, Side.BUY, 1, tick)) if draw(st.booleans()) else seen


def decision(name: str, seen: MarketView, seed: int = 1) -> Decision:
    made: Any = STRATEGIES[name].make(seed)
    found = made.decision(seen)
    assert isinstance(found, Decision)
    return found


@pytest.mark.parametrize("name", NAMES)
@given(seen=pages(), seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_every_decision_of_a_strategy_is_one_the_market_accepts(
    name: str, seen: MarketView, seed: int
) -> None:
    decided = decision(name, seen, seed)
    assert list(decision_faults(seen, decided)) == []


@pytest.mark.parametrize("name", NAMES)
@given(seen=pages(), seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_same_seed_and_sight_give_the_same_decision_whatever_the_global_generator_does(
    name: str, seen: MarketView, seed: int
) -> None:
    random.seed(1)
    state, first = random.getstate(), decision(name, seen, seed)
    assert random.getstate() == state
    random.seed(2)
    assert decision(name, seen, seed) == first


@pytest.mark.parametrize("name", NAMES)
async def test_strategy_decides_without_asking_or_recording_anything(name: str) -> None:
    recorded: list[object] = []
    maker = STRATEGIES[name].make(3)
    decided = await maker.decide(situation(sight("forecast", "14.20")), 0.0, recorded.append)
    assert maker.name == name
    assert {one.field for one in decided.forecasts} == {"f0", "f1", "f2", "f3"}
    assert recorded == []


def test_fundamental_value_of_the_reference_design_is_flat_though_it_is_not_disclosed() -> None:
    seen = sight()
    assert seen.market.fundamental_values is None
    assert set(fundamental_values(seen.market, 30)) == {Decimal(14)}


def test_fundamentalist_quotes_a_tick_around_the_value_and_forecasts_it() -> None:
    orders = decision("fundamentalist", sight("trade", "20.00")).orders
    assert [(order.side, order.limit) for order in orders] == [
        (Side.BUY, Decimal("13.99")),
        (Side.SELL, Decimal("14.01")),
    ]
    assert {one.value for one in decision("fundamentalist", sight("forecast", "20.00")).forecasts} == {
        Decimal(14)
    }


def test_fundamentalist_follows_a_falling_value() -> None:
    seen = sight("forecast", "5.00", buy_back="0", interest_rate="0", dividends="0, 2", paid_rounds=10)
    values = [one.value for one in decision("fundamentalist", seen).forecasts]
    assert values == [Decimal(9), Decimal(7), Decimal(4)]


@pytest.mark.parametrize(
    ("known", "side", "limit"),
    [(("14", "15"), Side.BUY, "16"), (("15", "14"), Side.SELL, "13"), (("15", None, "14"), Side.SELL, "13")],
)
def test_momentum_carries_the_last_change_on(known: tuple[str | None, ...], side: Side, limit: str) -> None:
    (order,) = decision("momentum", sight("trade", *known)).orders
    assert (order.side, order.limit) == (side, Decimal(limit))


@pytest.mark.parametrize("known", [(), ("14",), ("14", "14")])
def test_momentum_holds_without_a_trend(known: tuple[str, ...]) -> None:
    assert decision("momentum", sight("trade", *known)).orders == ()


def test_momentum_forecasts_the_trend_within_the_limits_of_the_input() -> None:
    values = [one.value for one in decision("momentum", sight("forecast", "80", "90")).forecasts]
    assert values == [Decimal(100)] * 4


def test_speculator_sells_what_its_own_forecast_says_will_fall() -> None:
    seen = sight("trade", "30.00")
    forecast = (
        sight("forecast", "30.00")
        .forecast_inputs[0]
        .model_copy(update={"round": 3, "value": Decimal("10.00")})
    )
    (order,) = decision("speculator", seen.model_copy(update={"forecasts": (forecast,)})).orders
    assert (order.side, order.limit) == (Side.SELL, Decimal("10.19"))  # (10 + 0.70) / 1.05, on the tick below


def test_market_maker_quotes_lower_the_more_shares_it_holds() -> None:
    few = decision("market-maker", holding(sight("trade", "20.00"), "100", 1)).orders
    many = decision("market-maker", holding(sight("trade", "20.00"), "100", 12)).orders
    assert [order.side for order in few] == [Side.BUY, Side.SELL]
    assert few[0].limit > many[0].limit
    assert few[1].limit > many[1].limit
    assert many[0].limit < many[1].limit


def test_hold_repeats_its_last_forecast_of_a_round() -> None:
    seen = sight("forecast", "20.00")
    given_before = seen.forecast_inputs[1].model_copy(update={"value": Decimal("17.50")})
    decided = decision("hold", seen.model_copy(update={"forecasts": (given_before,)}))
    assert [one.value for one in decided.forecasts][:2] == [Decimal(20), Decimal("17.50")]
    assert decision("hold", sight()).orders == ()


def test_zero_intelligence_traders_with_different_seeds_trade_with_each_other() -> None:
    orders = [order for seed in range(12) for order in decision("zero-intelligence", sight(), seed).orders]
    bids = [order.limit for order in orders if order.side is Side.BUY]
    offers = [order.limit for order in orders if order.side is Side.SELL]
    assert max(bids) > min(offers)


def test_open_orders_are_taken_back_before_new_ones_are_placed() -> None:
    seen = with_orders(sight("trade", "14"), (3, Side.SELL, 4, "14.01"))
    assert decision("fundamentalist", seen).cancel == (3,)
    assert decision("hold", seen).cancel == ()
