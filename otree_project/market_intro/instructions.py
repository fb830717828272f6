"""The numbers of the instructions, from the session's parameters; the market's rules work the examples."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from session_market import SessionMarket

from markets.call_auction import Clearing, PriceSelection, PriceWithoutTrade, Rationing, clear
from markets.money import readable, shown
from markets.orders import Order, Side
from markets.parameters import MarketParameters

from .continuous import continuous

_SELECTION = {
    PriceSelection.MIDPOINT: "it is the middle between the lowest and the highest of them",
    PriceSelection.LOWEST: "it is the lowest of them",
    PriceSelection.HIGHEST: "it is the highest of them",
    PriceSelection.IMBALANCE: (
        "it is the one at which bids and offers differ least; among those the side with more shares decides, "
        "and then the last price"
    ),
}
_RATIONING = {
    Rationing.TIME: "the order that came first trades first",
    Rationing.PRO_RATA: "each of these orders trades in proportion to its size",
    Rationing.RANDOM: "chance decides which of these orders trade first",
}
_WITHOUT_TRADE = {
    PriceWithoutTrade.REFERENCE: (
        "If no shares can change hands, the price is the middle between the highest buying and the lowest "
        "selling price; if there are orders on one side only, it is the best price there; without any orders "
        "it stays what it was."
    ),
    PriceWithoutTrade.LAST: "If no shares can change hands, the price stays what it was.",
    PriceWithoutTrade.MISSING: "If no shares can change hands, the round has no price.",
}


def instructions(market: SessionMarket, trader: int) -> dict[str, Any]:
    """Return the template's variables for one trader; amounts as they are shown in the market."""
    parameters, pay = market.parameters, market.pay
    return {
        **_session(market, trader),
        **continuous(market, trader),
        "account": account_example(parameters, trader),
        "clearing": clearing_example(parameters),
        "selection": _selection(parameters),
        "rationing": _RATIONING[parameters.rationing],
        "without_trade": _WITHOUT_TRADE[parameters.price_without_trade],
        "forecasts": _forecasts(parameters),
        "unit_cash": readable(pay.cash_per_currency_unit),
        "currency": pay.currency,
        "fee": shown(pay.participation_fee, 2) if pay.participation_fee else "",
        "timed": bool(parameters.trade_seconds),
        "seconds": parameters.trade_seconds,
    }


def _session(market: SessionMarket, trader: int) -> dict[str, Any]:
    parameters = market.parameters
    endowment, interest = parameters.endowment_of(trader), parameters.interest_in(1)
    return {
        "others": counted(market.traders - 1, "other trader"),
        "computer_traders": parameters.tells_of_computer_traders,
        "practice_rounds": parameters.practice_rounds,
        "paid": counted(parameters.paid_rounds, "round"),
        "markets": parameters.paid_markets,
        "types": len(parameters.endowments) > 1,
        "cash": _amount(endowment.cash, parameters),
        "shares": counted(endowment.shares, "share"),
        "interest": f"{readable(interest * 100)} %" if any(parameters.interest_rates) else "",
        "dividends": dividends_text(parameters, 1),
        "schedule": _schedule(parameters),
        "buy_back": _amount(parameters.buy_back, parameters) if parameters.buy_back else "",
        "tick": readable(parameters.tick),
        "max_quantity": counted(parameters.max_quantity, "unit" if parameters.schedule else "share"),
        "max_open_orders": counted(parameters.max_open_orders, "open order"),
        "disclosed": parameters.disclose_fundamental,
    }


