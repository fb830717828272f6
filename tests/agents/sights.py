"""Views for tests of deciding: the first rounds of a market, with or without a past."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from bots.domain.market import Holdings, MarketView, OpenOrder, OwnRound
from bots.domain.ports import Remembered, Situation
from markets.orders import Side
from markets.rounds import PublicRound
from markets.view import PageName
from tests.market_pages import view


def prices(*known: str | None) -> tuple[PublicRound, ...]:
    """Finished paid rounds with these prices."""
    return tuple(
        PublicRound("paid", number, None if price is None else Fraction(price), 3, Fraction("0.40"))
        for number, price in enumerate(known, start=1)
    )


def sight(page: PageName = "trade", *known: str | None, **config: Any) -> MarketView:
    """A page of the paid round that follows rounds with these prices."""
    config = {"paid_rounds": 30, **config}
    return view(page, 2 + len(known), prices(*known), **config)


def holding(seen: MarketView, cash: str, shares: int) -> MarketView:
    amount = Decimal(cash)
    account = Holdings(cash=amount, shares=shares, cash_available=amount, shares_available=shares)
    return seen.model_copy(update={"holdings": account})


def with_orders(seen: MarketView, *orders: tuple[int, Side, int, str]) -> MarketView:
    book = tuple(
        OpenOrder(order_id=number, side=side, quantity=quantity, limit=Decimal(limit), ref=None)
        for number, side, quantity, limit in orders
    )
    return seen.model_copy(update={"open_orders": book})


def with_own_past(seen: MarketView) -> MarketView:
    own = tuple(
        OwnRound(
            phase=past.phase,
            number=past.number,
            bought=1,
            sold=0,
            interest=Decimal("4.30"),
            dividends=Decimal("2.00"),
            cash=Decimal("92.30"),
            shares=5,
        )
        for past in seen.history
    )
    return seen.model_copy(update={"own": own})


def situation(seen: MarketView, *memory: Remembered) -> Situation:
    return Situation(seat=1, decision="s1-r2-trade", view=seen, memory=memory)
