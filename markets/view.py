"""The data block of a page (`id="market-view"`): everything the page tells one trader, as a plain dictionary.

Amounts are decimal strings. Amounts of cash are rounded down to the displayed decimals, so what is shown can
always be spent; prices, dividends and forecasts are exact. The page's script draws from this what people see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from typing import Any, Literal

from markets.accounts import Account
from markets.dividends import DividendProcess
from markets.forecasts import ForecastQuestion, GivenForecast, ScoredForecast
from markets.induced import Units
from markets.money import fixed, readable, shown, units_of
from markets.orders import Order, OrderRules, Side, reserved_shares, reserved_ticks
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, Pay
from markets.rounds import OwnRound, PublicRound, RoundRef
from markets.values import often_made

VIEW_VERSION = 1

PageName = Literal[
    "consent", "instructions", "phase_start", "trade", "forecast", "results", "final", "payment"
]
Json = dict[str, Any]


@often_made(frozen=True, slots=True)
class PageState:
    """What a page is drawn from; leave out what the page has nothing of.

    Attributes:
        traders: how many trade in this market.
        ref: the present round; None on consent, instructions and payment.
        account: of this trader; on the trade page before any open order trades.
        open_orders: this trader's own.
        history: finished rounds of the phase, oldest first; so is `own`.
        questions: what the forecast page asks.
        answers: forecasts already given to these questions, by field.
        forecasts: given in earlier rounds, their price not known yet.
        show_result: the last round of `history` and `own` is what a results page tells.
        scored: forecasts that this round decided.
        final: on the final page.
        period: of a double auction, as `markets.trading_period` tells it; on trade and results pages.
        units: which way the trader trades, and values or costs, in a market that has them.
        trader: id in the market; it decides which endowment is told.
    """

    page: PageName
    parameters: MarketParameters
    traders: int
    pay: Pay = field(default_factory=Pay)
    ref: RoundRef | None = None
    account: Account | None = None
    open_orders: Sequence[Order] = ()
    history: Sequence[PublicRound] = ()
    own: Sequence[OwnRound] = ()
    questions: Sequence[ForecastQuestion] = ()
    answers: Mapping[str, Fraction] = field(default_factory=dict)
    forecasts: Sequence[GivenForecast] = ()
    show_result: bool = False
    scored: Sequence[ScoredForecast] = ()
    final: FinalOutcome | None = None
    period: Json | None = None
    units: tuple[Side, Units] | None = None
    trader: int = 1


def market_view(state: PageState) -> Json:
    """Return the data block of a page, ready for JSON."""
    parameters, decimals = state.parameters, state.parameters.decimals
    holdings = (
        holdings_view(state.account, state.open_orders, parameters.order_rules) if state.account else None
    )
    return {
        "version": VIEW_VERSION,
        "page": state.page,
        "market": market_rules_view(parameters, state.traders, state.pay, state.trader),
        "round": round_view(state.ref) if state.ref else None,
        "holdings": holdings,
        "history": [past_round_view(past) for past in state.history],
        "own": [own_round_view(own, decimals) for own in state.own],
        "open_orders": [order_view(order, parameters.order_rules) for order in state.open_orders],
        "forecast_inputs": [
            forecast_view(question, state.answers.get(question.field), parameters)
            for question in state.questions
        ],
        "forecasts": [forecast_view(given, given.value, parameters) for given in state.forecasts],
        "result": _result_view(state) if state.show_result else None,
        "final": final_view(state.final, decimals) if state.final else None,
        "period": state.period,
        "units": units_view(state.units, decimals) if state.units else None,
    }


def market_rules_view(parameters: MarketParameters, traders: int, pay: Pay, trader: int) -> Json:
    """Return the session's parameters as `trader` may know them: of the endowments, only its own."""
    endowment = parameters.endowment_of(trader)
    values = parameters.fundamental_values() if parameters.disclose_fundamental else None
    return {
        "institution": parameters.institution.value,
        "traders": traders,
        "computer_traders": parameters.tells_of_computer_traders,
        "tick": readable(parameters.tick),
        "decimals": parameters.decimals,
        "initial_price": readable(parameters.initial_price),
        "endowment_cash": readable(endowment.cash),
        "endowment_shares": endowment.shares,
        "dividends": _dividends_view(parameters.dividends[0]),
        "interest_rate": readable(parameters.interest_rates[0]),
        **_schedules_view(parameters),
        "buy_back": readable(parameters.buy_back),
        "fundamental_values": None if values is None else [readable(value) for value in values],
        "practice_rounds": parameters.practice_rounds,
        "paid_rounds": parameters.paid_rounds,
        "paid_markets": parameters.paid_markets,
        "max_price": readable(parameters.max_price),
        "max_quantity": parameters.max_quantity,
        "max_open_orders": parameters.max_open_orders,
        **_options_view(parameters),
        "trade_seconds": parameters.trade_seconds,
        "forecast_seconds": parameters.forecast_seconds,
        "results_seconds": parameters.results_seconds,
        "cash_per_currency_unit": readable(pay.cash_per_currency_unit),
        "currency": pay.currency,
        "participation_fee": readable(pay.participation_fee),
    }


