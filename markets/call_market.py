"""One call market from its first practice round to its last paid one, as a pure state machine.

A round: traders order, then forecast; the round closes: the book clears, interest accrues on cash held after
trading, dividends on shares held after trading, forecasts of this round's price are scored. After the last
practice round everybody starts anew from the endowment.

`settle_round` is the whole of a round's rules and `close_round` adds the memory of the market; a server that
keeps rounds as database rows calls the first with what its rows hold, so both play by the same rules.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from markets.accounts import Account
from markets.call_auction import Fill, clear
from markets.forecasts import GivenForecast, ScoredForecast, outstanding, scoring
from markets.orders import Order, Side
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, Pay, final_outcome, induced_outcome
from markets.rounds import OwnRound, PublicRound, RoundRef, last_price


@dataclass(frozen=True, slots=True)
class RoundOutcome:
    """What closing a round did.

    Attributes:
        public: what everybody learns.
        fills: shares that traded, by order id.
        own: what happened to each trader, by trader id.
        accounts: after trading, interest and dividends, by trader id.
    """

    public: PublicRound
    fills: tuple[Fill, ...]
    own: Mapping[int, OwnRound]
    accounts: Mapping[int, Account]


def settle_round(
    ref: RoundRef,
    orders: Iterable[Order],
    accounts: Mapping[int, Account],
    *,
    parameters: MarketParameters,
    last: Fraction,
    seed: str,
) -> RoundOutcome:
    """Close one round: clear the book, settle, pay interest and dividends.

    Args:
        ref: the round.
        orders: all open orders of the round; each was accepted by `check_order` against these accounts.
        accounts: before trading, by trader id.
        last: the phase's latest price (`rounds.last_price`), cash per share.
        seed: of the session's dividends and of random rationing.

    Raises:
        ValueError: orders that `check_order` would not have accepted leave an account short or in debt.
    """
    again = f"{ref.market}/" if ref.market > 1 else ""
    generator = random.Random(f"{seed}/{ref.phase}/{again}{ref.number}/rationing")
    clearing = clear(orders, rules=parameters.auction_rules, last_price=last, generator=generator)
    dividend = parameters.dividends_in(ref.number).draw(seed, ref.phase, ref.number, ref.market)
    public = PublicRound(ref.phase, ref.number, clearing.price, clearing.volume, dividend)
    traded_by = _traded(clearing.fills)
    own: dict[int, OwnRound] = {}
    for trader, account in accounts.items():
        bought, sold = traded_by.get(trader, (0, 0))
        traded = account.after_trade(bought=bought, sold=sold, price=clearing.price or Fraction(0))
        own[trader] = own_round(public, traded, bought, sold, parameters)
    return RoundOutcome(public, clearing.fills, own, accounts_after(own))


def own_round(
    public: PublicRound, traded: Account, bought: int, sold: int, parameters: MarketParameters
) -> OwnRound:
    """Pay a trader's interest and dividends on the account it has after trading, and tell the round."""
    rate = parameters.interest_in(public.number)
    interest, dividends = traded.interest(rate), traded.dividends(public.dividend)
    after = traded.after_income(rate, dividends)
    return OwnRound(public.phase, public.number, bought, sold, interest, dividends, after.cash, after.shares)


def accounts_after(own: Mapping[int, OwnRound]) -> dict[int, Account]:
    """Return what traders hold once a round is over."""
    return {trader: Account(one.cash, one.shares) for trader, one in own.items()}


def _traded(fills: Iterable[Fill]) -> dict[int, tuple[int, int]]:
    """Return shares bought and sold by trader; who traded none is left out."""
    traded: dict[int, tuple[int, int]] = {}
    for fill in fills:
        bought, sold = traded.get(fill.trader, (0, 0))
        if fill.side is Side.BUY:
            traded[fill.trader] = (bought + fill.quantity, sold)
        else:
            traded[fill.trader] = (bought, sold + fill.quantity)
    return traded


@dataclass(frozen=True, slots=True)
class MarketState:
    """A market between two rounds; mappings are by trader id, histories of the present phase, oldest first.

    Attributes:
        overall: the session's round that is open, or the last one that was.
        closed: whether that round is over, so that its results can be shown.
        accounts: what each trader holds.
        history: what everybody knows.
        own: each trader's rounds.
        forecasts: given, and their price not known yet.
        scored: in the round that closed last.
        forecast_earnings: of the phase, cash.
        earlier: points of the paid markets before this one, cash.
    """

    overall: int
    closed: bool
    accounts: Mapping[int, Account]
    history: tuple[PublicRound, ...]
    own: Mapping[int, tuple[OwnRound, ...]]
    forecasts: Mapping[int, tuple[GivenForecast, ...]]
    scored: Mapping[int, tuple[ScoredForecast, ...]]
    forecast_earnings: Mapping[int, Fraction]
    earlier: Mapping[int, Fraction]


