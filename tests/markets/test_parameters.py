from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.call_auction import PriceSelection
from markets.parameters import MarketParameters, ParameterError
from markets.presets import REFERENCE
from markets.rounds import RoundRef
from tests.markets.books import json_values


def problems(**config: Any) -> tuple[str, ...]:
    with pytest.raises(ParameterError) as caught:
        MarketParameters.from_config(config)
    assert str(caught.value) == " ".join(caught.value.problems)
    return caught.value.problems


def test_an_empty_config_is_the_reference_design() -> None:
    parameters = MarketParameters.from_config({})
    assert parameters == MarketParameters.from_config(REFERENCE)
    assert parameters.endowment_of(1).worth(Fraction(14)) == 156
    assert parameters.dividends_in(1).expected == Fraction("0.7")
    assert (parameters.trade_seconds, parameters.seconds("final", "practice")) == (20, 30)
    assert parameters.seconds("final", "paid") == 75
    assert parameters.seconds("payment", "paid") is None


def test_other_keys_of_a_session_config_are_left_aside() -> None:
    config = {"name": "demo", "app_sequence": ["call_market"], "participation_fee": 5.0}
    assert MarketParameters.from_config(config) == MarketParameters.from_config({})


def test_numbers_may_come_as_text_and_flags_as_words() -> None:
    parameters = MarketParameters.from_config(
        {
            "paid_rounds": " 7 ",
            "buy_back": 28,
            "computer_traders": "false",
            "trade_seconds": 0,
            "dividend_seed": 5,
        }
    )
    assert (parameters.paid_rounds, parameters.buy_back) == (7, Fraction(28))
    assert (parameters.computer_traders, parameters.trade_seconds) == (False, None)
    assert parameters.dividend_seed == "5"


def test_price_selection_may_carry_its_k() -> None:
    parameters = MarketParameters.from_config({"price_selection": "k_double:0.25"})
    assert parameters.auction_rules.price_selection is PriceSelection.K_DOUBLE
    assert parameters.auction_rules.k == Fraction(1, 4)


def test_a_market_without_forecasts_asks_none() -> None:
    parameters = MarketParameters.from_config({"forecast_horizons": ""})
    assert parameters.questions(parameters.round_at(1)) == ()


def test_all_problems_are_told_at_once() -> None:
    told = problems(paid_rounds=0, tick="0", rationing="luck", dividends="0.40", interest_rate=0.05)
    assert [problem.split()[0] for problem in told] == [
        "paid_rounds",
        "dividend_weights",
        "interest_rate",
        "tick",
        "rationing",
    ]
    assert told[0] == "paid_rounds must be a whole number from 1 to 500, was '0'."
    assert told[2].endswith('as text such as "0.05", was 0.05.')
    assert "one of time, pro_rata, random" in told[4]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("institution", "auction"),
        ("practice_rounds", -1),
        ("practice_rounds", 2.0),
        ("paid_rounds", True),
        ("paid_rounds", 501),
        ("traders_per_market", 1),
        ("endowment_cash", "-1"),
        ("endowment_cash", "1e3"),
        ("endowment_cash", True),
        ("endowment_cash", "1" * 41),
        ("endowment_shares", "4.5"),
        ("endowment_cash", "1, 2"),
        ("endowment_cash", ""),
        ("endowment_shares", "3, x"),
        ("dividends", "0, 1; 0, 2"),
        ("dividend_weights", "1, 1; 1, 2"),
        ("interest_rate", "0.05; 0.10"),
        ("interest_rate", "0.05; x"),
        ("paid_markets", 0),
        ("paid_markets", 21),
        ("dividends", ""),
        ("dividends", "0.40, x"),
        ("dividends", "-1, 1"),
        ("dividends", "1" * 5000),
        ("dividend_weights", "1, 0"),
        ("dividend_weights", "1"),
        ("interest_rate", "0.0000001"),
        ("interest_rate", "11"),
        ("interest_rate", None),
        ("initial_price", "0"),
        ("max_price", "9999.995"),
        ("max_quantity", 0),
        ("max_open_orders", 0),
        ("price_selection", "mean"),
        ("price_selection", "midpoint:0.5"),
        ("price_selection", "k_double:2"),
        ("price_selection", "k_double:x"),
        ("price_without_trade", ["last"]),
        ("forecast_horizons", "0, 0"),
        ("forecast_horizons", "-1"),
        ("forecast_horizons", "501"),
        ("forecast_max", "0"),
        ("trade_seconds", -1),
        ("final_seconds", "x" * 100),
        ("computer_traders", "yes"),
        ("dividend_seed", "x" * 5000),
        ("dividend_seed", {}),
    ],
)
def test_each_problem_names_its_key_and_what_is_allowed(key: str, value: object) -> None:
    told = problems(**{key: value})[-1]
    mended = "endowment_shares" if (key, value) == ("endowment_cash", "1, 2") else key
    assert told.startswith(f"{mended} must be ")
    assert told.endswith(".")


