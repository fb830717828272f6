"""Pages of the shipped market for tests that need no server."""

from __future__ import annotations

import itertools
from typing import Any

from bots.domain.market import MarketView
from bots.domain.pages import Button, Field, FieldKind, Form, Page, PageKind
from markets.parameters import MarketParameters
from markets.rounds import PublicRound, RoundRef
from markets.view import PageName, PageState, market_view

_visits = itertools.count(1)


def parameters(**config: Any) -> MarketParameters:
    return MarketParameters.from_config({"practice_rounds": 1, "paid_rounds": 3, **config})


def view(
    page: PageName = "trade", overall: int | None = 2, history: tuple[PublicRound, ...] = (), **config: Any
) -> MarketView:
    """A market page in the session's `overall`-th round; 2 is the first paid one."""
    market = parameters(**config)
    ref: RoundRef | None = market.round_at(overall) if overall else None
    state = PageState(
        page=page,
        parameters=market,
        traders=6,
        ref=ref,
        account=market.endowment_of(1) if ref else None,
        history=history,
        questions=market.questions(ref) if ref and page == "forecast" else (),
    )
    return MarketView.model_validate(market_view(state))


def market_page(
    name: PageName = "trade", overall: int | None = 2, *, expires_at: float | None = None
) -> Page:
    seen = view(name, overall)
    fields = tuple(Field(one.field, FieldKind.DECIMAL, one.field) for one in seen.forecast_inputs)
    return Page(
        visit=f"v{next(_visits)}",
        kind=PageKind.MARKET,
        location=f"/p/abc/call_market/{name}/{overall}",
        form=Form(fields, (Button("Next"),)),
        market=seen,
        live=name == "trade",
        expires_at=expires_at,
    )


def wait_page() -> Page:
    return Page(f"v{next(_visits)}", PageKind.WAIT, "/p/abc/call_market/ClearMarket/9")


def end_page() -> Page:
    return Page(f"v{next(_visits)}", PageKind.END, "/OutOfRangeNotification/abc")
