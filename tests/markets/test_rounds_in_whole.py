"""The whole of what a round leaves, in either institution: draws by their names, schedules, what is kept."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import pytest

from markets.accounts import Account
from markets.call_auction import clear
from markets.call_market import MarketState, close_round, final_of, next_round, open_market, settle_round
from markets.orders import Order, Side
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.period_market import close_period, open_period, settle_period
from markets.rounds import OwnRound, Phase, PublicRound, RoundRef
from tests.markets.periods import INDUCED, parameters, place

EIGHT = tuple(range(1, 9))
SCHEDULES = {
    "dividends": "1, 2, 3, 4; 5, 6, 7, 8",
    "dividend_weights": "1, 1, 1, 1",
    "interest_rate": "0.10; 0.20",
}
ROUNDS = [
    RoundRef(phase, number, 2, 1, market)
    for phase in get_args(Phase)
    for number in (1, 2)
    for market in (1, 2, 3)
]


def call_market(**config: Any) -> MarketParameters:
    return MarketParameters.from_config({"practice_rounds": 0, "paid_rounds": 2, **config})


@pytest.mark.parametrize("ref", ROUNDS)
def test_random_rationing_is_drawn_from_seed_phase_market_and_round_and_nothing_else(ref: RoundRef) -> None:
    known = call_market(rationing="random")
    book = [Order(trader, trader, Side.BUY, 1, 1400) for trader in EIGHT[:7]]
    book.append(Order(8, 8, Side.SELL, 3, 1400))
    accounts = known.accounts_at_start(EIGHT)
    settled = settle_round(ref, book, accounts, parameters=known, last=Fraction(14), seed="s")
    market = "" if ref.market == 1 else f"{ref.market}/"
    drawn = random.Random(f"s/{ref.phase}/{market}{ref.number}/rationing")
    expected = clear(book, rules=known.auction_rules, last_price=Fraction(14), generator=drawn)
    assert settled.fills == expected.fills
    assert {trader: own.bought for trader, own in settled.own.items() if own.bought} == {
        fill.trader: fill.quantity for fill in expected.fills if fill.side is Side.BUY
    }


@pytest.mark.parametrize("ref", ROUNDS)
def test_dividends_and_interest_are_those_of_the_round_whatever_the_institution(ref: RoundRef) -> None:
    called, traded = call_market(**SCHEDULES), parameters(**SCHEDULES)
    accounts = called.accounts_at_start((1, 2))
    period = open_period(traded, accounts, ref.overall)
    for settled in (
        settle_round(ref, [], accounts, parameters=called, last=Fraction(14), seed="s"),
        settle_period(ref, period, accounts, parameters=traded, last=Fraction(14), seed="s"),
    ):
        dividend = called.dividends[ref.number - 1].draw("s", ref.phase, ref.number, ref.market)
        assert settled.public == PublicRound(ref.phase, ref.number, Fraction(14), 0, dividend)
        assert settled.own[2].interest == 100 * called.interest_rates[ref.number - 1]
        assert settled.own[2].dividends == 4 * dividend
        assert settled.fills == ()


def test_a_market_closes_its_periods_with_its_own_seed() -> None:
    known = parameters(dividends="1, 2, 3, 4", dividend_weights="1, 1, 1, 1")
    drawn = []
    for seed in ("a", "b", "c", "d"):
        state = open_market(known, (1, 2))
        period = open_period(known, state.accounts, 1)
        drawn.append(close_period(state, period, parameters=known, seed=seed).history[0].dividend)
    assert drawn == [known.dividends[0].draw(seed, "paid", 1) for seed in ("a", "b", "c", "d")]
    assert len({*drawn}) > 1


def test_a_period_leaves_what_each_trader_bought_and_sold_and_is_paid_after_it() -> None:
    known = parameters(dividends="1", dividend_weights="1")
    before = known.accounts_at_start((1, 2))
    period = open_period(known, before, 1)
    period.receive(1, place("sell", 3, "15"), 0)
    period.receive(2, place("buy", 2, "15"), 0)
    ref = known.round_at(1)
    left = settle_period(ref, period, before, parameters=known, last=Fraction(14), seed="s")
    assert left.own == {
        1: OwnRound("paid", 1, 0, 2, Fraction("6.5"), Fraction(2), Fraction("138.5"), 2),
        2: OwnRound("paid", 1, 2, 0, Fraction("3.5"), Fraction(6), Fraction("79.5"), 6),
    }
    assert left.accounts == {1: Account(Fraction("138.5"), 2), 2: Account(Fraction("79.5"), 6)}


def test_units_of_induced_value_earn_neither_interest_nor_dividends() -> None:
    known = parameters(**INDUCED)
    before = known.accounts_at_start((1, 2, 3, 4))
    period = open_period(known, before, 1)
    period.receive(1, place("buy", 1, "6"), 0)
    period.receive(3, place("sell", 1, "5"), 0)
    left = settle_period(known.round_at(1), period, before, parameters=known, last=Fraction(1), seed="s").own
    nothing = Fraction(0)
    assert left[1] == OwnRound("paid", 1, 1, 0, nothing, nothing, Fraction(34), 1, Fraction(4))
    assert left[3] == OwnRound("paid", 1, 0, 1, nothing, nothing, Fraction(46), 1, Fraction(3))


def test_a_market_opens_with_nothing_played_scored_or_earned() -> None:
    known = call_market()
    assert open_market(known, (1, 2)) == MarketState(
        overall=1,
        closed=False,
        accounts={1: known.endowment_of(1), 2: known.endowment_of(2)},
        history=(),
        own={1: (), 2: ()},
        forecasts={1: (), 2: ()},
        scored={1: (), 2: ()},
        forecast_earnings={1: Fraction(0), 2: Fraction(0)},
        earlier={1: Fraction(0), 2: Fraction(0)},
    )


def test_the_next_round_of_a_phase_keeps_all_but_what_was_scored() -> None:
    known = call_market()
    closed = close_round(open_market(known, (1, 2)), [], {}, parameters=known, seed="s")
    assert next_round(closed, known) == replace(closed, overall=2, closed=False, scored={1: (), 2: ()})


def test_nothing_that_practice_earned_is_paid() -> None:
    known = call_market(practice_rounds=1)
    practice = close_round(open_market(known, (1, 2)), [], {}, parameters=known, seed="s")
    assert next_round(practice, known) == open_market(known, (1, 2), overall=2)


def test_earnings_of_induced_values_are_paid_for_all_markets_in_a_row_together() -> None:
    known = parameters(**INDUCED, paid_rounds=1, paid_markets=2)
    first = open_market(known, (1, 2, 3, 4))
    period = open_period(known, first.accounts, 1)
    period.receive(1, place("buy", 1, "6"), 0)
    period.receive(3, place("sell", 1, "5"), 0)
    second = next_round(close_period(first, period, parameters=known, seed="s"), known)
    assert second is not None
    assert second.earlier == {1: Fraction(4), 2: Fraction(0), 3: Fraction(3), 4: Fraction(0)}
    idle = open_period(known, second.accounts, 2)
    end = close_period(second, idle, parameters=known, seed="s")
    pay = Pay("USD", Fraction(2), Fraction(5))
    final = final_of(end, 1, parameters=known, pay=pay)
    assert (final.points, final.earlier, final.payoff) == (Fraction(0), Fraction(4), Fraction(7))