@given(st.dictionaries(st.sampled_from(sorted(REFERENCE)), json_values, max_size=6))
def test_any_config_is_a_market_or_told_why_not(config: dict[str, Any]) -> None:
    told: tuple[str, ...] = ()
    try:
        MarketParameters.from_config(config)
    except ParameterError as error:
        told = error.problems
    beside = {
        "dividend_weights",
        "max_price",
        "endowment_shares",
        "practice_rounds",
    }  # what a changed key may no longer fit
    assert all(problem.split()[0] in {*config, *beside} for problem in told)


def test_rounds_are_counted_within_their_phase() -> None:
    parameters = MarketParameters.from_config({"practice_rounds": 2, "paid_rounds": 5})
    assert parameters.round_at(2) == RoundRef("practice", 2, 2, 2)
    assert parameters.round_at(3) == RoundRef("paid", 1, 5, 3)
    assert parameters.round_at(2).is_last
    assert parameters.round_at(3).is_first
    assert (parameters.rounds_of("practice"), parameters.rounds_of("paid")) == (2, 5)
    for overall in (0, 8):
        with pytest.raises(ValueError, match="rounds 1 to 7"):
            parameters.round_at(overall)


def test_types_of_traders_take_turns() -> None:
    market = MarketParameters.from_config({"endowment_cash": "225, 585, 945", "endowment_shares": "3, 2, 1"})
    assert [market.endowment_of(trader).shares for trader in range(1, 8)] == [3, 2, 1, 3, 2, 1, 3]
    assert [market.endowment_of(trader).cash for trader in (1, 2, 3)] == [225, 585, 945]


def test_rounds_may_differ_in_dividends_odds_and_interest() -> None:
    market = MarketParameters.from_config(
        {
            "practice_rounds": 2,
            "paid_rounds": 3,
            "dividends": "0, 1; 2; 0, 4",
            "dividend_weights": "1, 1; 1; 3, 1",
            "interest_rate": "0; 0.10; 0.20",
            "buy_back": "10",
        }
    )
    assert [market.dividends_in(number).expected for number in (1, 2, 3)] == [Fraction(1, 2), 2, 1]
    assert [market.interest_in(number) for number in (1, 2, 3)] == [0, Fraction(1, 10), Fraction(1, 5)]
    last = (1 + Fraction(10)) / Fraction("1.2")
    second = (2 + last) / Fraction("1.1")
    assert market.fundamental_values() == (Fraction(1, 2) + second, second, last)
    after_practice = (2 + Fraction(10)) / Fraction("1.1")
    assert market.fundamental_values("practice") == (Fraction(1, 2) + after_practice, after_practice)


def test_one_row_of_odds_does_for_dividends_that_differ() -> None:
    market = MarketParameters.from_config({"paid_rounds": 2, "practice_rounds": 0, "dividends": "0, 1; 2, 3"})
    assert [market.dividends_in(number).expected for number in (1, 2)] == [Fraction(1, 2), Fraction(5, 2)]


def test_a_schedule_has_a_part_for_each_paid_round() -> None:
    (told,) = problems(paid_rounds=3, practice_rounds=1, interest_rate="0.05; 0.10")
    assert told.startswith("interest_rate must be the same for all rounds, or have 3 parts, one for each")
    (told,) = problems(paid_rounds=2, practice_rounds=3, interest_rate="0.05; 0.10")
    assert told.startswith("practice_rounds must be at most 2, the rounds that interest_rate has parts for")
    (told,) = problems(paid_rounds=2, practice_rounds=0, dividends="0, 1; 0, 1, 2")
    assert told.startswith("dividend_weights must be one weight for each of the 3 dividends of round 2")


def test_paid_markets_in_a_row_are_counted_through() -> None:
    market = MarketParameters.from_config({"practice_rounds": 1, "paid_rounds": 2, "paid_markets": 2})
    assert market.rounds == 5
    assert [market.round_at(overall) for overall in (3, 4)] == [
        RoundRef("paid", 2, 2, 3, 1),
        RoundRef("paid", 1, 2, 4, 2),
    ]


def test_interest_of_ten_times_the_cash_is_the_most_there_is_in_a_schedule_as_elsewhere() -> None:
    assert MarketParameters.from_config({"interest_rate": "10"}).interest_in(1) == 10
    two = MarketParameters.from_config({"paid_rounds": 2, "practice_rounds": 0, "interest_rate": "0.5; 10"})
    assert [two.interest_in(number) for number in (1, 2)] == [Fraction(1, 2), 10]


def test_each_page_has_the_timer_of_its_name() -> None:
    pages = ("consent", "instructions", "quiz", "phase_start", "trade", "forecast", "results", "final")
    config = {f"{page}_seconds": number for number, page in enumerate(pages, start=1)}
    market = MarketParameters.from_config({**config, "phase_end_seconds": 99})
    told = {page: market.seconds(page) for page in pages}
    assert told == {page: number for number, page in enumerate(pages, start=1)}
    assert {page: market.seconds(page, "practice") for page in pages} == {**told, "final": 99}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        *(("", "''"), ("x" * 60, f"'{'x' * 60}'"), ("x" * 61, f"'{'x' * 57}...'")),
        *((0.5, "0.5"), (["last"], "something that cannot be read")),
    ],
)
def test_a_problem_quotes_what_the_config_holds_and_cuts_what_is_long(value: object, told: str) -> None:
    (problem,) = problems(rationing=value)
    assert problem == f"rationing must be one of time, pro_rata, random, was {told}."
