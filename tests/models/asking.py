"""A model of any provider, asked for one decision behind a local server."""

from __future__ import annotations

import time

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue
from bots.adapters.models.limits import Budget
from bots.domain.errors import DecisionFailed
from bots.domain.market import Decision
from bots.domain.records import Event
from bots.services.trader_specs import resolve
from bots.services.traders import Traders
from tests.agents.sights import sight, situation
from tests.standins.model_server import ModelServer

KEY = "sk-stand-in-0123456789abcdef"
ONE_A_PROVIDER = ["gpt-4o", "claude-sonnet-4-6", "mistral-large", "gemini-2.5-pro", "grok-4"]


async def ask(
    model: str,
    server: ModelServer,
    catalogue: Catalogue,
    *,
    seconds: float = 5.0,
    budget: Budget | None = None,
    page: str = "trade",
    clock: SystemClock | None = None,
) -> tuple[Decision | DecisionFailed, list[Event]]:
    """One decision of a model behind the server, and what was recorded."""
    events: list[Event] = []
    async with Traders(catalogue, server.environment(KEY), clock or SystemClock(), budget) as traders:
        trader = traders.build(resolve(model, catalogue), seed=1)
        seen = sight("trade" if page == "trade" else "forecast")
        try:
            made = await trader.decide(situation(seen), time.monotonic() + seconds, events.append)
        except DecisionFailed as failed:
            return failed, events
        return made, events
