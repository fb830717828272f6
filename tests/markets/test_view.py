"""The data block of every page is what bots read as a MarketView."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.domain.market import MarketView
from markets.accounts import Account
from markets.call_market import MarketState, close_round, final_of, next_round, open_market
from markets.forecasts import GivenForecast
from markets.money import exact_text
from markets.orders import Order, OrderDraft, Side, check_order
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.view import PageName, PageState, market_view

PAY = Pay("USD", Fraction(200), Fraction(5))


def view_of(state: PageState) -> MarketView:
    """What a bot reads once the page has been JSON."""
    text = json.dumps(market_view(state), allow_nan=False)
    assert not any(isinstance(number, float) for number in numbers(json.loads(text)))
    return MarketView.model_validate_json(text)


def numbers(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        items = value.values() if isinstance(value, dict) else value
        return [number for item in items for number in numbers(item)]
    return [value]


def parameters(**config: Any) -> MarketParameters:
    return MarketParameters.from_config(
        {"practice_rounds": 1, "paid_rounds": 3, "forecast_horizons": "0, 2", **config}
    )


def played(market: MarketParameters) -> MarketState:
    """The first paid round, closed; trader 1 forecast and bought a share at 14.505."""
    practice = close_round(open_market(market, [1, 2]), [], {}, parameters=market, seed="s")
    state = next_round(practice, market)
    assert state is not None
    ref = market.round_at(2)
    given = [
        GivenForecast(one.field, one.horizon, one.made_in, one.round, Fraction(15))
        for one in market.questions(ref)
    ]
    book = [Order(1, 1, Side.BUY, 1, 1451), Order(2, 2, Side.SELL, 1, 1450)]
    return close_round(state, book, {1: given}, parameters=market, seed="s")


@pytest.mark.parametrize("page", ["consent", "instructions"])
def test_pages_before_the_market_show_its_rules(page: PageName) -> None:
    view = view_of(PageState(page, parameters(), 6, PAY))
    assert (view.page, view.round, view.holdings, view.final) == (page, None, None, None)
    assert view.market.dividends[0].amount == Decimal("0.4")
    assert (view.market.cash_per_currency_unit, view.market.participation_fee) == (Decimal(200), Decimal(5))
    assert view.market.fundamental_values is None
    assert view.last_price == 14


def test_fundamental_values_are_disclosed_where_the_session_says_so() -> None:
    flat = view_of(PageState("instructions", parameters(disclose_fundamental=True), 6, PAY))
    assert flat.market.fundamental_values == (Decimal(14),) * 3
    odd = view_of(PageState("instructions", parameters(disclose_fundamental=True, buy_back="15"), 6, PAY))
    assert odd.market.fundamental_values is not None
    assert odd.market.fundamental_values[-1] == Decimal("14.952381")


@pytest.mark.parametrize("page", ["phase_start", "trade"])
def test_trade_page_shows_holdings_and_what_orders_reserve(page: PageName) -> None:
    market = parameters()
    orders = (Order(3, 1, Side.BUY, 2, 1450, "a"), Order(4, 1, Side.SELL, 1, 1600))
    account = Account(Fraction("100.999"), 4)
    state = PageState(page, market, 6, PAY, market.round_at(1), account, open_orders=orders)
    view = view_of(state)
    assert view.holdings is not None
    assert (view.holdings.cash, view.holdings.cash_available) == (Decimal("100.99"), Decimal("71.99"))
    assert (view.holdings.shares, view.holdings.shares_available) == (4, 3)
    assert [(order.limit, order.ref) for order in view.open_orders] == [(Decimal("14.50"), "a"), (16, None)]
    assert view.round is not None
    assert (view.round.phase, view.round.of) == ("practice", 1)


def test_forecast_page_asks_and_remembers() -> None:
    market = parameters()
    state = played(market)
    ref = market.round_at(3)
    view = view_of(
        PageState(
            "forecast",
            market,
            2,
            PAY,
            ref,
            state.accounts[1],
            history=state.history,
            own=state.own[1],
            questions=market.questions(ref),
            answers={"f0": Fraction("14.5")},
            forecasts=state.forecasts[1],
        )
    )
    assert [(one.field, one.round, one.value) for one in view.forecast_inputs] == [("f0", 2, Decimal("14.5"))]
    assert [(one.horizon, one.round, one.value) for one in view.forecasts] == [(2, 3, Decimal(15))]
    assert view.last_price == Decimal("14.505")


def test_results_page_tells_the_round() -> None:
    market = parameters()
    state = played(market)
    view = view_of(
        PageState(
            "results",
            market,
            2,
            PAY,
            market.round_at(2),
            state.accounts[1],
            history=state.history,
            own=state.own[1],
            show_result=True,
            scored=state.scored[1],
        )
    )
    assert view.result is not None
    assert (view.result.price, view.result.volume) == (Decimal("14.505"), 1)
    assert (view.result.bought, view.result.sold) == (1, 0)
    assert [(one.horizon, one.reward) for one in view.result.forecasts] == [(0, Decimal(5))]
    assert view.holdings is not None
    assert view.own[0].cash == view.holdings.cash


def test_results_without_a_price_say_missing() -> None:
    market = parameters(price_without_trade="missing")
    state = close_round(open_market(market, [1]), [], {}, parameters=market, seed="s")
    view = view_of(
        PageState(
            "results",
            market,
            1,
            history=state.history,
            own=state.own[1],
            ref=market.round_at(1),
            show_result=True,
        )
    )
    assert view.result is not None
    assert (view.result.price, view.history[0].price) == (None, None)


@pytest.mark.parametrize("page", ["final", "payment"])
def test_final_pages_tell_the_payoff(page: PageName) -> None:
    market = parameters(practice_rounds=0, paid_rounds=1)
    state = close_round(open_market(market, [1]), [], {}, parameters=market, seed="s")
    final = final_of(state, 1, parameters=market, pay=PAY)
    view = view_of(PageState(page, market, 1, PAY, final=final))
    assert view.final is not None
    assert view.final.final_wealth == view.final.cash + 56
    assert view.final.payoff is not None
    assert view.final.payoff > 5


@given(st.fractions(0, 10**6), st.sampled_from(["0.01", "0.25", "1", "0.0005"]))
def test_bids_are_accepted_up_to_the_cash_that_is_shown_and_no_further(cash: Fraction, tick: str) -> None:
    market = parameters(tick=tick, max_price="1000000")
    account = Account(cash, 0)
    view = view_of(PageState("trade", market, 1, ref=market.round_at(1), account=account))
    assert view.holdings is not None
    most = Fraction(view.holdings.cash_available) // market.tick * market.tick
    for limit, affordable in ((most, most > 0), (most + market.tick, False)):
        answer = check_order(
            "buy", 1, exact_text(limit), account=account, open_orders=(), rules=market.order_rules
        )
        assert isinstance(answer, OrderDraft) == affordable
