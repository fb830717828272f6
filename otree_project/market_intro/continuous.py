"""Instructions of double auctions: what units earn, and an example worked by the session's own rules."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from session_market import SessionMarket

from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.institution import Institution
from markets.money import shown
from markets.orders import OrderDraft, Side
from markets.parameters import MarketParameters
from markets.trade_events import Event, Expired, Traded

_NAMES = "ABCD"


def continuous(market: SessionMarket, trader: int) -> dict[str, Any]:
    """Return the template's variables for one trader that the call market does not have."""
    parameters = market.parameters
    if parameters.institution is not Institution.DOUBLE_AUCTION:
        return {"continuous": False, "induced": False}
    return {
        "continuous": True,
        "induced": parameters.schedule is not None,
        "must_improve": parameters.must_improve,
        "clears_after_trade": parameters.clears_after_trade,
        "flow": trading_example(parameters),
        "units": units_example(parameters, trader),
    }


def units_example(parameters: MarketParameters, trader: int) -> dict[str, Any]:
    """Return a trader's own units, and what the first would earn at a price a quarter off its worth."""
    owned = parameters.units_of(trader)
    if owned is None:
        return {}
    side, worth = owned
    quarter = max(parameters.tick, worth[0] / 4 // parameters.tick * parameters.tick)
    price = max(parameters.tick, worth[0] - quarter if side is Side.BUY else worth[0] + quarter)
    return {
        "buyer": side is Side.BUY,
        "worth": ", ".join(_amount(unit, parameters) for unit in worth),
        "first": _amount(worth[0], parameters),
        "price": _amount(price, parameters),
        "earned": _amount(abs(worth[0] - price), parameters),
    }


def trading_example(parameters: MarketParameters) -> list[dict[str, str]]:
    """Place four orders around the initial price, or in the middle of all prices, one after the other."""
    step, middle = _around(parameters)
    flow = (
        OrderDraft(Side.SELL, 1, middle + 2 * step),
        OrderDraft(Side.BUY, 1, middle - step),
        OrderDraft(Side.SELL, 1, middle + step),
        OrderDraft(Side.BUY, 1, middle + 2 * step),
    )
    plenty = Account(1000 * parameters.max_price, 1000)
    rules = DoubleAuctionRules(parameters.order_rules, parameters.must_improve, parameters.clears_after_trade)
    market = DoubleAuction(dict.fromkeys(range(4), plenty), rules)
    return [
        _row(trader, draft, market.submit(trader, draft), parameters) for trader, draft in enumerate(flow)
    ]


def _around(parameters: MarketParameters) -> tuple[int, int]:
    """Return a step and a middle, in ticks."""
    middle = max(4, int(middle_price(parameters) / parameters.tick))
    return max(1, middle // 14), middle


def _row(
    trader: int, draft: OrderDraft, events: tuple[Event, ...], parameters: MarketParameters
) -> dict[str, str]:
    rules = parameters.order_rules
    asks = f"1 at {_amount(rules.to_price(draft.limit), parameters)}"
    return {
        "who": _NAMES[trader],
        "side": draft.side.value,
        "asks": asks + (" or less" if draft.side is Side.BUY else " or more"),
        "gets": _told(events, parameters),
    }


def _told(events: tuple[Event, ...], parameters: MarketParameters) -> str:
    """Return what an order of the example did; the rules of every session accept all four."""
    told = []
    for event in events:
        if isinstance(event, Traded):
            price = _amount(parameters.order_rules.to_price(event.price), parameters)
            told.append(f"{_NAMES[event.buyer]} buys from {_NAMES[event.seller]} at {price}.")
    if any(isinstance(event, Expired) for event in events):
        told.append("All waiting orders end.")
    return " ".join(told) or "waits in the market"


def middle_price(parameters: MarketParameters) -> Fraction:
    """Return a price for examples: the initial one, or the middle of all where units have their own worth."""
    return parameters.initial_price if parameters.schedule is None else parameters.max_price / 2


def _amount(amount: Fraction, parameters: MarketParameters) -> str:
    return shown(amount, parameters.decimals)
