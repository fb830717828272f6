"""The data block of a learning-to-forecast page: a market's own model, with nothing to hold or trade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from markets.forecasting_parameters import ForecastingParameters
from markets.learning_to_forecast import PRICE_DECIMALS
from markets.money import readable
from markets.payoffs import Pay
from markets.view import VIEW_VERSION

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ForecastPage:
    """What a page is drawn from.

    Attributes:
        page: `final` is the last one.
        forecasters: in this market.
        number: of the present round.
        prices: of the finished rounds, oldest first.
        given: the forecaster's own by round they were made in, oldest first; None where there is none.
        rewards: by finished round; None where no forecast of it was given.
        payoff: on the final page, in the currency, fee included.
    """

    page: Literal["forecast", "results", "final"]
    parameters: ForecastingParameters
    forecasters: int
    pay: Pay
    number: int
    prices: Sequence[Fraction]
    given: Sequence[Fraction | None]
    rewards: Sequence[Fraction | None]
    payoff: Fraction | None = None


def forecasting_view(state: ForecastPage) -> Json:
    """Return the data block of a page, ready for JSON.

    The fundamental stands as the buy-back of a share that pays nothing else, so that whoever reckons with
    fundamental values finds it; people are not told of either. Its initial price, for whoever has to begin
    somewhere, is the middle of what may be forecast, and of no more than 0 to 100.
    """
    parameters = state.parameters
    asked = parameters.question(state.number)
    return {
        "version": VIEW_VERSION,
        "page": state.page,
        "market": _rules(state),
        "round": {
            "phase": "paid",
            "number": state.number,
            "of": parameters.rounds,
            "overall": state.number,
            "market": 1,
        },
        "holdings": None,
        "history": [_past(number, price) for number, price in enumerate(state.prices, start=1)],
        "own": [],
        "open_orders": [],
        "forecast_inputs": [_input(state, asked.made_in, None)] if state.page == "forecast" else [],
        "forecasts": [
            _input(state, made_in, value)
            for made_in, value in enumerate(state.given, start=1)
            if value is not None and made_in + parameters.rules.ahead > len(state.prices)
        ],
        "result": _result(state) if state.page == "results" else None,
        "final": _final(state) if state.page == "final" else None,
    }


def _rules(state: ForecastPage) -> Json:
    parameters, rules = state.parameters, state.parameters.rules
    return {
        "institution": "learning_to_forecast",
        "traders": state.forecasters,
        "computer_traders": parameters.computer_traders,
        "tick": "0.01",
        "decimals": PRICE_DECIMALS,
        "initial_price": readable(min(parameters.forecast_max, Fraction(100)) / 2),
        "endowment_cash": "0",
        "endowment_shares": 0,
        "dividends": [{"amount": "0", "weight": 1}],
        "interest_rate": "0",
        "buy_back": readable(rules.fundamental),
        "fundamental_values": None,
        "practice_rounds": 0,
        "paid_rounds": parameters.rounds,
        "max_price": readable(rules.highest),
        "max_quantity": 1,
        "max_open_orders": 1,
        "price_selection": "forecasts",
        "rationing": "forecasts",
        "price_without_trade": "forecasts",
        "forecast_horizons": [rules.ahead],
        "forecast_tolerance": readable(rules.reward_error),
        "forecast_reward": readable(rules.reward_most),
        "forecast_max": readable(parameters.forecast_max),
        "forecast_feedback": "positive" if rules.feedback > 0 else "negative",
        "trade_seconds": None,
        "forecast_seconds": parameters.forecast_seconds,
        "results_seconds": parameters.results_seconds,
        "cash_per_currency_unit": readable(state.pay.cash_per_currency_unit),
        "currency": state.pay.currency,
        "participation_fee": readable(state.pay.participation_fee),
    }


def _past(number: int, price: Fraction) -> Json:
    return {"phase": "paid", "number": number, "price": readable(price), "volume": 0, "dividend": "0"}


def _input(state: ForecastPage, made_in: int, value: Fraction | None) -> Json:
    ahead = state.parameters.rules.ahead
    return {
        "field": "f0",
        "horizon": ahead,
        "round": made_in + ahead,
        "minimum": "0",
        "maximum": readable(state.parameters.forecast_max),
        "value": None if value is None else readable(value),
    }


def _result(state: ForecastPage) -> Json:
    number, ahead = state.number, state.parameters.rules.ahead
    made_in, price = number - ahead, state.prices[-1]
    value = state.given[made_in - 1] if made_in >= 1 else None
    reward = state.rewards[-1] or Fraction(0)
    scored = {"made_in": made_in, "round": number, "horizon": ahead, "price": readable(price)}
    return {
        "price": readable(price),
        "volume": 0,
        "bought": 0,
        "sold": 0,
        "dividend": "0",
        "dividends": "0",
        "interest": "0",
        "forecasts": []
        if value is None
        else [{**scored, "value": readable(value), "reward": readable(reward)}],
    }


def _final(state: ForecastPage) -> Json:
    earned = sum((one for one in state.rewards if one), Fraction(0))
    return {
        "phase": "paid",
        "cash": "0",
        "shares": 0,
        "buy_back_income": "0",
        "final_wealth": "0",
        "forecast_earnings": readable(earned),
        "payoff": None if state.payoff is None else readable(state.payoff),
    }
