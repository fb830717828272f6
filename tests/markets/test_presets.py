"""The numbers that follow from each preset, as they were published or can be computed by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from markets.fundamental import expected_final_wealth
from markets.induced import Equilibrium, equilibrium, maximum_surplus
from markets.induced_presets import INDUCED_PRESETS, SMITH1962
from markets.money import rounded
from markets.parameters import MarketParameters
from markets.presets import PRESETS, REFERENCE, UNCERTAIN


def parameters(preset: str) -> MarketParameters:
    return MarketParameters.from_config(PRESETS[preset])


@pytest.mark.parametrize(
    ("preset", "practice", "paid"), [("reference", 3, 30), ("demo", 2, 5), ("bgh2005", 0, 20)]
)
def test_every_preset_is_a_market_of_its_rounds(preset: str, practice: int, paid: int) -> None:
    market = parameters(preset)
    assert (market.practice_rounds, market.paid_rounds) == (practice, paid)


@pytest.mark.parametrize(
    ("preset", "value", "worth"), [("reference", 14, 156), ("demo", 14, 156), ("bgh2005", 7, 92)]
)
def test_fundamental_value_is_flat_and_the_endowment_worth_it(preset: str, value: int, worth: int) -> None:
    market = parameters(preset)
    path = market.fundamental_values()
    assert path == (Fraction(value),) * market.paid_rounds
    assert market.endowment.worth(path[0]) == worth


@pytest.mark.parametrize(
    ("preset", "wealth"), [("reference", "674.223"), ("demo", "199.100"), ("bgh2005", "618.930")]
)
def test_expected_wealth(preset: str, wealth: str) -> None:
    market = parameters(preset)
    rounds = market.paid_rounds
    exact = expected_final_wealth(
        market.endowment_cash,
        market.endowment_shares,
        [market.dividends.expected] * rounds,
        [market.interest_rate] * rounds,
        market.buy_back,
    )
    worth = market.endowment.worth(market.fundamental_values()[0])
    assert exact == worth * (1 + market.interest_rate) ** rounds
    assert rounded(exact, 3) == Fraction(wealth)


def test_every_preset_says_what_is_uncertain_and_sets_every_key() -> None:
    assert PRESETS.keys() == UNCERTAIN.keys()
    for name, config in PRESETS.items():
        assert config.keys() == REFERENCE.keys()
        assert UNCERTAIN[name] <= config.keys()
    assert {"buy_back", "endowment_cash"} <= UNCERTAIN["bgh2005"]


def test_smiths_first_test_trades_six_units_at_2_and_earns_7_50() -> None:
    assert (len(SMITH1962.values), len(SMITH1962.costs)) == (11, 11)
    assert maximum_surplus(SMITH1962) == Fraction("7.50")
    assert equilibrium(SMITH1962) == Equilibrium(6, Fraction(2), Fraction(2))
    assert INDUCED_PRESETS == {"smith1962": SMITH1962}
