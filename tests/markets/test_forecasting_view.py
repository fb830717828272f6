"""The data block of learning-to-forecast pages is what bots read as a MarketView."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from bots.domain.market import MarketView
from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.payoffs import Pay

AHEAD = ForecastingParameters.from_config(FORECASTING_PRESETS["ltf-bubbles"])


def seen(page: Any, number: int, prices: list[int], given: list[int | None], **more: Any) -> MarketView:
    state = ForecastPage(
        page=page,
        parameters=AHEAD,
        forecasters=6,
        pay=Pay("USD", Fraction(200), Fraction(5)),
        number=number,
        prices=[Fraction(price) for price in prices],
        given=[None if one is None else Fraction(one) for one in given],
        **{"rewards": [None] * len(prices), **more},
    )
    return MarketView.model_validate(forecasting_view(state))


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
