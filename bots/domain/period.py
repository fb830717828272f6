"""A trade page of a double auction, kept current by its frames; the page's own script does the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from bots.domain.market import BookLevel, Holdings, MarketView, OpenOrder, OwnTrade, Period, PeriodTrade
from markets.orders import Side

_StepKind = Literal["placed", "cancelled", "news", "closed"]


class _Frame(BaseModel):
    """What frames may tell of the trader's own account; keys that are not read are left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    holdings: Holdings | None = None
    open_orders: tuple[OpenOrder, ...] = ()


class _State(_Frame):
    """The whole period as it is now."""

    period: Period


class _ChangedLevel(BookLevel):
    """A level of the book as it is now; quantity 0 is none."""

    side: Side


class _Step(_Frame):
    """What one step has changed."""

    type: _StepKind
    seq: int
    book: tuple[_ChangedLevel, ...]
    trades: tuple[PeriodTrade, ...]
    own_trades: tuple[OwnTrade, ...] = ()


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
        state = _State.model_validate(frame)
        return view if state.period.seq < period.seq else _accounted(view, state, state.period)
    if kind not in get_args(_StepKind) or _is_known(frame.get("seq"), period):
        return view
    step = _Step.model_validate(frame)
    if not period.complete or step.seq > period.seq + 1:
        return view.model_copy(update={"period": period.model_copy(update={"complete": False})})
    return _accounted(view, step, _after_step(period, step))


def _is_known(seq: object, period: Period) -> bool:
    """Tell whether a step is one of those before; a page that is read anew holds all its frames once more."""
    return isinstance(seq, int) and seq <= period.seq


def _after_step(period: Period, step: _Step) -> Period:
    return period.model_copy(
        update={
            "seq": step.seq,
            "open": step.type != "closed",
            "bids": _levels(period.bids, step.book, Side.BUY),
            "offers": _levels(period.offers, step.book, Side.SELL),
            "trades": (*period.trades, *step.trades),
            "own_trades": (*period.own_trades, *step.own_trades),
        }
    )


def _levels(
    known: Iterable[BookLevel], changed: Iterable[_ChangedLevel], side: Side
) -> tuple[BookLevel, ...]:
    """Return the levels of one side, best first, once some have changed."""
    levels = {level.limit: level for level in known}
    for one in changed:
        if one.side is side:
            levels[one.limit] = BookLevel(limit=one.limit, quantity=one.quantity)
    waiting = [level for level in levels.values() if level.quantity]
    return tuple(sorted(waiting, key=lambda level: level.limit, reverse=side is Side.BUY))


def _accounted(view: MarketView, frame: _Frame, period: Period) -> MarketView:
    """Return the view with the trader's own account, where the frame tells it."""
    update: dict[str, Any] = {"period": period}
    if frame.holdings is not None:
        update |= {"holdings": frame.holdings, "open_orders": frame.open_orders}
    return view.model_copy(update=update)
