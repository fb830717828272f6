"""A trade page of a double auction, kept current by its frames; the page's own script does the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bots.domain.market import BookLevel, Holdings, MarketView, OpenOrder, OwnTrade, Period, PeriodTrade
from markets.orders import Side

_STEPS = ("placed", "cancelled", "news", "closed")


def follow(view: MarketView, frame: Mapping[str, Any]) -> MarketView:
    """Return the view once a frame has come.

    A step that the view has already changes nothing; where one between is missing, the view says that it is
    incomplete and stays as it was until the whole state comes. Frames that tell no step change nothing.

    Raises:
        ValidationError: the frame is not what the market sends.
    """
    period, kind = view.period, frame.get("type")
    if period is None:
        return view
    if kind == "state":
        whole = Period.model_validate(frame.get("period"))
        return view if whole.seq < period.seq else _accounted(view, frame, whole)
    if kind not in _STEPS or int(frame["seq"]) <= period.seq:
        return view
    if not period.complete or int(frame["seq"]) > period.seq + 1:
        return view.model_copy(update={"period": period.model_copy(update={"complete": False})})
    return _accounted(view, frame, _after_step(period, frame))


def _after_step(period: Period, frame: Mapping[str, Any]) -> Period:
    return period.model_copy(
        update={
            "seq": int(frame["seq"]),
            "open": frame["type"] != "closed",
            "bids": _levels(period.bids, frame["book"], Side.BUY),
            "offers": _levels(period.offers, frame["book"], Side.SELL),
            "trades": (*period.trades, *map(PeriodTrade.model_validate, frame["trades"])),
            "own_trades": (*period.own_trades, *map(OwnTrade.model_validate, frame.get("own_trades", ()))),
        }
    )


def _levels(
    known: Iterable[BookLevel], changed: Iterable[Mapping[str, Any]], side: Side
) -> tuple[BookLevel, ...]:
    """Return the levels of one side, best first, once some have changed; quantity 0 is none."""
    levels = {level.limit: level for level in known}
    for one in changed:
        if one["side"] == side.value:
            level = BookLevel(limit=one["limit"], quantity=one["quantity"])
            levels[level.limit] = level
    waiting = [level for level in levels.values() if level.quantity]
    return tuple(sorted(waiting, key=lambda level: level.limit, reverse=side is Side.BUY))


def _accounted(view: MarketView, frame: Mapping[str, Any], period: Period) -> MarketView:
    """Return the view with the trader's own account, where the frame tells it."""
    update: dict[str, Any] = {"period": period}
    if "holdings" in frame:
        update["holdings"] = Holdings.model_validate(frame["holdings"])
        update["open_orders"] = tuple(map(OpenOrder.model_validate, frame["open_orders"]))
    return view.model_copy(update=update)
