"""Rounds that differ, types of traders and markets in a row, as prompts tell them and strategies see them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from bots.agents.memory import Memory
from bots.agents.prompts.render import page_prompt, system_prompt
from bots.agents.rules import expected_dividend, fundamental_values
from bots.domain.market import Decision, MarketView
from bots.domain.ports import Situation
from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.view import PageState, market_view

CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 2,
    "paid_markets": 2,
    "endowment_cash": "10, 20",
    "endowment_shares": "2, 1",
    "dividends": "0, 1; 2",
    "dividend_weights": "1, 3; 1",
    "interest_rate": "0; 0.10",
    "buy_back": "9",
}


def view(trader: int, overall: int) -> MarketView:
    market = MarketParameters.from_config(CONFIG)
    state = PageState(
        "trade", market, 2, ref=market.round_at(overall), account=market.endowment_of(trader), trader=trader
    )
    return MarketView.model_validate(market_view(state))


def test_the_system_prompt_tells_schedules_the_own_endowment_and_the_markets_in_a_row() -> None:
    told = system_prompt(view(2, 1).market)
    assert "You start with 20.00 cash and 1 shares." in told
    assert "interest that differs by round: 0 percent (round 1), 10 percent (round 2)." in told
    assert "round 1: 0.00 with odds 1 in 4, 1.00 with odds 3 in 4; round 2: 2.00 with odds 1 in 1." in told
    assert "There are 2 markets in a row, each of 2 paid rounds." in told


def test_notes_of_an_earlier_market_say_of_which_market_they_are() -> None:
    memory = Memory().after_decision(view(1, 1), Decision(plan="buy low"))
    memory = memory.after_decision(view(1, 3), Decision(plan="sell"))
    told = page_prompt(Situation(1, "d", view(1, 4), memory.remembered))
    assert "TRADE PAGE: market 2 of 2, paid round 2 of 2" in told
    assert "market 1, paid round 1\n  plan: buy low\nmarket 2, paid round 1\n  plan: sell" in told


def test_values_are_reckoned_from_the_schedules() -> None:
    market = view(1, 1).market
    assert [expected_dividend(market, number) for number in (1, 2)] == [Decimal("0.75"), Decimal(2)]
    assert fundamental_values(market, 2) == (Decimal("10.75"), Decimal(10))


def test_forecasters_are_told_of_a_price_that_forecasts_make_and_of_nothing_to_trade() -> None:
    parameters = ForecastingParameters.from_config(FORECASTING_PRESETS["ltf-bubbles"])
    page = ForecastPage(
        "forecast", parameters, 6, Pay(), 3, [Fraction(61), Fraction(64)], [None, Fraction(70)], []
    )
    view = MarketView.model_validate(forecasting_view(page))
    rules = system_prompt(view.market)
    assert "You and 5 others forecast the price" in rules
    assert "forecasts the price of the next round" in rules
    assert "The higher the mean, the higher the price." in rules
    assert not any(word in rules for word in ("share", "order", "dividend", "$"))
    told = page_prompt(Situation(1, "d", view))
    assert "round  price\n    1  61.00\n    2  64.00" in told
    assert "round 3: 70.00" in told
    assert '"f0": the price of round 4, from 0.00 to 1000.00' in told
