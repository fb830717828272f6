"""Whole sessions: models behind the local server and strategies trade in a market in this process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process import InProcessMarket
from bots.adapters.in_process_auction import in_process_market
from bots.adapters.models.catalogue import load_catalogue
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.errors import FailureKind
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.records import (
    ActAnswered,
    DecisionMade,
    DecisionNotMade,
    Event,
    ModelAsked,
    ModelReplied,
    PageMissed,
    PageSeen,
    RunOutcome,
)
from bots.services.replay import replay
from bots.services.trader_specs import assign, resolve
from bots.services.traders import Traders
from markets.parameters import MarketParameters
from markets.presets import PRESETS
from tests.market_pages import parameters
from tests.models.asking import ONE_A_PROVIDER
from tests.replay.recording import record
from tests.standins.model_server import Fault, ModelServer, Step

ROUNDS = 4  # one practice round and three paid ones


async def play(names: str, seats: int, *script: Step) -> tuple[RunEnd, list[Event], ModelServer]:
    """Play a session to its end; the model server meets `script` first."""
    catalogue, clock, store = load_catalogue(Path("bots/config/models.toml")), SystemClock(), MemoryStore()
    market = InProcessMarket(parameters(), seats, seed="7")
    people = [Seat(number, f"p{number}", "", names, number) for number in range(1, seats + 1)]
    specs = assign(names, seats, 1, catalogue)
    table = Table(store, clock, time.monotonic() + 30, "run")
    async with (
        ModelServer(script=list(script)) as server,
        Traders(catalogue, server.environment(), clock) as traders,
    ):

        async def sit(seat: Seat) -> None:
            maker = traders.build(specs[seat.number - 1], seat.seed)
            (hold,) = assign("hold", 1, 1, catalogue)
            fallback = traders.build(hold, seat.seed)
            session = market.session(seat.number)
            await TradingAgent(seat, session, maker=maker, fallback=fallback, table=table).play()

        end = await run_experiment(
            people, sit, store=store, clock=clock, until=table.until, stop=asyncio.Event()
        )
    return end, store.events, server


async def test_models_and_strategies_trade_together_and_nothing_is_refused() -> None:
    names = "2 x gpt-4o, 1 x local, 1 x fundamentalist, 1 x momentum, 2 x zero-intelligence, 1 x speculator"
    end, events, server = await play(names, 8)
    assert end.outcome is RunOutcome.FINISHED
    assert [event for event in events if isinstance(event, ActAnswered) and not event.accepted] == []
    assert [event for event in events if isinstance(event, DecisionNotMade)] == []
    made = [event for event in events if isinstance(event, DecisionMade)]
    assert len(made) == 8 * 2 * ROUNDS
    assert len(server.asked) == 3 * 2 * ROUNDS
    volumes = [
        event.view.result.volume
        for event in events
        if isinstance(event, PageSeen) and event.view and event.view.result
    ]
    assert sum(volumes) > 0


async def test_notes_of_earlier_rounds_reach_the_model_again() -> None:
    _, _, server = await play("2 x gpt-4o", 2)
    last = server.asked[-1].page
    assert "plan: Trade a share a round." in last
    assert "orders: " in last


@pytest.mark.parametrize("fault", [one for one in Fault if one is not Fault.SOON], ids=lambda one: one.name)
async def test_round_goes_on_while_every_provider_fails_in_the_same_way(fault: Fault) -> None:
    """Five models that fail and one strategy: one decision each a page; it replays."""
    catalogue, market = load_catalogue(Path("bots/config/models.toml")), InProcessMarket(parameters(), 6)
    async with (
        ModelServer(script=[fault] * 2000) as server,
        Traders(catalogue, server.environment(), SystemClock()) as traders,
    ):
        specs = [
            *(resolve(name, catalogue) for name in ONE_A_PROVIDER),
            resolve("zero-intelligence", catalogue),
        ]
        makers = [traders.build(spec, seat) for seat, spec in enumerate(specs, start=1)]
        recorded = await record(market, makers, pace=Pace(untimed_seconds=0.3))
    assert recorded.end.outcome is RunOutcome.FINISHED
    made = [event for event in recorded.events if isinstance(event, DecisionMade)]
    failed = [event for event in recorded.events if isinstance(event, DecisionNotMade)]
    assert len(made) == 6 * 2 * ROUNDS
    answered = {Fault.REFUSAL: {3}}.get(fault, set())  # Mistral's protocol has no word for a refusal
    assert {event.seat for event in failed} | answered == {1, 2, 3, 4, 5}
    assert (await replay(recorded.events, recorded.manifest)).differences == ()


@pytest.mark.parametrize("preset", ["reference", "auction-demo"])
async def test_models_that_never_answer_miss_no_page_whose_time_runs_out(preset: str) -> None:
    """Page timers run as they do for people: each fallback acts before its page goes, and is accepted."""
    catalogue = load_catalogue(Path("bots/config/models.toml"))
    timers = {name: 4 for name in PRESETS[preset] if name in ("trade_seconds", "forecast_seconds")}
    shorter = {"practice_rounds": 0, "paid_rounds": 1, "results_seconds": 1, "final_seconds": 1, **timers}
    known = MarketParameters.from_config({**PRESETS[preset], **shorter, "phase_start_seconds": 1})
    names = [*ONE_A_PROVIDER, "zero-intelligence", "zero-intelligence"]
    async with (
        ModelServer(script=[Fault.HANG, Fault.ENDLESS] * 1000) as server,
        Traders(catalogue, server.environment(), SystemClock()) as traders,
    ):
        makers = [traders.build(resolve(name, catalogue), seat) for seat, name in enumerate(names, start=1)]
        recorded = await record(in_process_market(known, len(names), seed="7", timed=True), makers)
    assert recorded.end.outcome is RunOutcome.FINISHED
    assert [event for event in recorded.events if isinstance(event, PageMissed)] == []
    assert [event for event in recorded.events if isinstance(event, ActAnswered) and not event.accepted] == []
    failed = [event for event in recorded.events if isinstance(event, DecisionNotMade)]
    assert {event.seat for event in failed} == {1, 2, 3, 4, 5}
    assert {event.kind for event in failed} == {FailureKind.TIMEOUT}
    acted = [event for event in recorded.events if isinstance(event, DecisionMade) and event.fallback]
    assert [event.decision for event in acted] == [event.decision for event in failed]
    assert (await replay(recorded.events, recorded.manifest)).differences == ()


@pytest.mark.parametrize(
    "fault", [Fault.KEY_REFUSED, Fault.HUGE, Fault.REFUSAL, Fault.LATER], ids=lambda f: f.name
)
async def test_model_that_fails_in_every_round_stops_nobody(fault: Fault) -> None:
    end, events, _ = await play("1 x gpt-4o, 2 x zero-intelligence", 3, *[fault] * 100)
    assert end.outcome is RunOutcome.FINISHED
    made = [event for event in events if isinstance(event, DecisionMade)]
    assert len(made) == 3 * 2 * ROUNDS
    assert [event.by for event in made if event.seat == 1] == ["hold"] * 2 * ROUNDS
    assert len([event for event in events if isinstance(event, DecisionNotMade)]) == 2 * ROUNDS
    asked = [event for event in events if isinstance(event, ModelAsked)]
    assert len(asked) == len([event for event in events if isinstance(event, ModelReplied)])
