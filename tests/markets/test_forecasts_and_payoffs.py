from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from markets.accounts import Account
from markets.forecasts import GivenForecast, outstanding, questions, read_forecast, read_forecasts, score
from markets.payoffs import Pay, final_outcome
from tests.markets.books import json_values

HORIZONS = (0, 2, 5, 10)
MAXIMUM = Fraction(100)


def made(value: str, *, made_in: int = 1, horizon: int = 2) -> GivenForecast:
    return GivenForecast("f1", horizon, made_in, made_in + horizon, Fraction(value))


def test_only_horizons_that_end_within_the_phase_are_asked() -> None:
    assert [one.field for one in questions(HORIZONS, 1, 30)] == ["f0", "f1", "f2", "f3"]
    assert [(one.field, one.round) for one in questions(HORIZONS, 26, 30)] == [("f0", 26), ("f1", 28)]
    assert [one.field for one in questions(HORIZONS, 30, 30)] == ["f0"]


@pytest.mark.parametrize(
    ("value", "reward"), [("11.5", 5), ("16.5", 5), ("14", 5), ("11.49", 0), ("16.5000001", 0)]
)
def test_a_forecast_pays_within_the_tolerance_bounds_included(value: str, reward: int) -> None:
    (scored,) = score([made(value)], 3, Fraction(14), tolerance=Fraction("2.5"), reward=Fraction(5))
    assert (scored.reward, scored.price, scored.made_in) == (Fraction(reward), Fraction(14), 1)


def test_forecasts_of_other_rounds_wait() -> None:
    given = [made("14"), made("14", made_in=2), made("14", horizon=0)]
    scored = score(given, 3, Fraction(14), tolerance=Fraction(1), reward=Fraction(5))
    assert [one.made_in for one in scored] == [1]
    assert [one.round for one in outstanding(given, 3)] == [4]


def test_a_round_without_a_price_scores_nothing() -> None:
    assert score([made("14")], 3, None, tolerance=Fraction(1), reward=Fraction(5)) == ()


def test_a_form_of_forecasts_is_read_field_by_field() -> None:
    values = {"f0": " 14.50", "f1": "many", "f2": "", "f9": "3"}
    given, errors = read_forecasts(values, questions(HORIZONS, 1, 30), MAXIMUM)
    assert [(one.field, one.value) for one in given] == [("f0", Fraction("14.5"))]
    assert errors == {"f1": "The forecast must be a number from 0 to 100, such as 14.50."}


@pytest.mark.parametrize("raw", ["101", "-1", "1" * 41, 14.5, True, None, ("1",)])
def test_what_is_no_forecast_is_told_what_is_allowed(raw: object) -> None:
    assert read_forecast(raw, MAXIMUM) == "The forecast must be a number from 0 to 100, such as 14.50."


@given(json_values)
def test_no_json_makes_a_forecast_raise(raw: Any) -> None:
    value = read_forecast(raw, MAXIMUM)
    assert isinstance(value, str) or 0 <= value <= MAXIMUM


PAY = Pay("USD", Fraction(200), Fraction(5))


def test_the_paid_phase_pays_wealth_and_forecasts_and_the_fee() -> None:
    final = final_outcome(
        "paid", Account(Fraction("432.10"), 3), buy_back=Fraction(14), forecast_earnings=Fraction(35), pay=PAY
    )
    assert (final.buy_back_income, final.final_wealth, final.points) == (
        Fraction(42),
        Fraction("474.1"),
        Fraction("509.1"),
    )
    assert final.payoff == Fraction("7.55")  # 2.5455 and the fee, to the nearest cent


def test_practice_pays_nothing_and_an_open_payoff_stays_open() -> None:
    account = Account(Fraction(100), 4)
    for phase, pay in (("practice", PAY), ("paid", None)):
        final = final_outcome(
            phase,  # type: ignore[arg-type]
            account,
            buy_back=Fraction(14),
            forecast_earnings=Fraction(0),
            pay=pay,
        )
        assert (final.final_wealth, final.payoff) == (Fraction(156), None)


@pytest.mark.parametrize(("cash", "shares", "word"), [(-1, 0, "debt"), (0, -1, "short")])
def test_an_account_is_never_in_debt_or_short(cash: int, shares: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Account(Fraction(cash), shares)
