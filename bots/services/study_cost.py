"""`bots study cost`: a plan played with stand-ins for its models, to tell what it would take.

Prompts are the real ones. A stand-in answers in the form that is asked for with texts of few, some or many
words; what it would have cost is counted from the texts' lengths.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bots.adapters.clock import SystemClock
from bots.adapters.models.prices import Price, cost_usd
from bots.agents.llm import LlmTrader
from bots.agents.trading_agents import Table as Seats
from bots.domain.chat import Message, Reply
from bots.domain.ports import DecisionMaker
from bots.domain.records import Event, Usage
from bots.domain.study import Cell
from bots.services.study_cell import build_strategy, play_market
from bots.services.study_plan import Study
from bots.services.terminal import say
from bots.services.trader_specs import TraderSpec
from bots.services.traders import manner_of

MARKETS_AT_A_TIME = 8
STAND_IN = TraderSpec("zero-intelligence", "zero-intelligence")
"""Who trades in the place of a person."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is assumed of models.

    Attributes:
        words: of each text that is asked for (reasons, insight, plan).
        characters: of a token.
        seconds: from request to reply.
    """

    words: int
    characters: float
    seconds: float


LOW, TYPICAL, HIGH = Assumed(12, 4.5, 1.5), Assumed(35, 4.0, 4.0), Assumed(100, 3.5, 12.0)


@dataclass(slots=True)
class Used:
    """What one model used in markets: requests, and characters `read` and `wrote`.

    Attributes:
        seats: requests by seat.
    """

    requests: int = 0
    read: int = 0
    wrote: int = 0
    seats: dict[int, int] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        """Requests one after another of the seat that had most."""
        return max(self.seats.values(), default=0)

    def usage(self, assumed: Assumed) -> Usage:
        """Return the tokens."""
        return Usage(
            input_tokens=round(self.read / assumed.characters),
            output_tokens=round(self.wrote / assumed.characters),
        )


@dataclass(slots=True)
class StandIn:
    """A chat model that answers in the form asked for and counts what goes to and fro."""

    name: str
    used: Used
    seat: int
    words: int
    price: Decimal
    draw: random.Random

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {}

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        del messages, schema
        return Usage()

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        del deadline
        text = json.dumps(self._answer(schema))
        self.used.requests += 1
        self.used.seats[self.seat] = self.used.seats.get(self.seat, 0) + 1
        self.used.read += sum(len(one.text) for one in messages) + len(json.dumps(schema))
        self.used.wrote += len(text)
        return Reply(text, self.name, Usage(), seconds=0.0)

    def _answer(self, schema: Mapping[str, Any]) -> Any:
        if "enum" in schema:
            return self.draw.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return {name: self._answer(part) for name, part in schema["properties"].items()}
            case "array":
                items = schema.get("items", {})
                return [self._answer(items)] if "side" in items.get("properties", {}) else []
            case "integer":
                return 1
            case "number":
                return round(float(self.price) * self.draw.uniform(0.9, 1.1), 2)
            case _:
                return " ".join(["wording"] * self.words)


@dataclass(slots=True)
class _Nowhere:
    def append(self, event: Event) -> None:
        """Keep nothing."""


def cost(study: Study, left: Sequence[Cell], console: Console) -> None:
    """Play one market of each treatment with stand-ins and print what the markets that are left would take.

    Args:
        left: markets that are not finished.
    """
    counts = {name: sum(cell.treatment == name for cell in left) for name in study.plan.treatments}
    cells = {cell.treatment: cell for cell in study.cells[: len(study.plan.treatments)]}
    told = {one: _of_all(study, cells, counts, one) for one in (LOW, TYPICAL, HIGH)}
    models = sorted(told[TYPICAL])
    say(console, f"{len(left)} of {len(study.cells)} markets are left.")
    if any(spec.is_person for spec in study.traders):
        say(console, f"People are stood in for by {STAND_IN.name}.")
    if not models:
        console.print("No model trades in them: they cost nothing but processor time.")
        return
    specs = {spec.name: spec for spec in study.traders if spec.model is not None}
    console.print(_table(models, specs, told, study))
    notes = (
        _time(study, left, told),
        f"Tokens are counted as {LOW.characters}, {TYPICAL.characters} and {HIGH.characters} characters. "
        "Hidden reasoning, repeated requests and cached input are not in these numbers. A limit under "
        "[limits] holds whatever they are.",
    )
    for note in notes:
        say(console, note)


def _of_all(
    study: Study, cells: Mapping[str, Cell], counts: Mapping[str, int], assumed: Assumed
) -> dict[str, Used]:
    """Return what each model would use in all markets that are left."""
    total: dict[str, Used] = {}
    for treatment, cell in cells.items():
        if not counts[treatment]:
            continue
        for name, used in _of_one(study, cell, assumed).items():
            sum_ = total.setdefault(name, Used())
            sum_.requests += counts[treatment] * used.requests
            sum_.read += counts[treatment] * used.read
            sum_.wrote += counts[treatment] * used.wrote
            sum_.seats[len(sum_.seats)] = used.longest
    return total


def _of_one(study: Study, cell: Cell, assumed: Assumed) -> dict[str, Used]:
    """Play one market and return what each model used."""
    specs = study.seated(cell)
    if all(spec.model is None for spec in specs):
        return {}
    used: dict[str, Used] = {}
    price = Decimal(str(float(cell.settings.usual_price)))

    def build(spec: TraderSpec, seed: int) -> DecisionMaker:
        if spec.model is None:
            return build_strategy(STAND_IN if spec.is_person else spec, seed)
        tally = used.setdefault(spec.name, Used())
        model = StandIn(spec.name, tally, seed, assumed.words, price, random.Random(seed))
        return LlmTrader(model, SystemClock(), seed, manner_of(spec, spec.model, seed))

    async def play() -> None:
        clock = SystemClock()
        seats = Seats(_Nowhere(), clock, clock.monotonic() + 60 * study.plan.timeout_minutes, "cost")
        await play_market(cell, specs, build, seats, asyncio.Event())

    asyncio.run(play())
    return used


def _table(
    models: Sequence[str],
    specs: Mapping[str, TraderSpec],
    told: Mapping[Assumed, Mapping[str, Used]],
    study: Study,
) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("Model", "Texts"):
        table.add_column(name)
    for name in ("Requests", "Tokens in", "Tokens out", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in models:
        for assumed, used in told.items():
            usage = used[name].usage(assumed)
            money = _usd(specs[name], usage, study)
            table.add_row(
                escape(name) if assumed is LOW else "",
                f"{assumed.words} words",
                f"{used[name].requests:,}",
                f"{usage.input_tokens:,}",
                f"{usage.output_tokens:,}",
                "not known" if money is None else f"{money:.2f}",
            )
    return table


def _usd(spec: TraderSpec, usage: Usage, study: Study) -> Decimal | None:
    entry = spec.model
    if entry is None:
        return Decimal(0)
    own = Price(entry.price.input, entry.price.output) if entry.price else None
    provider = study.catalogue.providers[entry.provider].prices
    return cost_usd(usage, own=own, provider=provider, model=entry.model)


def _time(study: Study, left: Sequence[Cell], told: Mapping[Assumed, Mapping[str, Used]]) -> str:
    """Say how long the markets take, eight at a time, within the providers' own limits in models.toml."""
    hours = [_hours(study, left, assumed, used) for assumed, used in told.items()]
    return (
        f"About {hours[1]:.1f} hours ({hours[0]:.1f} – {hours[2]:.1f}) with {MARKETS_AT_A_TIME} markets "
        f"at a time and {TYPICAL.seconds:g} s ({LOW.seconds:g} – {HIGH.seconds:g} s) a reply."
    )


def _hours(study: Study, left: Sequence[Cell], assumed: Assumed, used: Mapping[str, Used]) -> float:
    waves = -(-len(left) // MARKETS_AT_A_TIME)
    waiting = waves * max(one.longest for one in used.values()) * assumed.seconds / 3600
    paced = [0.0]
    for spec in {spec.name: spec for spec in study.traders if spec.model}.values():
        provider = study.catalogue.providers[spec.model.provider] if spec.model else None
        if provider is not None and provider.requests_per_minute and spec.name in used:
            paced.append(used[spec.name].requests / provider.requests_per_minute / 60)
    return max(waiting, *paced)