def units_view(units: tuple[Side, Units], decimals: int) -> Json:
    """Return a trader's induced values or costs, in the sequence in which its units trade."""
    side, worth = units
    return {"side": side.value, "worth": [shown(unit, decimals) for unit in worth]}


def _dividends_view(process: DividendProcess) -> list[Json]:
    return [{"amount": readable(one.amount), "weight": one.weight} for one in process.outcomes]


def _schedules_view(parameters: MarketParameters) -> Json:
    """Return what changes from round to round; None where all rounds are alike."""
    dividends, rates = parameters.dividends, parameters.interest_rates
    return {
        "dividends_by_round": [_dividends_view(one) for one in dividends] if len(dividends) > 1 else None,
        "interest_by_round": [readable(rate) for rate in rates] if len(rates) > 1 else None,
    }


def _options_view(parameters: MarketParameters) -> Json:
    return {
        "price_selection": parameters.price_selection.value,
        "rationing": parameters.rationing.value,
        "price_without_trade": parameters.price_without_trade.value,
        "forecast_horizons": list(parameters.forecast_horizons),
        "forecast_tolerance": readable(parameters.forecast_tolerance),
        "forecast_reward": readable(parameters.forecast_reward),
        "forecast_max": readable(parameters.forecast_max),
        "must_improve": parameters.must_improve,
        "clears_after_trade": parameters.clears_after_trade,
        "induced": parameters.schedule is not None,
    }


def holdings_view(account: Account, open_orders: Sequence[Order], rules: OrderRules) -> Json:
    """Return an account; what the trader's open orders do not reserve is available."""
    decimals = rules.decimals
    units = units_of(account.cash, decimals)
    reserved = reserved_ticks(open_orders) * rules.tick_units  # whole units, so that rounding may come first
    cash = fixed(units, decimals)
    return {
        "cash": cash,
        "shares": account.shares,
        "cash_available": fixed(units - reserved, decimals) if reserved else cash,
        "shares_available": account.shares - reserved_shares(open_orders),
    }


def order_view(order: Order, rules: OrderRules) -> Json:
    """Return an open order as its owner sees it."""
    return {
        "order_id": order.order_id,
        "side": order.side.value,
        "quantity": order.quantity,
        "limit": rules.shown_price(order.limit),
        "ref": order.ref,
    }


def round_view(ref: RoundRef) -> Json:
    """Return which round a page belongs to."""
    return {
        "phase": ref.phase,
        "number": ref.number,
        "of": ref.of,
        "overall": ref.overall,
        "market": ref.market,
    }


def past_round_view(past: PublicRound) -> Json:
    """Return a finished round as everybody sees it."""
    return {
        "phase": past.phase,
        "number": past.number,
        "price": _price(past.price),
        "volume": past.volume,
        "dividend": readable(past.dividend),
    }


def own_round_view(own: OwnRound, decimals: int) -> Json:
    """Return what happened to a trader in a finished round."""
    return {
        "phase": own.phase,
        "number": own.number,
        "bought": own.bought,
        "sold": own.sold,
        "interest": shown(own.interest, decimals),
        "dividends": shown(own.dividends, decimals),
        "cash": shown(own.cash, decimals),
        "shares": own.shares,
        "earnings": None if own.earnings is None else shown(own.earnings, decimals),
    }


def forecast_view(
    asked: ForecastQuestion | GivenForecast, value: Fraction | None, parameters: MarketParameters
) -> Json:
    """Return a price that is asked for, or a forecast that was given, as the trader sees it."""
    return {
        "field": asked.field,
        "horizon": asked.horizon,
        "round": asked.round,
        "minimum": "0",
        "maximum": readable(parameters.forecast_max),
        "value": _price(value),
    }


def _result_view(state: PageState) -> Json:
    public, own, decimals = state.history[-1], state.own[-1], state.parameters.decimals
    return {
        "price": _price(public.price),
        "volume": public.volume,
        "bought": own.bought,
        "sold": own.sold,
        "dividend": readable(public.dividend),
        "dividends": shown(own.dividends, decimals),
        "interest": shown(own.interest, decimals),
        "earnings": None if own.earnings is None else shown(own.earnings, decimals),
        "forecasts": [_scored_view(one) for one in state.scored],
    }


def _scored_view(one: ScoredForecast) -> Json:
    return {
        "made_in": one.made_in,
        "round": one.round,
        "horizon": one.horizon,
        "value": readable(one.value),
        "price": readable(one.price),
        "reward": readable(one.reward),
    }


def final_view(final: FinalOutcome, decimals: int) -> Json:
    """Return how a phase ended for a trader."""
    return {
        "phase": final.phase,
        "cash": shown(final.account.cash, decimals),
        "shares": final.account.shares,
        "buy_back_income": shown(final.buy_back_income, decimals),
        "final_wealth": shown(final.final_wealth, decimals),
        "forecast_earnings": shown(final.forecast_earnings, decimals),
        "earlier_markets": shown(final.earlier, decimals),
        "payoff": _price(final.payoff),
    }


def _price(value: Fraction | None) -> str | None:
    return None if value is None else readable(value)
