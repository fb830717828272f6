"""Reads the pages of the shipped market from their data block.

The page's own script draws from the block what people see, and keeps it current with each live frame. What is
read here is the same whether that script has run or not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final

from pydantic import ValidationError

from bots.adapters.page_readers.document import Document
from bots.adapters.page_readers.otree import is_last
from bots.domain.errors import UnexpectedPage
from bots.domain.market import Holdings, MarketView, OpenOrder
from bots.domain.pages import Form, Page, PageKind
from bots.domain.period import follow

_MOST_COMPLAINTS: Final = 3
_DRAWN: Final = ".otree-content [data-show], .otree-content [data-draw]"


def read_market_page(document: Document) -> Page | None:
    """Return a page that carries the market's data block; its last page, the payment, is the END.

    Its text is empty where the page's script has a hand in it: the view says all of it. Its controls are left
    out: traders send the messages of the market's own protocol.

    Raises:
        UnexpectedPage: the block is there, but is no `MarketView`; it says what did not fit.
    """
    block = document.first("script#market-view")
    if block is None:
        return None
    try:
        view = _kept_current(MarketView.model_validate_json(block.text()), document.snapshot.frames)
    except ValidationError as error:
        raise UnexpectedPage(
            was_on="opening " + document.location,
            saw=f"a market data block that does not fit ({_complaints(error)})",
            allowed="the data block of this version, bots.domain.market.MarketView",
            change="bots/domain/market.py",
        ) from error
    return document.page(
        PageKind.END if is_last(document) else PageKind.MARKET,
        market=view,
        form=_labelled(document.form, view),
        text="" if document.first(_DRAWN) else document.text,
        controls=(),
        inputs=(),
        messages=(),
    )


def _kept_current(view: MarketView, frames: Iterable[Mapping[str, Any]]) -> MarketView:
    """Return the view after the live frames of this visit; those it has taken in already change nothing."""
    if view.period is not None:
        return reduce(follow, frames, view)
    for frame in frames:
        orders = view.open_orders
        if frame.get("type") == "placed":
            order = OpenOrder.model_validate(frame.get("order"))
            orders += () if order.order_id in {known.order_id for known in orders} else (order,)
        elif frame.get("type") == "cancelled":
            orders = tuple(order for order in orders if order.order_id != frame.get("order_id"))
        else:
            continue
        holdings = Holdings.model_validate(frame.get("holdings"))
        view = view.model_copy(update={"open_orders": orders, "holdings": holdings})
    return view


def _labelled(form: Form | None, view: MarketView) -> Form | None:
    """Name the forecast fields by the round they ask for, as the page's script does for people."""
    rounds = {one.field: one.round for one in view.forecast_inputs}
    if form is None or not rounds:
        return form
    fields = tuple(
        dataclasses.replace(field, label=f"Price of round {rounds[field.name]}", near="")
        if field.name in rounds
        else field
        for field in form.fields
    )
    return dataclasses.replace(form, fields=fields)


def _complaints(error: ValidationError) -> str:
    complaints = [
        f"{'.'.join(map(str, one['loc'])) or 'the whole block'}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False)
    ]
    more = len(complaints) - _MOST_COMPLAINTS
    return "; ".join(complaints[:_MOST_COMPLAINTS]) + (f"; and {more} more" if more > 0 else "")
