"""A session config read in whole: every key has its parameter, every problem its sentence."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from markets.accounts import Account
from markets.call_auction import PriceSelection, PriceWithoutTrade, Rationing
from markets.dividends import DividendOutcome, DividendProcess
from markets.induced import InducedSchedule
from markets.institution import Institution
from markets.parameters import MarketParameters, ParameterError
from tests.markets.periods import INDUCED


def problems(**config: Any) -> tuple[str, ...]:
    try:
        MarketParameters.from_config(config)
    except ParameterError as error:
        return error.problems
    return ()


def test_every_key_of_a_config_is_a_parameter_of_its_own() -> None:
    config = {
        "institution": "call_market",
        "practice_rounds": 1,
        "paid_rounds": 2,
        "paid_markets": 3,
        "traders_per_market": 4,
        "endowment_cash": "5.5, 6",
        "endowment_shares": "7, 8",
        "dividends": "0.5, 9; 1.5, 10",
        "dividend_weights": "3, 1",
        "interest_rate": "0.01; 0.02",
        "buy_back": "11",
        "initial_price": "12",
        "tick": "0.5",
        "max_price": "130",
        "max_quantity": 14,
        "max_open_orders": 15,
        "price_selection": "k_double:0.25",
        "rationing": "pro_rata",
        "price_without_trade": "last",
        "forecast_horizons": "1, 0",
        "forecast_tolerance": "1.6",
        "forecast_reward": "1.7",
        "forecast_max": "180",
        "trade_seconds": 19,
        "forecast_seconds": 20,
        "results_seconds": 21,
        "phase_start_seconds": 22,
        "phase_end_seconds": 23,
        "final_seconds": 24,
        "computer_traders": "TRUE",
        "disclose_fundamental": True,
        "dividend_seed": "a seed",
        "announce_computer_traders": False,
        "ethics_reference": " IRB 1 ",
        "quiz": True,
        "consent_seconds": 25,
        "instructions_seconds": 26,
        "quiz_seconds": 27,
        "completion_url": "https://example.org/done",
    }
    first = DividendProcess((DividendOutcome(Fraction("0.5"), 3), DividendOutcome(Fraction(9), 1)))
    second = DividendProcess((DividendOutcome(Fraction("1.5"), 3), DividendOutcome(Fraction(10), 1)))
    assert MarketParameters.from_config(config) == MarketParameters(
        institution=Institution.CALL_MARKET,
        practice_rounds=1,
        paid_rounds=2,
        paid_markets=3,
        traders_per_market=4,
        endowments=(Account(Fraction("5.5"), 7), Account(Fraction(6), 8)),
        dividends=(first, second),
        interest_rates=(Fraction("0.01"), Fraction("0.02")),
        buy_back=Fraction(11),
        initial_price=Fraction(12),
        tick=Fraction("0.5"),
        max_price=Fraction(130),
        max_quantity=14,
        max_open_orders=15,
        price_selection=PriceSelection.K_DOUBLE,
        k=Fraction(1, 4),
        rationing=Rationing.PRO_RATA,
        price_without_trade=PriceWithoutTrade.LAST,
        forecast_horizons=(1, 0),
        forecast_tolerance=Fraction("1.6"),
        forecast_reward=Fraction("1.7"),
        forecast_max=Fraction(180),
        trade_seconds=19,
        forecast_seconds=20,
        results_seconds=21,
        phase_start_seconds=22,
        phase_end_seconds=23,
        final_seconds=24,
        computer_traders=True,
        disclose_fundamental=True,
        dividend_seed="a seed",
        must_improve=False,
        clears_after_trade=False,
        schedule=None,
        announce_computer_traders=False,
        ethics_reference="IRB 1",
        quiz=True,
        consent_seconds=25,
        instructions_seconds=26,
        quiz_seconds=27,
        completion_url="https://example.org/done",
    )


def test_the_keys_of_a_double_auction_are_read_too() -> None:
    auction = MarketParameters.from_config(
        {
            **INDUCED,
            "institution": "double_auction",
            "forecast_horizons": "",
            "must_improve": True,
            "clears_after_trade": True,
            "rationing": "random",
            "price_without_trade": "missing",
        }
    )
    assert auction.double_auction_rules.must_improve
    assert auction.double_auction_rules.clears_after_trade
    assert auction.schedule == InducedSchedule(
        {1: (Fraction(10), Fraction(6)), 2: (Fraction(8),)},
        {3: (Fraction(3), Fraction(7)), 4: (Fraction(5),)},
    )


TYPES = 'or one for each type of trader, such as "225, 585, 945"'
TYPES_OF_SHARES = 'or one for each type of trader, such as "3, 2, 1"'
AMOUNT = "with at most 6 decimals, as text such as \"0.05\", was '{}'."
DIVIDENDS = 'numbers of at least 0, such as "0.40, 1.00", with semicolons between rounds that differ'
RATES = 'numbers from 0 to 10, one for each paid round, such as "0.05; 0.05; 0.10"'
HORIZONS = 'whole numbers of rounds of at least 0, such as "0, 2, 5", or empty'
SELECTIONS = "one of {}, or k_double:K with K from 0 to 1".format(
    ", ".join(one.value for one in PriceSelection)
)
SECONDS = "a whole number of seconds up to 1000000, or 0 for no timer"
ETHICS = (
    'the reference of the ethics decision, such as "IRB 2026-041", where announce_computer_traders is False'
)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"practice_rounds": 501}, "practice_rounds must be a whole number from 0 to 500, was '501'."),
        ({"paid_markets": 0}, "paid_markets must be a whole number from 1 to 20, was '0'."),
        (
            {"traders_per_market": 1},
            "traders_per_market must be 0 for one market of everybody, or at least 2, was '1'.",
        ),
        ({"trade_seconds": 1000001}, f"trade_seconds must be {SECONDS}, was '1000001'."),
        ({"quiz_seconds": -1}, f"quiz_seconds must be {SECONDS}, was '-1'."),
        ({"endowment_cash": "x"}, f"endowment_cash must be a number from 0 to 1000000, {TYPES}, was 'x'."),
        ({"endowment_cash": ""}, f"endowment_cash must be a number from 0 to 1000000, {TYPES}, was ''."),
        (
            {"endowment_shares": "x"},
            f"endowment_shares must be a whole number from 0 to 1000000, {TYPES_OF_SHARES}, was 'x'.",
        ),
        (
            {"endowment_cash": "1, 2"},
            "endowment_shares must be one number for each of the 2 amounts of endowment_cash, was '4'.",
        ),
        ({"dividends": "x, 1"}, f"dividends must be {DIVIDENDS}, was 'x, 1'."),
        (
            {"dividend_weights": "0, 1"},
            "dividend_weights must be whole numbers of at least 1, such as \"1, 1\", was '0, 1'.",
        ),
        (
            {"dividends": "1"},
            "dividend_weights must be one weight for each of the 1 dividends, was '1, 1'.",
        ),
        ({"buy_back": "-1"}, f"buy_back must be a number from 0 to 1000000 {AMOUNT.format('-1')}"),
        (
            {"initial_price": "0"},
            f"initial_price must be a number above 0 and at most 1000000 {AMOUNT.format('0')}",
        ),
        ({"interest_rate": "10.1"}, f"interest_rate must be a number from 0 to 10 {AMOUNT.format('10.1')}"),
        (
            {"interest_rate": "0.1; 0.1, 0.2", "paid_rounds": 2, "practice_rounds": 0},
            f"interest_rate must be {RATES}, was '0.1; 0.1, 0.2'.",
        ),
        (
            {"interest_rate": "0.1; 11", "paid_rounds": 2, "practice_rounds": 0},
            f"interest_rate must be {RATES}, was '0.1; 11'.",
        ),
        (
            {"interest_rate": "0.1; 0.2", "paid_rounds": 3, "practice_rounds": 0},
            "interest_rate must be the same for all rounds, or have 3 parts, one for each paid round, "
            "was '0.1; 0.2'.",
        ),
        (
            {"max_price": "0"},
            f"max_price must be a number above 0 and at most 1000000 {AMOUNT.format('0')}",
        ),
        ({"max_price": "99.995"}, "max_price must be a multiple of the tick, 0.01, was '99.995'."),
        ({"price_selection": "midpoint:1"}, f"price_selection must be {SELECTIONS}, was 'midpoint:1'."),
        ({"price_selection": "k_double:1.1"}, f"price_selection must be {SELECTIONS}, was 'k_double:1.1'."),
        ({"forecast_horizons": "501"}, f"forecast_horizons must be {HORIZONS}, was '501'."),
        (
            {"forecast_horizons": "0, 0"},
            "forecast_horizons must be numbers that differ from each other, was '0, 0'.",
        ),
        ({"announce_computer_traders": False}, f"ethics_reference must be {ETHICS}, was ''."),
        (
            {"dividend_seed": {}},
            "dividend_seed must be a text of at most 4000 characters, was something that cannot be read.",
        ),
        ({"quiz": "maybe"}, "quiz must be True or False, was 'maybe'."),
        (
            {"completion_url": "x"},
            "completion_url must be empty, or an address that begins with https://, was 'x'.",
        ),
        ({"must_improve": True}, "must_improve must be False in a call market, was 'True'."),
        ({"must_improve": "perhaps"}, "must_improve must be True or False, was 'perhaps'."),
    ],
)
def test_a_problem_is_told_alone_and_in_whole(config: dict[str, Any], told: str) -> None:
    assert problems(**config) == (told,)


UNITS = {**INDUCED, "institution": "double_auction", "forecast_horizons": ""}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"forecast_horizons": "0"}, "forecast_horizons must be empty in a double auction, was '0'."),
        (
            {"induced_values": "5, x"},
            'induced_values must be numbers of at least 0, such as "190, 150; 180, 120", or empty, '
            "was '5, x'.",
        ),
        (
            {"induced_values": ""},
            "induced_values must be given where the other of induced_values and induced_costs is, was ''.",
        ),
        (
            {"induced_values": "5, 6"},
            "induced_values cannot be used with these induced_costs: "
            "A buyer's values must not rise from unit to unit; see trader 1.",
        ),
        (
            {"induced_costs": "1; 3, 2"},
            "induced_values cannot be used with these induced_costs: "
            "A seller's costs must not fall from unit to unit; see trader 4.",
        ),
        (
            {"interest_rate": "0.05"},
            "interest_rate must be 0 where units have induced values and costs, was '0.05'.",
        ),
        ({"buy_back": "1"}, "buy_back must be 0 where units have induced values and costs, was '1'."),
        (
            {"endowment_shares": 1},
            "endowment_shares must be 0 where units have induced values and costs, was '1'.",
        ),
        ({"dividends": "1"}, "dividends must be 0 where units have induced values and costs, was '1'."),
        (
            {"disclose_fundamental": True},
            "disclose_fundamental must be False where units have induced values and costs, was 'True'.",
        ),
    ],
)
def test_a_problem_of_induced_values_is_told_alone_and_in_whole(config: dict[str, Any], told: str) -> None:
    assert problems(**{**UNITS, **config}) == (told,)


@pytest.mark.parametrize(
    ("key", "lowest", "highest"),
    [
        *(("practice_rounds", 0, 500), ("paid_rounds", 1, 500), ("paid_markets", 1, 20)),
        *(("max_quantity", 1, 10**6), ("max_open_orders", 1, 10**6), ("trade_seconds", 0, 10**6)),
        *(("endowment_shares", 0, 10**6), ("forecast_horizons", 0, 500), ("traders_per_market", 2, 10**6)),
        *(("endowment_cash", 0, 10**6), ("interest_rate", 0, 10), ("buy_back", 0, 10**6)),
    ],
)
def test_a_number_may_be_its_bounds_and_nothing_beyond(key: str, lowest: int, highest: int) -> None:
    assert [problems(**{key: value}) for value in (lowest, highest)] == [(), ()]
    for value in (lowest - 1, highest + 1):
        (told,) = problems(**{key: value})
        assert told.startswith(f"{key} must be ")


@pytest.mark.parametrize(("value", "k"), [("k_double:0", 0), ("k_double:1", 1), ("k_double", Fraction(1, 2))])
def test_the_k_of_a_price_between_bid_and_offer_goes_from_0_to_1_and_is_a_half_unsaid(
    value: str, k: Fraction
) -> None:
    market = MarketParameters.from_config({"price_selection": value})
    assert (market.price_selection, market.k) == (PriceSelection.K_DOUBLE, k)


def test_practice_may_have_as_many_rounds_as_a_schedule_has_parts() -> None:
    known = {"paid_rounds": 2, "interest_rate": "0.1; 0.2"}
    assert MarketParameters.from_config({**known, "practice_rounds": 2}).interest_in(2) == Fraction(1, 5)
    assert problems(**known, practice_rounds=3) == (
        "practice_rounds must be at most 2, the rounds that interest_rate has parts for, was '3'.",
    )


def test_a_call_market_has_no_units_and_says_so_of_both_lists() -> None:
    assert problems(induced_values="5", induced_costs="1") == (
        "induced_values must be empty in a call market, was '5'.",
        "induced_costs must be empty in a call market, was '1'.",
    )


@pytest.mark.parametrize(
    ("key", "longest", "beyond"),
    [
        ("dividend_seed", "x" * 4000, "x" * 4001),
        ("dividend_seed", 10**40 - 1, 10**40),
        ("dividend_seed", 1 - 10**40, -(10**40)),
        ("paid_rounds", "0" * 39 + "5", "0" * 40 + "5"),
        ("buy_back", "0.000001", "0.0000001"),
        ("dividend_weights", "1000000, 1", "1000001, 1"),
    ],
)
def test_a_value_may_be_as_long_as_is_said_and_no_longer(
    key: str, longest: str | int, beyond: str | int
) -> None:
    assert problems(**{key: longest}) == ()
    (told,) = problems(**{key: beyond})
    assert told.startswith(f"{key} must be ")
