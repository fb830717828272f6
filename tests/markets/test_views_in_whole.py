"""Whole data blocks of pages, written out: every field is guarded, every amount has the tick's places."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from markets.accounts import Account
from markets.forecasts import GivenForecast, ScoredForecast
from markets.orders import Order, Side
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, Pay
from markets.rounds import OwnRound, PublicRound
from markets.view import PageState, market_view

EIGHTHS = {"tick": "0.125", "max_price": "1000", "practice_rounds": 0, "paid_rounds": 2}
PAY = Pay("EUR", Fraction(150), Fraction("2.5"))


def known(**config: Any) -> MarketParameters:
    return MarketParameters.from_config({**EIGHTHS, **config})


RULES = {
    "institution": "call_market",
    "traders": 6,
    "computer_traders": True,
    "tick": "0.125",
    "decimals": 3,
    "initial_price": "14",
    "endowment_cash": "100",
    "endowment_shares": 4,
    "dividends": [{"amount": "0.4", "weight": 1}, {"amount": "1", "weight": 1}],
    "interest_rate": "0.05",
    "dividends_by_round": None,
    "interest_by_round": None,
    "buy_back": "14",
    "fundamental_values": None,
    "practice_rounds": 0,
    "paid_rounds": 2,
    "paid_markets": 1,
    "max_price": "1000",
    "max_quantity": 99,
    "max_open_orders": 10,
    "price_selection": "midpoint",
    "rationing": "time",
    "price_without_trade": "reference",
    "forecast_horizons": [0, 2, 5, 10],
    "forecast_tolerance": "2.5",
    "forecast_reward": "5",
    "forecast_max": "100",
    "must_improve": False,
    "clears_after_trade": False,
    "induced": False,
    "trade_seconds": 20,
    "forecast_seconds": 30,
    "results_seconds": 10,
    "cash_per_currency_unit": "150",
    "currency": "EUR",
    "participation_fee": "2.5",
}
NOTHING = {
    "version": 1,
    "market": RULES,
    "round": None,
    "holdings": None,
    "history": [],
    "own": [],
    "open_orders": [],
    "forecast_inputs": [],
    "forecasts": [],
    "result": None,
    "final": None,
    "period": None,
    "units": None,
}
FIRST = PublicRound("paid", 1, Fraction("14.125"), 3, Fraction("0.4"))
OWN = OwnRound(
    "paid", 1, 2, 1, Fraction("4.2469"), Fraction("2.0006"), Fraction("90.1239"), 5, Fraction("7.8129")
)
PAST = {"phase": "paid", "number": 1, "price": "14.125", "volume": 3, "dividend": "0.4"}
OWN_PAST = {
    "phase": "paid",
    "number": 1,
    "bought": 2,
    "sold": 1,
    "shares": 5,
    "interest": "4.246",
    "dividends": "2.000",
    "cash": "90.123",
    "earnings": "7.812",
}


def test_a_page_before_the_market_holds_its_rules_and_nothing_else() -> None:
    assert market_view(PageState("instructions", known(), 6, PAY)) == {**NOTHING, "page": "instructions"}


def test_a_trade_page_holds_the_trader_and_its_orders_and_the_rounds_before() -> None:
    parameters = known()
    orders = (Order(3, 1, Side.BUY, 2, 113, "a"), Order(4, 1, Side.SELL, 1, 120))
    account = Account(Fraction("100.9999"), 5)
    page = PageState("trade", parameters, 6, PAY, parameters.round_at(2), account, open_orders=orders)
    assert market_view(replace(page, history=[FIRST], own=[OWN])) == {
        **NOTHING,
        "page": "trade",
        "round": {"phase": "paid", "number": 2, "of": 2, "overall": 2, "market": 1},
        "holdings": {
            "cash": "100.999",
            "cash_available": "72.749",
            "shares": 5,
            "shares_available": 4,
        },
        "history": [PAST],
        "own": [OWN_PAST],
        "open_orders": [
            {"order_id": 3, "side": "buy", "quantity": 2, "limit": "14.125", "ref": "a"},
            {"order_id": 4, "side": "sell", "quantity": 1, "limit": "15.000", "ref": None},
        ],
    }


def test_a_forecast_page_holds_what_is_asked_and_what_is_still_open() -> None:
    parameters = known(forecast_horizons="0, 1")
    asked = parameters.questions(parameters.round_at(1))
    earlier = GivenForecast("f1", 1, 1, 2, Fraction("15.25"))
    page = PageState("forecast", parameters, 6, PAY, questions=asked, answers={"f0": Fraction("14.5")})
    limits = {"minimum": "0", "maximum": "100"}
    view = market_view(replace(page, forecasts=[earlier]))
    assert view["forecast_inputs"] == [
        {"field": "f0", "horizon": 0, "round": 1, **limits, "value": "14.5"},
        {"field": "f1", "horizon": 1, "round": 2, **limits, "value": None},
    ]
    assert view["forecasts"] == [{"field": "f1", "horizon": 1, "round": 2, **limits, "value": "15.25"}]


def test_a_results_page_tells_the_last_round_and_what_it_scored() -> None:
    scored = ScoredForecast(1, 1, 0, Fraction("14.5"), Fraction("14.125"), Fraction(5))
    page = PageState("results", known(), 6, history=[FIRST], own=[OWN], show_result=True, scored=[scored])
    told = {
        "price": "14.125",
        "volume": 3,
        "bought": 2,
        "sold": 1,
        "dividend": "0.4",
        "dividends": "2.000",
        "interest": "4.246",
        "earnings": "7.812",
        "forecasts": [
            {
                "made_in": 1,
                "round": 1,
                "horizon": 0,
                "value": "14.5",
                "price": "14.125",
                "reward": "5",
            }
        ],
    }
    assert market_view(page)["result"] == told
    view = market_view(replace(page, own=[replace(OWN, earnings=None)], scored=()))
    assert view["result"] == {**told, "earnings": None, "forecasts": []}
    assert view["own"] == [{**OWN_PAST, "earnings": None}]


def test_a_final_page_tells_what_everything_came_to() -> None:
    final = FinalOutcome(
        *("paid", Account(Fraction("90.1239"), 5), Fraction("70.0019"), Fraction("160.1258")),
        *(Fraction("5.0009"), Fraction("3.57"), Fraction("12.3456")),
    )
    page = PageState("final", known(), 6, PAY, final=final)
    told = {
        "phase": "paid",
        "cash": "90.123",
        "shares": 5,
        "buy_back_income": "70.001",
        "final_wealth": "160.125",
        "forecast_earnings": "5.000",
        "earlier_markets": "12.345",
        "payoff": "3.57",
    }
    assert market_view(page) == {**NOTHING, "page": "final", "final": told}
    assert market_view(replace(page, final=replace(final, payoff=None)))["final"] == {**told, "payoff": None}


def test_rules_that_change_from_round_to_round_are_told_for_each_of_them() -> None:
    parameters = known(
        dividends="0, 1; 2, 3", dividend_weights="1, 1; 1, 3", interest_rate="0.10; 0.25", buy_back="20"
    )
    rules = market_view(PageState("instructions", parameters, 6))["market"]
    first = [{"amount": "0", "weight": 1}, {"amount": "1", "weight": 1}]
    second = [{"amount": "2", "weight": 1}, {"amount": "3", "weight": 3}]
    assert (rules["dividends"], rules["dividends_by_round"]) == (first, [first, second])
    assert (rules["interest_rate"], rules["interest_by_round"]) == ("0.1", ["0.1", "0.25"])


def test_of_several_endowments_a_page_tells_that_of_its_trader() -> None:
    parameters = known(endowment_cash="10, 20", endowment_shares="1, 2")
    for trader, cash, shares in ((1, "10", 1), (2, "20", 2), (3, "10", 1)):
        rules = market_view(PageState("instructions", parameters, 6, trader=trader))["market"]
        assert (rules["endowment_cash"], rules["endowment_shares"]) == (cash, shares)


def test_units_and_the_rule_that_they_are_induced_stand_on_a_page_of_such_a_market() -> None:
    free = {"dividends": "0", "dividend_weights": "1", "interest_rate": "0", "buy_back": "0"}
    parameters = known(
        **{**free, "institution": "double_auction", "forecast_horizons": "", "endowment_shares": 0},
        induced_values="10.125, 6",
        induced_costs="3",
    )
    view = market_view(PageState("trade", parameters, 2, units=parameters.units_of(1)))
    assert view["units"] == {"side": "buy", "worth": ["10.125", "6.000"]}
    assert (view["market"]["induced"], view["market"]["institution"]) == (True, "double_auction")
