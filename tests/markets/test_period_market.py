"""What a period of a double auction leaves: prices, interest and dividends, or earnings."""

from __future__ import annotations

from fractions import Fraction

import pytest

from markets.accounts import Account
from markets.call_market import MarketState, final_of, next_round, open_market
from markets.induced import realised_surplus
from markets.orders import Side
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.period_market import close_period, open_period
from markets.trading_period import TradingPeriod
from markets.view import PageState, market_view
from tests.markets.periods import INDUCED, parameters, place


def played(known: MarketParameters, traders: int, *orders: tuple[int, str, int, str]) -> TradingPeriod:
    period = open_period(known, known.accounts_at_start(range(1, traders + 1)), 1)
    for trader, side, quantity, limit in orders:
        assert period.receive(trader, place(side, quantity, limit), 0).answer["type"] == "placed"
    return period


def closed(known: MarketParameters, traders: int, *orders: tuple[int, str, int, str]) -> MarketState:
    state = open_market(known, range(1, traders + 1))
    return close_period(state, played(known, traders, *orders), parameters=known, seed="7")


def test_the_price_of_a_period_is_the_mean_price_of_its_trades_weighted_by_shares() -> None:
    state = closed(
        parameters(),
        2,
        *((1, "sell", 1, "14"), (2, "buy", 1, "14"), (1, "sell", 2, "15.50"), (2, "buy", 3, "15.50")),
    )
    assert state.history[0].price == 15
    assert state.history[0].volume == 3


@pytest.mark.parametrize(
    ("rule", "price"), [("reference", Fraction(15)), ("last", Fraction(14)), ("missing", None)]
)
def test_a_period_without_trade_has_the_price_that_the_session_says(
    rule: str, price: Fraction | None
) -> None:
    state = closed(parameters(price_without_trade=rule), 2, (1, "sell", 1, "16"), (2, "buy", 1, "14"))
    assert (state.history[0].price, state.history[0].volume) == (price, 0)


def test_interest_and_dividends_are_paid_on_what_is_held_after_trading() -> None:
    state = closed(parameters(), 2, (1, "sell", 2, "15"), (2, "buy", 2, "15"))
    dividend = state.history[0].dividend
    assert state.accounts == {
        1: Account(Fraction(130) * Fraction("1.05") + 2 * dividend, 2),
        2: Account(Fraction(70) * Fraction("1.05") + 6 * dividend, 6),
    }
    following = next_round(state, parameters())
    assert following is not None
    assert following.accounts == state.accounts


def test_with_values_and_costs_a_period_leaves_earnings_and_the_next_one_starts_anew() -> None:
    known = parameters(**INDUCED)
    state = open_market(known, range(1, 5))
    assert state.accounts == {
        1: Account(Fraction(40), 0),
        2: Account(Fraction(40), 0),
        3: Account(Fraction(40), 2),
        4: Account(Fraction(40), 1),
    }
    period = played(
        known, 4, (1, "buy", 1, "6"), (3, "sell", 1, "5"), (2, "buy", 1, "5"), (4, "sell", 1, "5")
    )
    after = close_period(state, period, parameters=known, seed="7")
    earned = {trader: own[0].earnings for trader, own in after.own.items()}
    assert earned == {1: 10 - 6, 2: 8 - 5, 3: 6 - 3, 4: 5 - 5}
    assert known.schedule is not None
    traded = {trader: own[0].bought + own[0].sold for trader, own in after.own.items()}
    assert sum(one or 0 for one in earned.values()) == realised_surplus(known.schedule, traded)
    following = next_round(after, known)
    assert following is not None
    assert following.accounts == state.accounts


def test_earnings_of_all_paid_periods_are_the_payoff_and_losses_reach_no_further_than_them() -> None:
    known = parameters(**INDUCED, paid_rounds=1)
    pay = Pay(cash_per_currency_unit=Fraction(2), participation_fee=Fraction(5))
    after = closed(known, 4, (1, "buy", 1, "12"), (3, "sell", 1, "3"))
    buyer, seller = (final_of(after, trader, parameters=known, pay=pay) for trader in (1, 3))
    assert buyer.final_wealth == 0
    assert buyer.payoff == 5
    assert seller.final_wealth == 12 - 3
    assert seller.payoff == Fraction("9.50")


def test_a_round_is_closed_once() -> None:
    known = parameters()
    with pytest.raises(ValueError, match="Round 1 is closed already"):
        close_period(closed(known, 2), played(known, 2), parameters=known, seed="7")


def test_each_trader_has_the_units_of_its_side_and_nobody_has_any_without_a_schedule() -> None:
    known = parameters(**INDUCED)
    assert known.units_of(1) == (Side.BUY, (Fraction(10), Fraction(6)))
    assert known.units_of(4) == (Side.SELL, (Fraction(5),))
    assert parameters().units_of(1) is None


def test_units_stand_on_the_page_of_their_trader_alone() -> None:
    known = parameters(**INDUCED)
    state = PageState("trade", known, 4, ref=known.round_at(1), units=known.units_of(3))
    assert market_view(state)["units"] == {"side": "sell", "worth": ["3.00", "7.00"]}
