"""A run's journal is a recording: it replays to itself, and shows what has changed since."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.adapters.clock import SystemClock
from bots.adapters.in_process import InProcessMarket
from bots.adapters.in_process_auction import in_process_market
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.models.scripted import smallest_answer
from bots.adapters.run_folder import JournalWriter, write_manifest
from bots.agents.llm import LlmTrader, Manner
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Pace
from bots.domain.chat import Finish, Message, ModelFailed, Reply
from bots.domain.errors import FailureKind
from bots.domain.pages import SubmitForm
from bots.domain.ports import Clock
from bots.domain.records import (
    DecisionMade,
    DecisionNotMade,
    ModelAsked,
    ModelReplied,
    PageMissed,
    PageSeen,
    RunOutcome,
    Usage,
)
from bots.services.cli import main
from bots.services.replay import replay
from bots.services.trader_specs import assign
from bots.services.traders import Traders
from tests.market_pages import parameters
from tests.markets.periods import parameters as auction
from tests.replay.recording import Recorded, record
from tests.standins.model_server import Fault, ModelServer
from tests.virtual_time import clock, in_virtual_time

USAGE = Usage(input_tokens=10, output_tokens=1, cost_usd=Decimal("0.001"))
Step = str | Finish | ModelFailed | None

BUY = json.dumps(
    {
        "reasoning": "cheap",
        "plan": "Buy 1 at 13.50.",
        "orders": [{"side": "buy", "quantity": 1, "price": 14.5}],
    }
)
SELL = json.dumps({"plan": "Sell 1 share at 15.", "orders": [{"side": "sell", "quantity": 1, "price": 13}]})
SHORT = json.dumps({"orders": [{"side": "sell", "quantity": 99, "price": 14}]})
STEPS: tuple[Step, ...] = (
    *("smallest", BUY, SELL, SHORT, "I would rather not say.", "\ud800", '{"\\ud800": 1}', ""),
    *(Finish.CUT, Finish.REFUSED, None),
    ModelFailed(FailureKind.UNAVAILABLE, "overloaded", retry_after=0.0),
    ModelFailed(FailureKind.UNAVAILABLE, "come back in an hour", retry_after=3600.0),
    ModelFailed(FailureKind.REJECTED, "no such key"),
    ModelFailed(FailureKind.OVER_BUDGET, "the run's limit leaves no room"),
    ModelFailed(FailureKind.BAD_REPLY, "half a document", retry_after=0.0),
)


class Steps:
    """A model that goes through steps again and again; None is a request it never answers."""

    name = "fake:model-1"
    parameters: Mapping[str, Any] = {"temperature": 0.5}

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._asked = -1

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        return Usage(input_tokens=len(messages[-1].text), output_tokens=100)

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        self._asked += 1
        step = self._steps[self._asked % len(self._steps)]
        await asyncio.sleep(0)
        if step is None:
            await asyncio.Event().wait()
        if isinstance(step, ModelFailed):
            raise step
        if isinstance(step, Finish):
            return Reply('{"orders": [', "served", USAGE, 0.1, step)
        text = smallest_answer(messages, schema) if step == "smallest" else str(step)
        return Reply(text, "served", USAGE, 0.1)


def trader(steps: Sequence[Step], seed: int, by: Clock | None = None) -> LlmTrader:
    return LlmTrader(Steps(steps), by or SystemClock(), seed, Manner(first_pause=0.01))


@settings(max_examples=20)
@given(
    scripts=st.lists(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), min_size=1, max_size=3),
    fallback=st.sampled_from(["hold", "last-plan", "zero-intelligence"]),
)
def test_any_run_replays_to_itself(scripts: list[list[Step]], fallback: str, tmp_path_factory: Any) -> None:
    market = InProcessMarket(parameters(paid_rounds=2), len(scripts) + 1, seed="7")

    async def play() -> Recorded:
        makers = [trader(steps, seed) for seed, steps in enumerate(scripts, start=1)]
        ghost = STRATEGIES["zero-intelligence"].make(len(makers) + 1)
        return await record(market, [*makers, ghost], fallback=fallback, pace=Pace(untimed_seconds=0.04))

    recorded = asyncio.run(play())
    assert recorded.end.outcome is RunOutcome.FINISHED
    folder = kept(recorded, tmp_path_factory.mktemp("run"))
    assert main(["replay", str(folder)]) == 0


def kept(recorded: Recorded, folder: Path) -> Path:
    """Write a run folder."""
    with JournalWriter(folder / "journal.jsonl") as journal:
        for event in recorded.events:
            journal.append(event)
    write_manifest(folder, recorded.manifest)
    return folder


async def a_short_run(*steps: Step, rounds: int = 2, **config: Any) -> Recorded:
    """One model and one strategy."""
    market = InProcessMarket(parameters(paid_rounds=rounds, **config), 2, seed="7")
    makers = [trader(steps or [BUY], 1), STRATEGIES["zero-intelligence"].make(2)]
    return await record(market, makers, pace=Pace(untimed_seconds=0.1))


async def test_twenty_four_traders_replay_from_their_recording_without_key_or_network() -> None:
    """Models of four providers, some of them failing, and strategies."""
    catalogue = load_catalogue(Path("bots/config/models.toml"))
    names = (
        "5 x gpt-4o, 4 x claude-sonnet-4-6, 4 x mistral-large, 4 x gemini-2.5-flash, 2 x fundamentalist, "
        "2 x speculator, 2 x zero-intelligence, 1 x market-maker"
    )
    faults: list[Fault | str] = [
        Fault.BROKEN,
        Fault.PROSE,
        Fault.CUT,
        Fault.WRONG_SCHEMA,
        Fault.KEY_REFUSED,
        Fault.HUGE,
        SHORT,
    ]
    market = InProcessMarket(parameters(), 24, seed="7")
    async with (
        ModelServer(script=[step for step in faults for _ in range(3)]) as server,
        Traders(catalogue, server.environment(), SystemClock()) as traders,
    ):
        specs = assign(names, 24, 1, catalogue)
        makers = [traders.build(spec, seat) for seat, spec in enumerate(specs, start=1)]
        recorded = await record(market, makers, seconds=90)
    assert recorded.end.outcome is RunOutcome.FINISHED
    found = await replay(recorded.events, recorded.manifest)
    assert found.differences == ()
    assert (found.seats, found.cut_short) == (24, ())
    assert found.decisions == 24 * 2 * 4 == _count(recorded, DecisionMade)
    assert found.prompts == len(server.asked)
    assert _count(recorded, DecisionNotMade) > 0


def _count(recorded: Recorded, kind: type) -> int:
    return sum(isinstance(event, kind) for event in recorded.events)


@in_virtual_time
async def test_page_that_went_before_the_decision_goes_again() -> None:
    """An administrator moves a trader on while its model is silent."""
    market = InProcessMarket(parameters(practice_rounds=0, paid_rounds=2), 2, seed="7")
    makers = [trader([None, BUY], 1, clock()), STRATEGIES["fundamentalist"].make(2)]
    clock().call_later(0.2, market.submit, 1, SubmitForm({}, timed_out=True))
    recorded = await record(market, makers, pace=Pace(untimed_seconds=3), clock=clock())
    assert _count(recorded, PageMissed) == 1
    found = await replay(recorded.events, recorded.manifest)
    assert found.differences == ()
    assert found.decisions == _count(recorded, DecisionMade) == 7


@in_virtual_time
async def test_resumed_run_replays_in_its_parts() -> None:
    """The run's time ends while a model is silent; what is left is played afterwards, with its memory."""
    market = InProcessMarket(parameters(paid_rounds=2), 2, seed="7")
    strategy = STRATEGIES["zero-intelligence"]
    makers = [trader([BUY, "smallest", None], 1, clock()), strategy.make(2)]
    first = await record(market, makers, seconds=0.5, clock=clock())
    assert first.end.outcome is RunOutcome.TIMED_OUT
    assert (await replay(first.events, first.manifest)).differences == ()
    makers = [trader([SELL], 1, clock()), strategy.make(2)]
    whole = await record(market, makers, earlier=first.events, clock=clock())
    assert whole.end.outcome is RunOutcome.FINISHED
    found = await replay(whole.events, whole.manifest)
    assert found.differences == ()
    assert (found.seats, len(found.cut_short)) == (2, 2)
    assert found.decisions == _count(whole, DecisionMade)