def open_market(parameters: MarketParameters, traders: Iterable[int], *, overall: int = 1) -> MarketState:
    """Return the market at the start of a phase: everybody holds the endowment and nothing has happened.

    Args:
        traders: ids, from 1; they decide who gets which endowment.
    """
    ids = tuple(traders)
    return MarketState(
        overall=overall,
        closed=False,
        accounts=parameters.accounts_at_start(ids),
        history=(),
        own=dict.fromkeys(ids, ()),
        forecasts=dict.fromkeys(ids, ()),
        scored=dict.fromkeys(ids, ()),
        forecast_earnings=dict.fromkeys(ids, Fraction(0)),
        earlier=dict.fromkeys(ids, Fraction(0)),
    )


def close_round(
    state: MarketState,
    orders: Iterable[Order],
    forecasts: Mapping[int, Sequence[GivenForecast]],
    *,
    parameters: MarketParameters,
    seed: str,
) -> MarketState:
    """Return the market once its open round is over.

    Args:
        state: with an open round.
        orders: the round's book.
        forecasts: given in this round, by trader id; a trader may have given none.
        seed: of dividends and of random rationing.

    Raises:
        ValueError: the round is closed already, or as `settle_round`.
    """
    if state.closed:
        raise ValueError(f"Round {state.overall} is closed already; open the next one first.")
    ref = parameters.round_at(state.overall)
    last = last_price(state.history, parameters.initial_price)
    outcome = settle_round(ref, orders, state.accounts, parameters=parameters, last=last, seed=seed)
    return remember_round(state, outcome, forecasts, parameters=parameters)


def remember_round(
    state: MarketState,
    outcome: RoundOutcome,
    forecasts: Mapping[int, Sequence[GivenForecast]],
    *,
    parameters: MarketParameters,
) -> MarketState:
    """Return the market once its open round has ended so; `forecasts` are those given in it, by trader id."""
    ref = parameters.round_at(state.overall)
    given = {trader: (*held, *forecasts.get(trader, ())) for trader, held in state.forecasts.items()}
    scored_of = scoring(
        ref.number,
        outcome.public.price,
        tolerance=parameters.forecast_tolerance,
        reward=parameters.forecast_reward,
    )
    scored = {trader: scored_of(held) for trader, held in given.items()}
    return replace(
        state,
        closed=True,
        accounts=outcome.accounts,
        history=(*state.history, outcome.public),
        own={trader: (*past, outcome.own[trader]) for trader, past in state.own.items()},
        forecasts={trader: outstanding(held, ref.number) for trader, held in given.items()},
        scored=scored,
        forecast_earnings={
            trader: sum((one.reward for one in scored[trader] if one.reward), earned)
            for trader, earned in state.forecast_earnings.items()
        },
    )


def next_round(state: MarketState, parameters: MarketParameters) -> MarketState | None:
    """Return the market with its next round open; None after the last one.

    A phase, and so each paid market, starts from new endowments; what earlier paid markets earned is kept.

    Raises:
        ValueError: the present round is still open.
    """
    if not state.closed:
        raise ValueError(f"Round {state.overall} is still open; close it first.")
    if state.overall == parameters.rounds:
        return None
    ref = parameters.round_at(state.overall + 1)
    if ref.is_first:
        opened = open_market(parameters, state.accounts, overall=ref.overall)
        return replace(opened, earlier=_earned(state, parameters)) if ref.market > 1 else opened
    renewed = parameters.accounts_at_start(state.accounts) if parameters.schedule else state.accounts
    return replace(
        state,
        overall=ref.overall,
        closed=False,
        accounts=renewed,
        scored=dict.fromkeys(state.accounts, ()),
    )


def final_of(state: MarketState, trader: int, *, parameters: MarketParameters, pay: Pay) -> FinalOutcome:
    """Return how the present phase ends for one trader, given its last round is closed."""
    phase = parameters.round_at(state.overall).phase
    if parameters.schedule:
        return induced_outcome(phase, state.own[trader], pay=pay, earlier=state.earlier[trader])
    return final_outcome(
        phase,
        state.accounts[trader],
        buy_back=parameters.buy_back,
        forecast_earnings=state.forecast_earnings[trader],
        pay=pay,
        earlier=state.earlier[trader],
    )


def _earned(state: MarketState, parameters: MarketParameters) -> dict[int, Fraction]:
    """Return each trader's points of the paid markets so far, given the last round of one is closed."""
    finals = {trader: final_of(state, trader, parameters=parameters, pay=Pay()) for trader in state.accounts}
    return {trader: final.earlier + final.points for trader, final in finals.items()}
