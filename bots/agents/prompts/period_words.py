"""What a page prompt says of a period of a double auction: the book, the trades, the trader's own units."""

from __future__ import annotations

from collections.abc import Sequence

from bots.agents.prompts.amounts import as_amount
from bots.agents.prompts.texts import Say, as_block
from bots.domain.market import BookLevel, MarketView


def units_words(say: Say, view: MarketView) -> str:
    if view.units is None:
        return ""
    if not view.units_left:
        return say("units", "none")
    return say("units", view.units.side.value, worth=", ".join(map(as_amount, view.units_left)))


def book_words(say: Say, view: MarketView) -> str:
    period = view.period
    if period is None or not (period.bids or period.offers):
        return say("book", "none")
    sides = [("offers", period.offers), ("bids", period.bids)]
    lines = [say("book", name, levels=_levels(say, levels)) for name, levels in sides]
    return say("book", "some") + "\n" + as_block("\n".join(lines))


def _levels(say: Say, levels: Sequence[BookLevel]) -> str:
    told = [say("book", "level", quantity=one.quantity, limit=as_amount(one.limit)) for one in levels]
    return ", ".join(told) or say("book", "empty")


def trades_words(say: Say, view: MarketView) -> str:
    if view.period is None or not view.period.trades:
        return say("trades", "none")
    own = {trade.number: say("trades", trade.side.value) for trade in view.period.own_trades}
    lines = [
        say(
            "trades",
            "trade",
            second=trade.second,
            quantity=trade.quantity,
            price=as_amount(trade.price),
            own=own.get(trade.number, ""),
        )
        for trade in view.period.trades
    ]
    return say("trades", "some") + "\n" + as_block("\n".join(lines))
