"""Run folders for tests: whole sessions of the in-process market, journalled as a run journals them."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bots.adapters.clock import SystemClock
from bots.adapters.in_process import InProcessMarket
from bots.adapters.in_process_auction import in_process_market
from bots.adapters.run_folder import JournalWriter, write_manifest
from bots.agents.llm import LlmTrader
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Table, TradingAgent
from bots.domain.chat import Message, ModelFailed, Reply
from bots.domain.errors import FailureKind
from bots.domain.experiment import Seat, run_experiment
from bots.domain.ports import DecisionMaker
from bots.domain.records import RunManifest, RunOutcome, SeatRecord, Usage
from markets.parameters import MarketParameters

MODEL = "acme:parrot-1"
NASTY = "<script>alert('x')</script> =1+1 & \"quotes\" [red]markup[/red]"
MIXED = ("fundamentalist", "momentum", "speculator", "market-maker", "zero-intelligence", MODEL)


class Parrot:
    """A model that trades around the last price, sometimes fails, and says things that must be escaped."""

    name = MODEL
    parameters: Mapping[str, Any] = {"temperature": 0.7, "max_tokens": 400}

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        return Usage()

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        draw = self._draw
        if draw.random() < 0.08:
            raise ModelFailed(FailureKind.REFUSAL, "I would rather not say.")
        answer: dict[str, Any] = dict.fromkeys(("reasoning", "insight", "plan"), NASTY)
        fields = schema["properties"]
        if "orders" in fields:
            side = draw.choice(["buy", "sell"])
            answer["orders"] = [{"side": side, "quantity": 1, "price": round(draw.uniform(12, 17), 2)}]
        if "cancel" in fields:
            answer["cancel"] = []
        answer |= _forecasts(fields, draw)
        usage = Usage(input_tokens=900, output_tokens=60, cost_usd=Decimal("0.0021"))
        return Reply(json.dumps(answer), "parrot-1-2026-01-01", usage, seconds=0.4)


def _forecasts(fields: Mapping[str, Any], draw: random.Random) -> dict[str, Any]:
    def price() -> float:
        return round(draw.uniform(12, 18), 2)

    given: dict[str, Any] = {name: price() for name in fields if name[0] == "f" and name[1:].isdigit()}
    if "forecasts" in fields:
        given["forecasts"] = {name: price() for name in fields["forecasts"]["properties"]}
    return given


def play_run(folder: Path, traders: Sequence[str] = MIXED, *, seed: int = 1, **config: Any) -> Path:
    """Play one session in this process and keep it as a run folder; return the folder."""
    folder.mkdir(parents=True)
    rounds = {"practice_rounds": 1, "paid_rounds": 4, **config}
    market = in_process_market(MarketParameters.from_config(rounds), len(traders), seed=str(seed))
    seats = [
        Seat(number, f"code{number:04}", "", name, 100 * seed + number)
        for number, name in enumerate(traders, start=1)
    ]
    outcome = asyncio.run(_play(folder, market, seats))
    started = datetime(2026, 3, 1, 9, tzinfo=UTC)
    manifest = RunManifest(
        run=int(folder.name.rpartition("-")[2] or 1),
        run_id=f"{folder.name}-{seed}",
        production=False,
        notes=NASTY,
        url="http://127.0.0.1:8000/SessionStartLinks/abcd1234",
        model=traders[0] if len(set(traders)) == 1 else "mixed",
        command=("python", "-m", "bots.main", "http://127.0.0.1:8000/SessionStartLinks/abcd1234", "mixed"),
        started=started,
        ended=started.replace(minute=7),
        outcome=outcome,
        subjects=len(traders),
        bots=len(traders),
        timeout_minutes=105,
        fallback="hold",
        seed=seed,
        seats=tuple(
            SeatRecord(
                seat=seat.number,
                participant=seat.participant,
                trader=seat.trader,
                seed=seat.seed,
                parameters=dict(Parrot.parameters) if seat.trader == MODEL else {},
            )
            for seat in seats
        ),
        packages={"python": "3.11.7", "llm-trading-agents": "0.1.0"},
        git={"commit": "0123456789abcdef", "dirty": True},
    )
    write_manifest(folder, manifest)
    return folder


async def _play(folder: Path, market: InProcessMarket, seats: Sequence[Seat]) -> RunOutcome:
    clock, until = SystemClock(), time.monotonic() + 170
    with JournalWriter(folder / "journal.jsonl") as journal:
        table = Table(journal, clock, until, folder.name)

        async def play(seat: Seat) -> None:
            session = market.session(seat.number)
            fallback = STRATEGIES["hold"].make(seat.seed)
            await TradingAgent(seat, session, maker=_maker(seat), fallback=fallback, table=table).play()

        end = await run_experiment(seats, play, store=journal, clock=clock, until=until, stop=asyncio.Event())
    return end.outcome


def _maker(seat: Seat) -> DecisionMaker:
    if seat.trader == MODEL:
        return LlmTrader(Parrot(seat.seed), SystemClock(), seat.seed)
    return STRATEGIES[seat.trader].make(seat.seed)
