"""A double auction from first to last period: how a period opens, and what it leaves.

Before and after its trading a period is a round as in `markets.call_market`: interest accrues on the cash and
dividends on the shares held after trading. Where units have induced values and costs, each period begins anew
with the same units, and what it leaves are earnings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from markets.accounts import Account
from markets.call_auction import PriceWithoutTrade
from markets.call_market import (
    MarketState,
    RoundOutcome,
    accounts_after,
    own_round,
    remember_round,
)
from markets.double_auction import DoubleAuction
from markets.induced import earnings
from markets.orders import Side
from markets.parameters import MarketParameters
from markets.rounds import OwnRound, PublicRound, RoundRef, last_price
from markets.trade_events import Traded, volume_weighted_price
from markets.trading_period import TradingPeriod


def open_period(
    parameters: MarketParameters, accounts: Mapping[int, Account], overall: int, next_order_id: int = 1
) -> TradingPeriod:
    """Open the session's `overall`-th round.

    Args:
        accounts: before trading, by trader id.
        next_order_id: number of its first order, above all earlier ones of the market.
    """
    market = DoubleAuction(
        accounts,
        parameters.double_auction_rules,
        schedule=parameters.schedule,
        next_order_id=next_order_id,
    )
    return TradingPeriod(market, overall)


def settle_period(
    ref: RoundRef,
    period: TradingPeriod,
    before: Mapping[int, Account],
    *,
    parameters: MarketParameters,
    last: Fraction,
    seed: str,
) -> RoundOutcome:
    """End one round: close the period if it is open, pay interest and dividends, or work out earnings.

    The price of the round is the mean price of its trades, weighted by shares.

    Args:
        before: the accounts the period was opened with.
        last: the phase's latest price (`rounds.last_price`), cash per share.
        seed: of the session's dividends.
    """
    period.close()
    trades = [trade.event for trade in period.trades]
    price = volume_weighted_price(trades, parameters.tick)
    public = PublicRound(
        ref.phase,
        ref.number,
        _price_without_trade(period, parameters, last) if price is None else price,
        sum(trade.quantity for trade in trades),
        parameters.dividends_in(ref.number).draw(seed, ref.phase, ref.number, ref.market),
    )
    own = {
        trader: _own_round(trader, public, trades, before[trader], account, parameters)
        for trader, account in period.market.accounts().items()
    }
    return RoundOutcome(public, (), own, accounts_after(own))


def close_period(
    state: MarketState, period: TradingPeriod, *, parameters: MarketParameters, seed: str
) -> MarketState:
    """Return the market once its open round, traded in `period`, is over.

    Raises:
        ValueError: the round is closed already.
    """
    if state.closed:
        raise ValueError(f"Round {state.overall} is closed already; open the next one first.")
    outcome = settle_period(
        parameters.round_at(state.overall),
        period,
        state.accounts,
        parameters=parameters,
        last=last_price(state.history, parameters.initial_price),
        seed=seed,
    )
    return remember_round(state, outcome, {}, parameters=parameters)


def _price_without_trade(
    period: TradingPeriod, parameters: MarketParameters, last: Fraction
) -> Fraction | None:
    """Return the price of a period without trades, by the session's rule, from the book it closed with."""
    if parameters.price_without_trade is PriceWithoutTrade.MISSING:
        return None
    quotes = [quote for quote in period.quotes if quote is not None]
    if parameters.price_without_trade is PriceWithoutTrade.LAST or not quotes:
        return last
    return Fraction(sum(quotes), len(quotes)) * parameters.tick


def _own_round(
    trader: int,
    public: PublicRound,
    trades: Sequence[Traded],
    before: Account,
    traded: Account,
    parameters: MarketParameters,
) -> OwnRound:
    bought = sum(trade.quantity for trade in trades if trade.buyer == trader)
    sold = sum(trade.quantity for trade in trades if trade.seller == trader)
    if parameters.schedule is None:
        return own_round(public, traded, bought, sold, parameters)
    units = bought if parameters.schedule.side(trader) is Side.BUY else sold
    earned = earnings(parameters.schedule, trader, units, traded.cash - before.cash)
    return OwnRound(
        *(public.phase, public.number, bought, sold, Fraction(0), Fraction(0), traded.cash, traded.shares),
        earnings=earned,
    )