async def test_changed_prompt_is_shown_as_a_difference(tmp_path: Path, capsys: Any) -> None:
    recorded = await a_short_run()
    events = tuple(
        event.model_copy(update={"prompt": event.prompt.replace("You are a trader", "You were a trader")})
        if isinstance(event, ModelAsked)
        else event
        for event in recorded.events
    )
    folder = kept(Recorded(recorded.end, events, recorded.manifest), tmp_path)
    assert await asyncio.to_thread(main, ["replay", str(folder)]) == 5
    shown = capsys.readouterr().out
    assert "-You were a trader in an economic experiment" in shown
    assert "+You are a trader in an economic experiment" in shown
    assert "model_asked s1-r1-trade-1, attempt 1" in shown


async def test_changed_reply_changes_the_decision_and_what_follows() -> None:
    recorded = await a_short_run(BUY, "smallest")
    first = next(event for event in recorded.events if isinstance(event, ModelReplied))
    events = tuple(
        event.model_copy(update={"reply": SELL}) if event is first else event for event in recorded.events
    )
    found = await replay(events, recorded.manifest)
    assert not found.identical
    changed = found.differences[0]
    assert isinstance(changed.replayed, DecisionMade)
    assert changed.replayed.content.orders[0].side == "sell"
    assert any(line.startswith("-") and "buy" in line for line in changed.lines())


@pytest.fixture(scope="module")
def short_run() -> Recorded:
    return asyncio.run(a_short_run(SHORT, BUY, ModelFailed(FailureKind.REJECTED, "no such key")))


@settings(max_examples=30)
@given(share=st.floats(0, 1))
def test_journal_of_a_killed_run_replays_up_to_its_end(short_run: Recorded, share: float) -> None:
    events = short_run.events[: 3 + int(share * len(short_run.events))]
    found = asyncio.run(replay(events, short_run.manifest))
    assert found.differences == ()


def test_folder_that_holds_no_run_is_told(tmp_path: Path, capsys: Any) -> None:
    assert main(["replay", str(tmp_path)]) == 2
    assert "manifest" in capsys.readouterr().err


async def test_a_double_auction_replays_to_itself_with_all_that_its_traders_heard() -> None:
    market = in_process_market(auction(paid_rounds=2), 4, seed="7")
    names = ("zero-intelligence", "fundamentalist", "market-maker", "zero-intelligence")
    makers = [STRATEGIES[name].make(seed) for seed, name in enumerate(names, start=1)]
    recorded = await record(market, makers)
    assert recorded.end.outcome is RunOutcome.FINISHED
    assert sum(isinstance(event, PageSeen) and event.revision > 0 for event in recorded.events) > 20
    replayed = await replay(recorded.events, recorded.manifest)
    assert replayed.differences == ()
