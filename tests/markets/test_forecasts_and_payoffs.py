from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.accounts import Account
from markets.forecasts import GivenForecast, outstanding, questions, read_forecast, read_forecasts, score
from markets.payoffs import FinalOutcome, Pay, final_outcome, induced_outcome
from markets.rounds import OwnRound, Phase
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


def test_what_is_left_blank_hides_no_forecast_behind_it_and_each_keeps_its_question() -> None:
    given, errors = read_forecasts({"f0": " ", "f2": "9"}, questions(HORIZONS, 4, 30), MAXIMUM)
    assert given == (GivenForecast("f2", horizon=5, made_in=4, round=9, value=Fraction(9)),)
    assert errors == {}


@pytest.mark.parametrize("raw", ["101", "-1", "1" * 41, 14.5, True, None, ("1",)])
def test_what_is_no_forecast_is_told_what_is_allowed(raw: object) -> None:
    assert read_forecast(raw, MAXIMUM) == "The forecast must be a number from 0 to 100, such as 14.50."


@pytest.mark.parametrize("raw", ["0", "100", "0.01", "99.99", "1" + "." + "0" * 38])
def test_what_lies_from_nothing_to_the_highest_is_a_forecast(raw: str) -> None:
    assert read_forecast(raw, MAXIMUM) == Fraction(raw)


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


def test_the_end_of_a_market_tells_what_earlier_markets_earned_and_pays_it_too() -> None:
    final = final_outcome(
        "paid",
        Account(Fraction(100), 1),
        buy_back=Fraction(10),
        forecast_earnings=Fraction(0),
        pay=PAY,
        earlier=Fraction(90),
    )
    assert (final.earlier, final.points, final.payoff) == (Fraction(90), Fraction(110), Fraction(6))


@given(st.lists(st.none() | st.integers(-300, 300).map(Fraction), min_size=1), st.integers(0, 500))
def test_units_pay_what_they_earned_less_losses_and_never_less_than_nothing(
    earnings: list[Fraction | None], earlier: int
) -> None:
    rounds = [lent(earned, cash=number, shares=number + 1) for number, earned in enumerate(earnings)]
    earned = max(Fraction(0), Fraction(sum(one for one in earnings if one is not None)))
    paid = PAY.in_currency(earlier + earned)

    def outcome(phase: Phase, payoff: Fraction | None) -> FinalOutcome:
        last = Account(rounds[-1].cash, rounds[-1].shares)
        return FinalOutcome(phase, last, Fraction(0), earned, Fraction(0), payoff, Fraction(earlier))

    assert induced_outcome("paid", rounds, PAY, Fraction(earlier)) == outcome("paid", paid)
    assert induced_outcome("paid", rounds, None, Fraction(earlier)) == outcome("paid", None)
    assert induced_outcome("practice", rounds, PAY, Fraction(earlier)) == outcome("practice", None)


def lent(earnings: Fraction | None, *, cash: int, shares: int) -> OwnRound:
    """A finished round of a market of units, in which `cash` and `shares` were lent."""
    nothing = Fraction(0)
    return OwnRound("paid", 1, 0, 0, nothing, nothing, Fraction(cash), shares, earnings)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 40).map(Fraction))
def test_a_trade_moves_its_worth_between_cash_and_shares(bought: int, sold: int, price: Fraction) -> None:
    before = Account(Fraction(1000), 20)
    after = before.after_trade(bought=bought, sold=sold, price=price)

    assert after.shares == before.shares + bought - sold
    assert after.worth(price) == before.worth(price)


def test_dividends_are_paid_on_each_share() -> None:
    assert Account(Fraction(10), 3).dividends(Fraction("0.40")) == Fraction("1.20")
