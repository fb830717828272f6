"""The numbers that follow from each preset, as they were published or can be computed by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from markets.call_auction import PriceWithoutTrade
from markets.config import CONTINUOUS
from markets.induced import Equilibrium, equilibrium, maximum_surplus
from markets.institution import Institution
from markets.money import rounded
from markets.orders import OrderRules
from markets.parameters import MarketParameters
from markets.presets import PRESETS, REFERENCE, UNCERTAIN


def parameters(preset: str) -> MarketParameters:
    return MarketParameters.from_config(PRESETS[preset])


LINEAR = {
    "ssw1988": (24, 15, 1305),
    "dlm2005": (10, 10, 800),
    "khs2012-falling": (5, 10, 2000),
    "hln2007": (12, 15, 652),
}
"""Preset → expected dividend, rounds of a market, worth of every endowment."""


@pytest.mark.parametrize(
    ("preset", "practice", "paid", "markets", "traders"),
    [
        ("reference", 3, 30, 1, 1),
        ("demo", 2, 5, 1, 1),
        ("bgh2005", 0, 20, 1, 1),
        ("hln2007", 0, 15, 4, 3),
        ("ssw1988", 0, 15, 1, 3),
        ("dlm2005", 0, 10, 4, 2),
        ("khs2012-falling", 0, 10, 1, 1),
        ("khs2012-flat", 0, 10, 1, 1),
    ],
)
def test_every_preset_is_a_market_of_its_rounds_and_types(
    preset: str, practice: int, paid: int, markets: int, traders: int
) -> None:
    market = parameters(preset)
    assert (market.practice_rounds, market.paid_rounds) == (practice, paid)
    assert market.rounds == practice + markets * paid
    assert len(market.endowments) == traders


@pytest.mark.parametrize(
    ("preset", "value", "worth"),
    [("reference", 14, 156), ("demo", 14, 156), ("bgh2005", 7, 92), ("khs2012-flat", 50, 2000)],
)
def test_fundamental_value_is_flat_and_the_endowment_worth_it(preset: str, value: int, worth: int) -> None:
    market = parameters(preset)
    path = market.fundamental_values()
    assert path == (Fraction(value),) * market.paid_rounds
    assert [endowment.worth(path[0]) for endowment in market.endowments] == [worth]


@pytest.mark.parametrize("preset", LINEAR)
def test_fundamental_value_falls_by_the_expected_dividend_and_types_are_worth_the_same(preset: str) -> None:
    dividend, rounds, worth = LINEAR[preset]
    market = parameters(preset)
    path = market.fundamental_values()
    assert path == tuple(Fraction(dividend * (rounds + 1 - number)) for number in range(1, rounds + 1))
    assert {endowment.worth(path[0]) for endowment in market.endowments} == {worth}
    assert {market.expected_wealth(trader) for trader in (1, 2, 3)} == {worth}
    assert market.initial_price == path[0]


@pytest.mark.parametrize(
    ("preset", "wealth"),
    [("reference", "674.223"), ("demo", "199.100"), ("bgh2005", "618.930"), ("khs2012-flat", "2000.000")],
)
def test_an_endowment_of_a_preset_is_expected_to_end_at_its_worth(preset: str, wealth: str) -> None:
    market = parameters(preset)
    exact = market.expected_wealth(1)
    worth = market.endowment_of(1).worth(market.fundamental_values()[0])
    assert exact == worth * (1 + market.interest_in(1)) ** market.paid_rounds
    assert rounded(exact, 3) == Fraction(wealth)


def test_presets_of_a_double_auction_say_so() -> None:
    named = {name for name in PRESETS if parameters(name).institution is Institution.DOUBLE_AUCTION}
    asset = {"ssw1988", "dlm2005", "khs2012-falling", "khs2012-flat", "auction-demo"}
    assert named == asset | {"smith1962", "gode-sunder"}


def test_every_preset_says_what_is_uncertain_and_sets_every_key() -> None:
    assert PRESETS.keys() == UNCERTAIN.keys()
    for name, config in PRESETS.items():
        assert REFERENCE.keys() <= config.keys() <= REFERENCE.keys() | CONTINUOUS.keys()
        assert UNCERTAIN[name] <= config.keys()
    assert {"buy_back", "endowment_cash"} <= UNCERTAIN["bgh2005"]


def test_smiths_first_test_trades_six_units_at_2_and_earns_7_50() -> None:
    schedule = MarketParameters.from_config(PRESETS["smith1962"]).schedule
    assert schedule is not None
    assert [len(own) for own in (*schedule.values.values(), *schedule.costs.values())] == [1] * 22
    assert (len(schedule.values), len(schedule.costs)) == (11, 11)
    assert maximum_surplus(schedule) == Fraction("7.50")
    assert equilibrium(schedule) == Equilibrium(6, Fraction(2), Fraction(2))


def test_units_of_the_gode_sunder_preset_meet_at_100_and_can_earn_1280() -> None:
    gode_sunder = MarketParameters.from_config(PRESETS["gode-sunder"])
    assert gode_sunder.schedule is not None
    assert len(gode_sunder.schedule.values) == len(gode_sunder.schedule.costs) == 6
    assert equilibrium(gode_sunder.schedule) == Equilibrium(14, Fraction(100), Fraction(100))
    assert maximum_surplus(gode_sunder.schedule) == 1280
    assert (gode_sunder.must_improve, gode_sunder.clears_after_trade) == (True, True)


def test_buyers_are_lent_what_all_their_units_could_cost() -> None:
    for name in ("smith1962", "gode-sunder"):
        known = MarketParameters.from_config(PRESETS[name])
        assert known.schedule is not None
        for units in known.schedule.values.values():
            assert known.endowment_of(1).cash >= len(units) * known.max_price


def test_markets_of_induced_values_are_played_by_the_rules_that_they_tell() -> None:
    demo, smith, gode_sunder = map(parameters, ("auction-demo", "smith1962", "gode-sunder"))
    assert (demo.practice_rounds, demo.paid_rounds, demo.trade_seconds) == (1, 3, 60)
    assert (smith.practice_rounds, smith.paid_rounds, smith.trade_seconds) == (0, 5, 120)
    assert (gode_sunder.practice_rounds, gode_sunder.paid_rounds, gode_sunder.trade_seconds) == (0, 6, 30)
    assert gode_sunder.order_rules == OrderRules(Fraction(1), Fraction(200), 1, 1)
    assert smith.order_rules == OrderRules(Fraction("0.05"), Fraction(5), 1, 1)
    assert gode_sunder.schedule is not None
    units = (*gode_sunder.schedule.values.values(), *gode_sunder.schedule.costs.values())
    assert [len(own) for own in units] == [4] * 12
    for market in (smith, gode_sunder):
        assert (market.institution, market.forecast_horizons) == (Institution.DOUBLE_AUCTION, ())
        assert market.price_without_trade is PriceWithoutTrade.MISSING
        assert market.initial_price == 1
