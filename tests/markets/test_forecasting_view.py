"""The data block of learning-to-forecast pages is what bots read as a MarketView."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bots.domain.market import MarketView
from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.payoffs import Pay

AHEAD = ForecastingParameters.from_config(FORECASTING_PRESETS["ltf-bubbles"])


def page_of(page: Any, number: int, prices: list[int], given: list[int | None], **more: Any) -> ForecastPage:
    return ForecastPage(
        page=page,
        number=number,
        prices=[Fraction(price) for price in prices],
        given=[None if one is None else Fraction(one) for one in given],
        **{
            "parameters": AHEAD,
            "forecasters": 6,
            "pay": Pay("USD", Fraction(200), Fraction(5)),
            "rewards": [None] * len(prices),
            **more,
        },
    )


def seen(page: Any, number: int, prices: list[int], given: list[int | None], **more: Any) -> MarketView:
    return MarketView.model_validate(forecasting_view(page_of(page, number, prices, given, **more)))


def test_forecast_page_asks_one_price_and_tells_what_is_not_known_yet() -> None:
    view = seen("forecast", 3, [60, 62], [None, 65])
    assert [(one.field, one.round, one.value) for one in view.forecast_inputs] == [("f0", 4, None)]
    assert [(one.round, one.value) for one in view.forecasts] == [(3, Decimal(65))]
    assert [past.price for past in view.history] == [60, 62]
    assert view.market.buy_back == AHEAD.rules.fundamental
    assert (view.result, view.final, view.holdings) == (None, None, None)


def test_results_page_scores_the_forecast_that_was_made_for_the_round() -> None:
    view = seen("results", 2, [60, 62], [61, None], rewards=[None, Fraction(1299)])
    assert view.result is not None
    assert view.result.price == 62
    [scored] = view.result.forecasts
    assert (scored.made_in, scored.round, scored.value, scored.reward) == (1, 2, Decimal(61), Decimal(1299))


def test_results_page_scores_nothing_where_no_forecast_was_made_for_the_round() -> None:
    for view in (seen("results", 1, [60], [61]), seen("results", 2, [60, 62], [None, 61])):
        assert view.result is not None
        assert view.result.forecasts == ()


def test_final_page_adds_up_the_rewards_and_tells_the_payoff_once_it_is_known() -> None:
    rewards = [None, Fraction(1000), Fraction(300)]
    for payoff, told in ((None, None), (Fraction(23, 2), Decimal("11.5"))):
        final = seen("final", 3, [60, 61, 62], [60, 61, 62], rewards=rewards, payoff=payoff).final
        assert final is not None
        assert (final.forecast_earnings, final.payoff) == (Decimal(1300), told)


def test_a_forecast_is_asked_for_the_round_so_far_ahead() -> None:
    asked = AHEAD.question(3)
    assert (asked.made_in, asked.round, asked.horizon) == (3, 4, 1)


RULES = {
    "institution": "learning_to_forecast",
    "traders": 6,
    "computer_traders": True,
    "tick": "0.01",
    "decimals": 2,
    "initial_price": "50",
    "endowment_cash": "0",
    "endowment_shares": 0,
    "dividends": [{"amount": "0", "weight": 1}],
    "interest_rate": "0",
    "buy_back": "60",
    "fundamental_values": None,
    "practice_rounds": 0,
    "paid_rounds": 50,
    "max_price": "1000",
    "max_quantity": 1,
    "max_open_orders": 1,
    "price_selection": "forecasts",
    "rationing": "forecasts",
    "price_without_trade": "forecasts",
    "forecast_horizons": [1],
    "forecast_tolerance": "7",
    "forecast_reward": "1300",
    "forecast_max": "1000",
    "forecast_feedback": "positive",
    "trade_seconds": None,
    "forecast_seconds": 60,
    "results_seconds": 10,
    "cash_per_currency_unit": "200",
    "currency": "USD",
    "participation_fee": "5",
}
ASKED = {"field": "f0", "horizon": 1, "minimum": "0", "maximum": "1000"}
NOTHING: dict[str, Any] = {
    "version": 1,
    "market": RULES,
    "holdings": None,
    "own": [],
    "open_orders": [],
    "history": [],
    "forecast_inputs": [],
    "forecasts": [],
    "result": None,
    "final": None,
}


def round_of(number: int) -> dict[str, Any]:
    return {"phase": "paid", "number": number, "of": 50, "overall": number, "market": 1}


def past(number: int, price: str) -> dict[str, Any]:
    return {"phase": "paid", "number": number, "price": price, "volume": 0, "dividend": "0"}


def test_a_forecast_page_holds_this_and_nothing_else() -> None:
    assert forecasting_view(page_of("forecast", 3, [60, 62], [61, None])) == {
        **NOTHING,
        "page": "forecast",
        "round": round_of(3),
        "history": [past(1, "60"), past(2, "62")],
        "forecast_inputs": [{**ASKED, "round": 4, "value": None}],
    }


def test_a_results_page_holds_this_and_nothing_else() -> None:
    scored = {"made_in": 1, "round": 2, "horizon": 1, "price": "62", "value": "80", "reward": "0"}
    page = page_of("results", 2, [60, 62], [80, 65], rewards=[None, Fraction(0)])
    assert forecasting_view(page) == {
        **NOTHING,
        "page": "results",
        "round": round_of(2),
        "history": [past(1, "60"), past(2, "62")],
        "forecasts": [{**ASKED, "round": 3, "value": "65"}],
        "result": {
            "price": "62",
            "volume": 0,
            "bought": 0,
            "sold": 0,
            "dividend": "0",
            "dividends": "0",
            "interest": "0",
            "forecasts": [scored],
        },
    }


def test_a_final_page_holds_this_and_nothing_else() -> None:
    rewards = [None, Fraction("1000.5")]
    page = page_of("final", 2, [60, 62], [None, None], rewards=rewards, payoff=Fraction("10"))
    assert forecasting_view(page) == {
        **NOTHING,
        "page": "final",
        "round": round_of(2),
        "history": [past(1, "60"), past(2, "62")],
        "final": {
            "phase": "paid",
            "cash": "0",
            "shares": 0,
            "buy_back_income": "0",
            "final_wealth": "0",
            "forecast_earnings": "1000.5",
            "payoff": "10",
        },
    }


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"feedback": "-20/21"}, {"forecast_feedback": "negative"}),
        ({"feedback": "0.5"}, {"forecast_feedback": "positive"}),
        ({"forecast_max": "30"}, {"forecast_max": "30", "initial_price": "15"}),
        ({"forecast_max": "101"}, {"forecast_max": "101", "initial_price": "50"}),
        ({"forecast_ahead": 0}, {"forecast_horizons": [0]}),
        ({"forecast_seconds": 0, "results_seconds": 8}, {"forecast_seconds": None, "results_seconds": 8}),
        ({"computer_traders": False}, {"computer_traders": False}),
    ],
)
def test_the_rules_on_a_page_are_those_of_the_session(config: dict[str, Any], told: dict[str, Any]) -> None:
    known = ForecastingParameters.from_config({**FORECASTING_PRESETS["ltf-bubbles"], **config})
    view = forecasting_view(page_of("forecast", 1, [], [], parameters=known))
    assert view["market"] == {**RULES, **told}
