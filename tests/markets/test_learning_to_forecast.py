"""Learning to forecast: the price that forecasts make, what they earn, and the designs' derived numbers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.forecasts import ForecastQuestion
from markets.learning_to_forecast import PriceMap, close_forecast_round
from markets.parameters import ParameterError

RULES = {
    name: ForecastingParameters.from_config(config).rules for name, config in FORECASTING_PRESETS.items()
}
CENT = Fraction(1, 100)


def without_noise(feedback: int) -> PriceMap:
    slope = Fraction(feedback)
    return replace(RULES["ltf-positive"], feedback=slope, noise_sd=Fraction(0), highest=Fraction(1000))


@pytest.mark.parametrize("name", RULES)
def test_who_all_forecast_the_fundamental_are_right_and_earn_the_most(name: str) -> None:
    rules = RULES[name]
    assert rules.price([Fraction(60)] * 6) == 60
    assert rules.reward(Fraction(60), Fraction(60)) == 1300


def test_the_asset_market_is_the_mean_forecast_and_the_dividend_discounted() -> None:
    rules = RULES["ltf-bubbles"]
    for mean in (0, 50, 60, 400, 1000):
        assert abs(rules.price([Fraction(mean)]) - (Fraction(mean) + 3) / Fraction("1.05")) <= CENT / 2
    assert rules.price([Fraction(2000)]) == 1000
    assert (rules.ahead, rules.noise_sd) == (1, Fraction(0))


def test_positive_feedback_raises_and_negative_lowers_the_price_by_as_much() -> None:
    high, low = RULES["ltf-positive"].price([Fraction(81)]), RULES["ltf-negative"].price([Fraction(81)])
    assert (high, low) == (Fraction(80), Fraction(40))  # 60 ± 20/21 · 21


@given(st.lists(st.fractions(0, 100, max_denominator=100), min_size=1, max_size=8))
def test_the_price_lies_within_its_bounds_and_the_reward_within_its(forecasts: list[Fraction]) -> None:
    for rules in RULES.values():
        price = rules.price(forecasts, rules.noise("s", 1))
        assert 0 <= price <= rules.highest
        assert price.denominator in {1, 2, 4, 5, 10, 20, 25, 50, 100}
        assert all(0 <= rules.reward(one, price) <= rules.reward_most for one in forecasts)


def test_the_reward_falls_with_the_square_of_the_error() -> None:
    rules = RULES["ltf-positive"]
    told = [rules.reward(Fraction(60) + error, Fraction(60)) for error in (0, Fraction("3.5"), 7, 8, -7)]
    assert told == [1300, 975, 0, 0, 0]


def test_naive_forecasts_converge_with_negative_and_drift_slowly_with_positive_feedback() -> None:
    for name, first in (("ltf-positive", "88.57"), ("ltf-negative", "31.43")):
        price, path = Fraction(90), []
        for _ in range(100):
            price = RULES[name].price([price])
            path.append(price)
        assert path[0] == Fraction(first)
        assert abs(path[-1] - 60) <= 1
        signs = {(one > 60) for one in path[:20]}
        assert len(signs) == (1 if name == "ltf-positive" else 2)


def test_noise_is_the_same_everywhere_and_as_good_as_normal() -> None:
    rules = RULES["ltf-positive"]
    draws = [rules.noise("seed", number) for number in range(1, 2001)]
    assert draws == [rules.noise("seed", number) for number in range(1, 2001)]
    assert len({*draws}) > 100
    fitted = NormalDist.from_samples(map(float, draws))
    assert abs(fitted.mean) < 0.05
    assert abs(fitted.stdev - 0.5) < 0.03
    inside = sum(abs(one) <= Fraction(1, 2) for one in draws) / 2000
    assert abs(inside - 0.68) < 0.04


def test_who_gives_no_forecast_is_taken_at_the_last_one_and_earns_nothing_for_it() -> None:
    still = without_noise(feedback=1)
    given_so_far: dict[int, list[Fraction | None]] = {
        1: [Fraction(50), None],
        2: [Fraction(70), Fraction(80)],
        3: [None, None],
    }
    closed = close_forecast_round(2, given_so_far, still, "s")
    assert closed.price == 65
    assert closed.rewards == {2: still.reward(Fraction(80), Fraction(65))}
    assert close_forecast_round(1, {1: [None]}, still, "s").price == 60


def test_one_round_ahead_a_forecast_is_rewarded_a_round_later() -> None:
    rules = RULES["ltf-bubbles"]
    first = close_forecast_round(1, {1: [Fraction(60)]}, rules, "s")
    assert first.price == 60
    assert first.rewards == {}
    second = close_forecast_round(2, {1: [Fraction(60), Fraction(60)]}, rules, "s")
    assert second.rewards == {1: 1300}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("feedback", "0"), ("feedback", "1/0"), ("feedback", "up"), ("forecast_ahead", 2)),
        *(("fundamental", "0"), ("noise_sd", "-1"), ("reward_error", "0"), ("paid_rounds", 0)),
        *(("paid_rounds", 501), ("price_max", "0"), ("forecast_max", "0"), ("traders_per_market", -1)),
        *(
            ("feedback", "٣"),
            ("feedback", "1/٣"),
            ("results_seconds", -1),
            ("completion_url", "http://x.org"),
        ),
    ],
)
def test_each_problem_of_a_config_names_its_key(key: str, value: object) -> None:
    with pytest.raises(ParameterError) as error:
        ForecastingParameters.from_config({key: value})
    (told,) = error.value.problems
    assert told.startswith(f"{key} must be ")


def test_every_key_of_a_config_is_a_parameter_of_its_own() -> None:
    config = {
        "paid_rounds": 1,
        "traders_per_market": 0,
        "forecast_max": "90",
        "consent_seconds": 11,
        "forecast_seconds": 12,
        "results_seconds": 13,
        "computer_traders": False,
        "noise_seed": "n",
        "completion_url": "https://x.org/done",
        "fundamental": "50",
        "feedback": "-0.5",
        "noise_sd": "2",
        "forecast_ahead": 1,
        "price_max": "99",
        "reward_most": "8",
        "reward_error": "3",
    }
    assert ForecastingParameters.from_config(config) == ForecastingParameters(
        rounds=1,
        traders_per_market=0,
        rules=PriceMap(
            fundamental=Fraction(50),
            feedback=Fraction(-1, 2),
            noise_sd=Fraction(2),
            ahead=1,
            highest=Fraction(99),
            reward_most=Fraction(8),
            reward_error=Fraction(3),
        ),
        forecast_max=Fraction(90),
        consent_seconds=11,
        forecast_seconds=12,
        results_seconds=13,
        computer_traders=False,
        noise_seed="n",
        completion_url="https://x.org/done",
    )


def test_the_one_question_of_a_round_is_the_first_input_of_its_page() -> None:
    known = ForecastingParameters.from_config({"forecast_ahead": 1})
    assert known.question(3) == ForecastQuestion("f0", horizon=1, made_in=3, round=4)


def test_a_slope_that_cannot_be_read_is_told_with_slopes_that_can() -> None:
    with pytest.raises(ParameterError) as error:
        ForecastingParameters.from_config({"feedback": "up"})
    allowed = 'feedback must be a number other than 0, such as "20/21", "-20/21" or "0.95"'
    assert error.value.problems == (f"{allowed}, was 'up'.",)


@given(st.lists(st.integers(0, 90), min_size=1, max_size=6), st.integers(1, 50))
def test_the_noise_of_a_round_is_drawn_from_seed_and_number_and_added_to_its_price(
    forecasts: list[int], number: int
) -> None:
    rules = RULES["ltf-positive"]
    own: dict[int, list[Fraction | None]] = {
        who: [Fraction(value)] * number for who, value in enumerate(forecasts, start=1)
    }
    closed = close_forecast_round(number, own, rules, "seed")
    noise = rules.noise("seed", number)
    mean = Fraction(sum(forecasts), len(forecasts))
    exact = rules.fundamental + rules.feedback * (mean - rules.fundamental) + noise
    assert closed.number == number
    assert abs(closed.price - exact) <= CENT / 2
    earned = [rules.reward(Fraction(value), closed.price) for value in forecasts]
    assert closed.rewards == dict(enumerate(earned, start=1))


def test_a_price_falls_to_0_and_no_further() -> None:
    rules = without_noise(feedback=-2)
    assert [rules.price([Fraction(mean)]) for mean in (89, 90, 91)] == [2, 0, 0]
    assert rules.price([Fraction("89.75")]) == Fraction(1, 2)
