"""What pages share is made once, and each page still says exactly what a server's page would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process_views import SharedViews
from bots.adapters.journal_lines import JournalLines
from bots.agents.trading_agents import Table
from bots.domain.market import MarketView
from bots.domain.records import EVENTS, RunOutcome
from bots.domain.study import StudyPlan
from bots.services.study_cell import build_strategy, play_market
from bots.services.trader_specs import TraderSpec
from markets.view import PageState, market_view


class Compared(SharedViews):
    """Compares every view with one that is made from its page's data block alone."""

    compared = 0

    def view(self, state: PageState, trader: int) -> MarketView:
        shared = super().view(state, trader)
        assert shared == MarketView.model_validate(market_view(state))
        assert shared.model_dump_json() == MarketView.model_validate(market_view(state)).model_dump_json()
        Compared.compared += 1
        return shared


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"disclose_fundamental": True, "price_without_trade": "missing", "rationing": "random"},
        {"practice_rounds": 0, "forecast_horizons": "", "tick": "0.001", "dividends": "0, 0.333"},
    ],
)
async def test_shared_views_are_those_of_the_data_block(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    monkeypatch.setattr("bots.adapters.in_process.SharedViews", Compared)
    Compared.compared = 0
    market = {"practice_rounds": 2, "paid_rounds": 6, **config}
    plan = StudyPlan(name="views", repetitions=1, seats="hold", traders=4, market=market)
    names = ("zero-intelligence", "market-maker", "speculator", "zero-intelligence-unconstrained")
    store, clock = MemoryStore(), SystemClock()
    end = await play_market(
        plan.cells()[0],
        [TraderSpec(name, name) for name in names],
        build_strategy,
        Table(store, clock, clock.monotonic() + 60, "views"),
        asyncio.Event(),
    )

    assert end.outcome is RunOutcome.FINISHED, end.seats
    assert Compared.compared > 4 * 6 * 2
    lines = JournalLines()
    for event in store.events:  # what pages share is written once, and not looked at again
        line = lines.line(event)
        assert line.decode() == event.model_dump_json() + "\n"
        assert EVENTS.validate_json(line) == event
