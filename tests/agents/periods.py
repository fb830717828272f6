"""Trade pages of a double auction for tests of deciding."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bots.domain.market import MarketView
from markets.parameters import MarketParameters
from markets.presets import PRESETS
from markets.rounds import OwnRound, PublicRound
from markets.trading_period import TradingPeriod
from markets.view import PageState, market_view
from tests.markets.periods import open_of, place


def auction(preset: str = "auction-demo", **config: Any) -> tuple[MarketParameters, TradingPeriod]:
    """The first paid period of a preset, just opened."""
    known = MarketParameters.from_config({**PRESETS[preset], "practice_rounds": 0, **config})
    return known, open_of(known)


def page_of(known: MarketParameters, period: TradingPeriod, trader: int = 1) -> MarketView:
    """What a trader's trade page shows now."""
    state = PageState(
        "trade",
        known,
        len(period.market.accounts()),
        ref=known.round_at(1),
        units=known.units_of(trader),
        trader=trader,
    )
    return MarketView.model_validate({**market_view(state), **period.state(trader)})


def asset_page() -> MarketView:
    """A period in which trader 1 has traded and has orders open."""
    known, period = auction(trade_seconds=90)
    period.receive(2, place("sell", 2, "15"), 3)
    period.receive(1, place("buy", 1, "15"), 7)
    period.receive(3, place("buy", 1, "13.50"), 9)
    period.receive(4, place("sell", 1, "13.50"), 11)
    period.receive(1, place("buy", 2, "13.75"), 12)
    period.receive(5, place("sell", 1, "15.40"), 12)
    return page_of(known, period)


def units_page() -> MarketView:
    """A seller who has sold one unit."""
    known, period = auction("gode-sunder", clears_after_trade=False)
    period.receive(1, place("buy", 1, "120"), 4)
    period.receive(8, place("sell", 1, "110"), 5)
    period.receive(2, place("buy", 1, "90"), 6)
    return page_of(known, period, 8)


def units_page_later() -> MarketView:
    """A buyer after a round in which it bought one unit, before anything has happened in the next one."""
    known, period = auction("gode-sunder")
    past = PublicRound("paid", 1, Fraction(205, 2), 12, Fraction(0))
    own = OwnRound("paid", 1, 1, 0, Fraction(0), Fraction(0), Fraction(700), 1, Fraction(90))
    state = PageState(
        "trade",
        known,
        12,
        ref=known.round_at(2),
        history=(past,),
        own=(own,),
        units=known.units_of(1),
    )
    return MarketView.model_validate({**market_view(state), **period.state(1)})
