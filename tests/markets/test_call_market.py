"""The market as a whole: what a round does to everybody, what a phase does to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.accounts import Account
from markets.call_auction import PriceSelection, PriceWithoutTrade, Rationing
from markets.call_market import MarketState, close_round, final_of, next_round, open_market
from markets.forecasts import GivenForecast
from markets.orders import Order, OrderDraft, Side, check_order
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.rounds import last_price

TRADERS = (1, 2, 3, 4)

Wish = tuple[int, Side, int, int]  # trader, side, shares, limit in cents


def parameters(**config: Any) -> MarketParameters:
    return MarketParameters.from_config({"practice_rounds": 1, "paid_rounds": 2, **config})


def accepted(
    wishes: Sequence[Wish], accounts: Mapping[int, Account], market: MarketParameters
) -> list[Order]:
    """The orders that the market accepts, sent one after another."""
    book: list[Order] = []
    for trader, side, quantity, cents in wishes:
        draft = check_order(
            side.value,
            quantity,
            f"{cents // 100}.{cents % 100:02}",
            account=accounts[trader],
            open_orders=[order for order in book if order.trader == trader],
            rules=market.order_rules,
        )
        if isinstance(draft, OrderDraft):
            book.append(draft.numbered(len(book) + 1, trader))
    return book


wishes = st.lists(
    st.tuples(
        st.sampled_from(TRADERS),
        st.sampled_from(Side),
        st.integers(1, 6),
        st.sampled_from([900, 1350, 1400, 1455]),
    ),
    max_size=14,
)
markets_options = st.fixed_dictionaries(
    {
        "price_selection": st.sampled_from([one.value for one in PriceSelection]),
        "rationing": st.sampled_from([one.value for one in Rationing]),
        "price_without_trade": st.sampled_from([one.value for one in PriceWithoutTrade]),
        "interest_rate": st.sampled_from(["0", "0.05", "0.000001"]),
        "endowment_shares": st.integers(0, 6),
    }
)


def total_cash(state: MarketState) -> Fraction:
    return sum((account.cash for account in state.accounts.values()), Fraction(0))


def total_shares(state: MarketState) -> int:
    return sum(account.shares for account in state.accounts.values())


@settings(max_examples=150)
@given(st.lists(wishes, min_size=3, max_size=3), markets_options, st.text(max_size=5))
def test_cash_and_shares_are_conserved_whatever_is_traded(
    rounds: list[list[Wish]], options: dict[str, Any], seed: str
) -> None:
    market = parameters(**options)
    state: MarketState | None = open_market(market, TRADERS)
    for sent in rounds:
        assert state is not None
        before, orders = state, accepted(sent, state.accounts, market)
        state = close_round(before, orders, {}, parameters=market, seed=seed)
        public = state.history[-1]
        assert total_shares(state) == total_shares(before)
        assert total_cash(state) == (1 + market.interest_in(1)) * total_cash(before) + (
            public.dividend * total_shares(before)
        )
        assert all(account.cash >= 0 and account.shares >= 0 for account in state.accounts.values())
        own = [past[-1] for past in state.own.values()]
        assert sum(one.bought for one in own) == sum(one.sold for one in own) == public.volume
        assert not any(one.bought and one.sold for one in own)
        assert state == close_round(before, orders, {}, parameters=market, seed=seed)
        state = next_round(state, market)
    assert state is None


@settings(max_examples=60)
@given(wishes, markets_options)
def test_mean_wealth_at_fundamental_value_does_not_depend_on_prices(
    sent: list[Wish], options: dict[str, Any]
) -> None:
    """Trading moves wealth between traders and makes none, at whatever price a share is valued."""
    market = parameters(**options, practice_rounds=0)
    state = open_market(market, TRADERS)
    traded = close_round(state, accepted(sent, state.accounts, market), {}, parameters=market, seed="s")
    idle = close_round(state, [], {}, parameters=market, seed="s")
    value = market.fundamental_values()[1]
    assert sum(account.worth(value) for account in traded.accounts.values()) == sum(
        account.worth(value) for account in idle.accounts.values()
    )


def test_interest_and_dividends_are_paid_on_what_is_held_after_trading() -> None:
    market = parameters()
    state = open_market(market, [1, 2])
    book = [Order(1, 1, Side.BUY, 2, 1400), Order(2, 2, Side.SELL, 2, 1400)]
    closed = close_round(state, book, {}, parameters=market, seed="s")
    dividend = closed.history[0].dividend
    buyer, seller = closed.own[1][0], closed.own[2][0]
    assert (buyer.interest, buyer.dividends, buyer.cash) == (
        72 / Fraction(20),
        6 * dividend,
        Fraction("75.6") + 6 * dividend,
    )
    assert (seller.interest, seller.dividends) == (128 / Fraction(20), 2 * dividend)
    assert (closed.accounts[1].shares, closed.accounts[2].shares) == (6, 2)


def test_everybody_starts_anew_after_practice() -> None:
    market = parameters()
    book = [Order(1, 1, Side.BUY, 1, 1500), Order(2, 2, Side.SELL, 1, 1500)]
    practice = close_round(open_market(market, [1, 2]), book, {}, parameters=market, seed="s")
    assert practice.history[0].price == 15
    paid = next_round(practice, market)
    assert paid is not None
    assert set(paid.accounts.values()) == {market.endowment_of(1)}
    assert (paid.overall, paid.closed, paid.history, paid.own) == (2, False, (), {1: (), 2: ()})
    assert last_price(paid.history, market.initial_price) == 14


def test_forecasts_are_scored_when_their_round_closes_and_forgotten_with_practice() -> None:
    market = parameters(
        practice_rounds=0, paid_rounds=3, forecast_horizons="0, 2", price_without_trade="last"
    )
    state = open_market(market, [1])
    given = [
        GivenForecast(one.field, one.horizon, one.made_in, one.round, value)
        for one, value in zip(market.questions(market.round_at(1)), [Fraction(14), Fraction(90)], strict=True)
    ]
    first = close_round(state, [], {1: given}, parameters=market, seed="s")
    assert [one.horizon for one in first.scored[1]] == [0]
    assert (first.forecast_earnings[1], [one.horizon for one in first.forecasts[1]]) == (Fraction(5), [2])
    second = next_round(first, market)
    assert second is not None
    assert second.scored[1] == ()
    third = next_round(close_round(second, [], {}, parameters=market, seed="s"), market)
    assert third is not None
    last = close_round(third, [], {}, parameters=market, seed="s")
    assert [(one.horizon, one.reward) for one in last.scored[1]] == [(2, Fraction(0))]
    assert (last.forecast_earnings[1], last.forecasts[1]) == (Fraction(5), ())


def test_the_last_round_ends_in_a_payoff() -> None:
    market = parameters(practice_rounds=0, paid_rounds=1)
    state = close_round(open_market(market, [1]), [], {}, parameters=market, seed="s")
    assert next_round(state, market) is None
    final = final_of(state, 1, parameters=market, pay=Pay())
    assert final.final_wealth == 105 + 4 * state.history[0].dividend + 56
    assert final.payoff is not None


def test_a_missing_price_leaves_the_last_one_for_the_next_round() -> None:
    market = parameters(price_without_trade="missing", practice_rounds=0)
    first = close_round(open_market(market, [1, 2]), [], {}, parameters=market, seed="s")
    assert first.history[0].price is None
    assert last_price(first.history, Fraction(14)) == 14


def test_a_round_closes_once_and_the_next_opens_after_it() -> None:
    market = parameters()
    state = open_market(market, [1])
    with pytest.raises(ValueError, match="still open"):
        next_round(state, market)
    closed = close_round(state, [], {}, parameters=market, seed="s")
    with pytest.raises(ValueError, match="closed already"):
        close_round(closed, [], {}, parameters=market, seed="s")


def test_orders_that_were_never_checked_cannot_make_debts() -> None:
    market = parameters()
    book = [Order(1, 1, Side.BUY, 50, 1500), Order(2, 2, Side.SELL, 50, 1500)]
    with pytest.raises(ValueError, match="debt"):
        close_round(open_market(market, [1, 2]), book, {}, parameters=market, seed="s")


def test_markets_in_a_row_start_anew_draw_anew_and_are_paid_together() -> None:
    market = parameters(
        practice_rounds=0, paid_rounds=2, paid_markets=3, endowment_cash="10, 20", endowment_shares="2, 1"
    )
    state: MarketState | None = open_market(market, (1, 2))
    dividends: list[tuple[Fraction, ...]] = []
    ends: list[MarketState] = []
    while state is not None:
        assert state.accounts == {1: Account(Fraction(10), 2), 2: Account(Fraction(20), 1)} or state.history
        state = close_round(state, [], {}, parameters=market, seed="7")
        if market.round_at(state.overall).is_last:
            dividends.append(tuple(past.dividend for past in state.history))
            ends.append(state)
        state = next_round(state, market)
    assert len(ends) == 3
    assert len(set(dividends)) > 1
    earned = [end.accounts[1].worth(market.buy_back) for end in ends]
    final = final_of(ends[-1], 1, parameters=market, pay=Pay())
    assert (final.earlier, final.points) == (earned[0] + earned[1], earned[2])
    assert final.payoff == Pay().in_currency(sum(earned, Fraction(0)))
