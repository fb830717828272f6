"""24 traders, 33 rounds, and every fifth call to a model fails: the run finishes, and the books balance."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

from bots.adapters.clock import SystemClock
from bots.adapters.in_process import InProcessMarket
from bots.adapters.run_folder import JournalWriter
from bots.agents.fallbacks import FALLBACKS
from bots.agents.llm import LlmTrader, Manner
from bots.agents.trading_agents import Table, TradingAgent
from bots.analysis.run_data import read_journal
from bots.domain.chat import Message, ModelFailed, Reply
from bots.domain.errors import FailureKind
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.records import DecisionMade, DecisionNotMade, ModelAsked, ModelReplied, RunOutcome
from markets.parameters import MarketParameters
from markets.presets import PRESETS
from tests.analysis.played_runs import Parrot

TRADERS, SHARE = 24, 0.2
KINDS = (FailureKind.UNAVAILABLE, FailureKind.REJECTED, FailureKind.REFUSAL, FailureKind.TIMEOUT)


class Failing(Parrot):
    """A model of which one call in five fails, for good, for now, or with something that is no answer."""

    failed: ClassVar[Counter[str]] = Counter()

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._faults = random.Random(f"faults of {seed}")

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        if self._faults.random() >= SHARE:
            return await super().complete(messages, schema, deadline)
        kind = self._faults.choice(KINDS)
        self.failed[kind] += 1
        raise ModelFailed(kind, "the provider failed", retry_after=self._faults.choice([None, 0.0]))


async def play(market: InProcessMarket, folder: Path) -> RunEnd:
    clock, until = SystemClock(), time.monotonic() + 150
    seats = [Seat(n, f"p{n}", "", Parrot.name, n) for n in range(1, TRADERS + 1)]
    with JournalWriter(folder / "journal.jsonl", durable=False) as journal:
        table = Table(journal, clock, until, "faults")

        async def sit(seat: Seat) -> None:
            maker = LlmTrader(Failing(seat.seed), clock, seat.seed, Manner(first_pause=0.001))
            fallback = FALLBACKS["hold"](seat.seed)
            session = market.session(seat.number)
            await TradingAgent(seat, session, maker=maker, fallback=fallback, table=table).play()

        return await run_experiment(seats, sit, store=journal, clock=clock, until=until, stop=asyncio.Event())


async def test_a_fifth_of_all_model_calls_may_fail(tmp_path: Path) -> None:
    Failing.failed.clear()
    parameters = MarketParameters.from_config(PRESETS["reference"])
    market = InProcessMarket(parameters, TRADERS, seed="7")
    end = await play(market, tmp_path)
    events = read_journal(tmp_path).events

    assert end.outcome is RunOutcome.FINISHED
    assert len(market.rounds) == 33
    asked = sum(isinstance(event, ModelAsked) for event in events)
    failed = [event for event in events if isinstance(event, ModelReplied) and event.error is not None]
    injected = [event for event in failed if event.error == "the provider failed"]
    assert sum(Failing.failed.values()) == len(injected) > 0.15 * asked
    assert Counter(event.failure for event in injected) == Failing.failed
    lost = {event.decision for event in events if isinstance(event, DecisionNotMade)}
    fallen_back = {event.decision for event in events if isinstance(event, DecisionMade) and event.fallback}
    assert len(lost) > 100
    assert lost == fallen_back
    check_books(market)


def check_books(market: InProcessMarket) -> None:
    """Shares are constant; cash grows by interest and dividends, in each phase, and by nothing else."""
    parameters = market.parameters
    start = [parameters.endowment_of(trader) for trader in range(1, TRADERS + 1)]
    cash = shares = Fraction(0)
    for number, state in enumerate(market.rounds, start=1):
        ref = parameters.round_at(number)
        if ref.number == 1:
            cash = sum((Fraction(one.cash) for one in start), Fraction(0))
            shares = sum((Fraction(one.shares) for one in start), Fraction(0))
        accounts = state.accounts.values()
        dividend = Fraction(state.history[-1].dividend)
        growth = 1 + parameters.interest_in(ref.number)
        cash = growth * cash + dividend * shares
        assert sum(Fraction(one.shares) for one in accounts) == shares
        assert sum(Fraction(one.cash) for one in accounts) == cash, ref