def counted(count: int, thing: str) -> str:
    """Return "1 share", "4 shares"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return "a, b and c"."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), words[-1]) if part) if words else ""


def _amount(amount: Fraction, parameters: MarketParameters) -> str:
    return shown(amount, parameters.decimals)


def _schedule(parameters: MarketParameters) -> list[dict[str, str]]:
    """Return a row for each round where dividends or interest differ by round; else none."""
    if len(parameters.dividends) == len(parameters.interest_rates) == 1:
        return []
    return [
        {
            "round": str(number),
            "dividends": dividends_text(parameters, number),
            "interest": f"{readable(parameters.interest_in(number) * 100)} %",
        }
        for number in range(1, parameters.paid_rounds + 1)
    ]


def dividends_text(parameters: MarketParameters, number: int) -> str:
    """Return what a share can pay in round `number` of a phase, in words."""
    outcomes = parameters.dividends_in(number).outcomes
    total = sum(outcome.weight for outcome in outcomes)
    if len({outcome.weight for outcome in outcomes}) == 1:
        words = listed([_amount(outcome.amount, parameters) for outcome in outcomes], "or")
        return f"{words} cash, each with the same chance" if len(outcomes) > 1 else f"{words} cash"
    parts = [f"{_amount(one.amount, parameters)} cash in {one.weight} of {total} cases" for one in outcomes]
    return listed(parts, "and")


def _selection(parameters: MarketParameters) -> str:
    if parameters.price_selection is PriceSelection.K_DOUBLE:
        return (
            f"it lies {readable(parameters.k * 100, 2)} % of the way from the lowest to the highest of them"
        )
    return _SELECTION[parameters.price_selection]


def _forecasts(parameters: MarketParameters) -> dict[str, str]:
    """Return the words about forecasts; empty where none are asked for."""
    if not parameters.forecast_horizons:
        return {}
    if set(range(parameters.paid_rounds)) <= set(parameters.forecast_horizons):
        return {"which": "the prices of this round and of all rounds that are left", **_reward(parameters)}
    ahead = sorted(horizon for horizon in parameters.forecast_horizons if horizon)
    words = ["the price of this round"] if 0 in parameters.forecast_horizons else []
    if ahead:
        words.append(
            f"the price {listed([str(one) for one in ahead])} {'round' if ahead == [1] else 'rounds'} later"
        )
    return {"which": listed(words), **_reward(parameters)}


def _reward(parameters: MarketParameters) -> dict[str, str]:
    return {
        "tolerance": _amount(parameters.forecast_tolerance, parameters),
        "reward": _amount(parameters.forecast_reward, parameters),
    }


def account_example(parameters: MarketParameters, trader: int) -> dict[str, str]:
    """Work out one round of somebody who holds the endowment after trading, at the highest dividend."""
    account = parameters.endowment_of(trader)
    dividend = max(outcome.amount for outcome in parameters.dividends_in(1).outcomes)
    rate, dividends = parameters.interest_in(1), account.dividends(dividend)
    after = account.after_income(rate, dividends)
    return {
        "dividend": _amount(dividend, parameters),
        "interest": _amount(account.interest(rate), parameters),
        "dividends": _amount(dividends, parameters),
        "after": _amount(after.cash, parameters),
        "buy_back": _amount(account.shares * parameters.buy_back, parameters),
    }


def clearing_example(parameters: MarketParameters) -> dict[str, Any]:
    """Clear four orders around the initial price by the session's own rules."""
    tick = parameters.tick
    step = max(1, int(parameters.initial_price / tick / 14))
    middle = max(step + 1, int(parameters.initial_price / tick))
    book = (
        Order(1, 1, Side.BUY, 2, middle + 2 * step),
        Order(2, 2, Side.BUY, 2, middle + step),
        Order(3, 3, Side.SELL, 3, middle - step),
        Order(4, 4, Side.SELL, 2, middle + 3 * step),
    )
    clearing = clear(
        book,
        rules=parameters.auction_rules,
        last_price=parameters.initial_price,
        generator=random.Random("example"),
    )
    price = clearing.price or Fraction(0)
    return {
        "orders": [
            _example_row(name, order, clearing, parameters) for name, order in zip("ABCD", book, strict=True)
        ],
        "price": _amount(price, parameters),
        "volume": counted(clearing.volume, "share"),
    }


def _example_row(name: str, order: Order, clearing: Clearing, parameters: MarketParameters) -> dict[str, str]:
    filled = next((fill.quantity for fill in clearing.fills if fill.order_id == order.order_id), 0)
    limit = _amount(order.limit * parameters.tick, parameters)
    bound = "or less" if order.side is Side.BUY else "or more"
    verb = "buys" if order.side is Side.BUY else "sells"
    return {
        "who": name,
        "side": order.side.value,
        "asks": f"{counted(order.quantity, 'share')} at {limit} {bound}",
        "gets": f"{verb} {filled}" if filled else "does not trade",
    }
