"""Runs of a market in this process, kept as a run would keep them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process import InProcessMarket
from bots.agents.past import Past
from bots.agents.pauses import Pauses
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.ports import Clock, DecisionMaker
from bots.domain.records import Event, RunManifest
from bots.services.traders import make_fallback
from tests.manifests import manifest_of

RUN_ID = "0123456789ab"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run's end, its journal's events and its manifest."""

    end: RunEnd
    events: tuple[Event, ...]
    manifest: RunManifest


async def record(
    market: InProcessMarket,
    makers: Sequence[DecisionMaker],
    *,
    fallback: str = "hold",
    pace: Pace | None = None,
    seconds: float = 30,
    earlier: Sequence[Event] = (),
    pauses: Pauses | None = None,
    clock: Clock | None = None,
) -> Recorded:
    """Let one maker a seat play a session, or the rest of one; a seat's seed is its number."""
    clock, store = clock or SystemClock(), MemoryStore()
    seats = [
        Seat(number, f"p{number}", "", maker.name, number) for number, maker in enumerate(makers, start=1)
    ]
    table = Table(
        store, clock, clock.monotonic() + seconds, RUN_ID, pace or Pace(), pauses=pauses or Pauses()
    )
    started = clock.now()

    async def sit(seat: Seat) -> None:
        await TradingAgent(
            seat,
            market.session(seat.number),
            maker=makers[seat.number - 1],
            fallback=make_fallback(fallback, seat.seed),
            table=table,
            past=Past.of_seat(earlier, seat.number),
        ).play()

    end = await run_experiment(seats, sit, store=store, clock=clock, until=table.until, stop=asyncio.Event())
    manifest = manifest_of(seats, run_id=RUN_ID, started=started, outcome=end.outcome, fallback=fallback)
    return Recorded(end, (*earlier, *store.events), manifest)
