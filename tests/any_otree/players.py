"""Traders on pages of any app: models that know nothing but their prompt, seated at real links."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.models.scripted import ScriptedModel
from bots.agents.llm import LlmTrader
from bots.agents.strategies import Hold
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.chat import Message
from bots.domain.experiment import RunEnd, Seat, run_experiment
from bots.domain.ports import DecisionMaker, ParticipantSession
from bots.domain.records import ActAnswered, ActSent, Event, RunManifest
from bots.services.replay import Replay, replay
from tests.adapters.participants import Transport
from tests.manifests import manifest_of

RUN_ID = "0123456789ab"
Answer = Callable[[Sequence[Message], Mapping[str, Any]], str]
_FIELD = re.compile(
    r'^- "(?P<key>[^"]+)": .* — (?P<kind>[a-z ,]+?)(?P<limits> (?:from|of at).*|, written.*)?$'
)
_NUMBER = r"-?[0-9.]+"


class Reader:
    """A model that reads what its prompt asks for and draws an answer within what it says."""

    def __init__(self, seed: int, nonsense: Sequence[str] = ()) -> None:
        self._draw = random.Random(seed)
        self._nonsense = list(nonsense)
        self.limit = seed
        self.prompts: list[str] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        prompt = messages[-1].text
        self.prompts.append(prompt)
        if self._nonsense:
            return self._nonsense.pop(0)
        page = next(one.text for one in reversed(messages) if "THE PRESENT PAGE" in one.text)
        if "do" in schema["properties"]:
            return json.dumps(self._act(page.rpartition("THE PRESENT PAGE")[2], schema["properties"]))
        reply: dict[str, Any] = {"reasoning": "As the page asks.", "note": f"note {len(self.prompts)}"}
        if "answers" in schema["properties"]:
            reply["answers"] = self._answers(page, schema["properties"]["answers"]["properties"])
        if "button" in schema["properties"]:
            reply["button"] = self._draw.choice(schema["properties"]["button"]["enum"])
        return json.dumps(reply)

    def _act(self, page: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Bid up to a limit of its own, then pass; leave when it is over, a chat once the other spoke."""
        things = asked["do"]["enum"]
        reply: dict[str, Any] = {"reasoning": "", "note": "", "seconds": 3}
        if "press Send" in things:
            said = f"hello from {self.limit}"
            if said not in page:
                return {**reply, "do": "press Send", "inputs": {"input_1": said}}
            heard = len(set(re.findall(r"hello from \d+", page))) > 1
            return {**reply, "do": "leave" if heard else "wait"}
        bid, give_up = ("press Bid", "press Pass") if "press Bid" in things else ("send m1", "send m2")
        highest = max([0, *map(int, re.findall(r'"highest": (\d+)', page))])
        leader = (re.findall(r'"leader": (\d+)', page) or ["0"])[-1]
        own = re.findall(r"You are player (\d)", page)[-1]
        if '"finished": true' in page:
            return {**reply, "do": "leave"}
        if leader == own:
            return {**reply, "do": "wait"}
        if highest >= self.limit:
            return {**reply, "do": give_up}
        return {
            **reply,
            "do": bid,
            **({"inputs": {"amount": highest + 1}} if "inputs" in asked else {}),
            **({"content": {"m1_amount": highest + 1}} if "content" in asked else {}),
        }

    def _answers(self, page: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        lines = {found["key"]: found for line in page.splitlines() if (found := _FIELD.match(line))}
        answers = {
            key: self._one(schema, (lines[key]["limits"] if key in lines else "") or "")
            for key, schema in asked.items()
        }
        if "must add up to exactly 100" in page and {"mine", "theirs"} <= answers.keys():
            answers["theirs"] = 100 - answers["mine"]
        if "born" in answers:
            answers["born"] = "1990-05-17"
        return answers

    def _one(self, schema: Mapping[str, Any], limits: str) -> Any:
        if "anyOf" in schema:
            return None
        if "enum" in schema:
            return self._draw.choice(schema["enum"])
        if schema["type"] == "array":
            return [self._draw.choice(schema["items"]["enum"])]
        if schema["type"] == "boolean":
            return True
        if schema["type"] == "string":
            return "a few words"
        least, most = ([float(one) for one in re.findall(_NUMBER, limits)[:2]] + [0.0, 100.0])[:2]
        step = re.search(rf"in steps of ({_NUMBER})", limits)
        if schema["type"] == "number" and not step:
            return round(self._draw.uniform(least, most), 2)
        unit = int(float(step[1])) if step else 1
        return int(least) + unit * self._draw.randint(0, int((most - least) // unit))


def model(seed: int, nonsense: Sequence[str] = ()) -> LlmTrader:
    return asking(Reader(seed, nonsense), seed)


def asking(answer: Answer, seed: int = 1) -> LlmTrader:
    return LlmTrader(ScriptedModel("scripted:reader", answer), SystemClock(), seed)


@dataclass(frozen=True, slots=True)
class Played:
    """A run's end, its events, and its manifest as a run folder would hold it."""

    end: RunEnd
    events: tuple[Event, ...]
    manifest: RunManifest

    def of(self, seat: int) -> tuple[Event, ...]:
        return tuple(event for event in self.events if getattr(event, "seat", None) == seat)

    def accepted(self, seat: int) -> dict[str, Any]:
        """Every value the server accepted from a seat, the buttons' values left out."""
        good = {event.ref for event in self.of(seat) if isinstance(event, ActAnswered) and event.accepted}
        sent = [event for event in self.of(seat) if isinstance(event, ActSent) and event.ref in good]
        return {name: value for act in sent for name, value in act.content.get("values", {}).items()}


@dataclass(frozen=True, slots=True)
class Lab:
    """Seats makers at links and plays to the end."""

    transport: Transport
    seconds: float = 60
    pace: Pace = field(default_factory=Pace)

    async def play(self, links: Sequence[str], makers: Sequence[DecisionMaker]) -> Played:
        clock, store = SystemClock(), MemoryStore()
        seats = [
            Seat(number, link.rsplit("/", 1)[1], link, maker.name, number)
            for number, (link, maker) in enumerate(zip(links, makers, strict=True), start=1)
        ]
        table = Table(store, clock, time.monotonic() + self.seconds, RUN_ID, self.pace)
        started = clock.now()

        async def sit(seat: Seat) -> None:
            session = await self.transport.open_session(seat.link)
            try:
                await TradingAgent(
                    seat, session, maker=makers[seat.number - 1], fallback=Hold(1), table=table
                ).play()
            finally:
                await session.close()

        end = await run_experiment(
            seats, sit, store=store, clock=clock, until=table.until, stop=asyncio.Event()
        )
        manifest = manifest_of(seats, run_id=RUN_ID, started=started, outcome=end.outcome)
        return Played(end, tuple(store.events), manifest)


@dataclass(frozen=True, slots=True)
class InBrowserAt:
    """Opens one link in a browser and every other over HTTP."""

    link: str
    browser: Transport
    http: Transport

    async def open_session(self, link: str) -> ParticipantSession:
        return await (self.browser if link == self.link else self.http).open_session(link)


async def assert_replays(played: Played) -> Replay:
    """Hold a run against its replay; where they differ, the difference is told."""
    found = await replay(played.events, played.manifest)
    assert found.identical, [line for one in found.differences for line in one.lines()]
    return found
