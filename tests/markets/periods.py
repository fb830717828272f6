"""Periods of a double auction for tests: traders, messages, and a client that follows the frames."""

from __future__ import annotations

import itertools
from typing import Any

from markets.parameters import MarketParameters
from markets.period_market import open_period
from markets.trading_period import Outcome, TradingPeriod

_refs = itertools.count(1)

Message = dict[str, Any]


def parameters(**config: Any) -> MarketParameters:
    """A double auction of 2 paid periods without forecasts; `config` changes it."""
    base = {"institution": "double_auction", "practice_rounds": 0, "paid_rounds": 2, "forecast_horizons": ""}
    return MarketParameters.from_config({**base, **config})


INDUCED = {
    "induced_values": "10, 6; 8",
    "induced_costs": "3, 7; 5",
    "endowment_cash": "40",
    "endowment_shares": 0,
    "dividends": "0",
    "dividend_weights": "1",
    "interest_rate": "0",
    "buy_back": "0",
}


def period(traders: int = 3, **config: Any) -> TradingPeriod:
    """The first period of a session."""
    known = parameters(**config)
    return open_period(known, known.accounts_at_start(range(1, traders + 1)), 1)


def open_of(known: MarketParameters) -> TradingPeriod:
    """The first period of a session: of six traders, or of as many as have values and costs."""
    schedule = known.schedule
    traders = len(schedule.values) + len(schedule.costs) if schedule else 6
    return open_period(known, known.accounts_at_start(range(1, traders + 1)), 1)


def place(side: str, quantity: Any, limit: Any, **more: Any) -> Message:
    return {
        "type": "place",
        "side": side,
        "quantity": quantity,
        "limit": limit,
        "ref": f"r{next(_refs)}",
        **more,
    }


def cancel(order_id: Any) -> Message:
    return {"type": "cancel", "order_id": order_id, "ref": f"r{next(_refs)}"}


def ready(seq: Any) -> Message:
    return {"type": "ready", "seq": seq, "ref": f"r{next(_refs)}"}


def codes(outcome: Outcome) -> list[str]:
    """Return the codes of a refusal."""
    assert outcome.answer["type"] == "refused"
    return [reason["code"] for reason in outcome.answer["reasons"]]
