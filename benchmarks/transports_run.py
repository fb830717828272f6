"""Sessions that are played to be measured: the bench app with any client, and the shipped market."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from benchmarks.process_tree import Taken, run
from bots.adapters.otree_server import OTreeServer, ServerPlan
from bots.domain.errors import FailureKind
from bots.domain.market import MarketView, RoundRef
from bots.domain.records import (
    ActAnswered,
    ActSent,
    DecisionMade,
    DecisionNotMade,
    Event,
    PageMissed,
    PageSeen,
    RunEnded,
    parse_journal,
)
from bots.services.configuration import CONFIG
from tests.adapters.neutral_server import NeutralServer
from tests.otree_project.otree_process import running_project
from tests.standins.model_server import Asked, ModelServer, trading_answer

ROOT: Final = Path(__file__).resolve().parents[1]
PACES: Final = (0.1, 3.0, 10.0)  # seconds a model takes in the first, second and third paid round
_TRADE_SECONDS: Final = 20.0  # what a trade page's timer has left at the moment it can be read first
_ROUND: Final = re.compile(r"paid round (\d+) of")


@dataclass(frozen=True, slots=True)
class AppRun:
    """The bench app, played by one client."""

    client: str
    bots: int
    pages: int  # that its bots have turned, by the server's count
    seconds: float  # from the first page turned to the last, by the server's clock
    first_page_seconds: float | None  # from the command's start; None where the client does not tell
    last_page: float  # when the last page was turned, seconds since the epoch, rounded up
    ended: float  # when the run was over and its report begun, seconds since the epoch; inf where none is
    taken: Taken

    def row(self) -> dict[str, Any]:
        """Return the figures that are compared."""
        report = self.taken.client_cpu_begun_after(self.ended)
        client = self.taken.client_cpu - report
        return {
            "client": self.client,
            "bots": self.bots,
            "pages": self.pages,
            "finished": self.taken.code == 0,
            "start_seconds": self.first_page_seconds,
            "pages_per_second": self.pages / max(self.seconds, 1.0),
            "client_cpu_ms_page": 1000 * client / self.pages if self.pages else None,
            "report_cpu_seconds": None if math.isinf(self.ended) else report,
            "browser_cpu_ms_page": 1000 * self.taken.browser_cpu / self.pages if self.pages else None,
            "memory_mb": (playing := self.taken.most_memory(min(self.last_page, self.ended))),
            "memory_mb_bot": playing / self.bots,
            "memory_mb_after": self.taken.most_memory(),
        }


@dataclass(frozen=True, slots=True)
class MarketRun:
    """The shipped market, 20 s a trade page, one paid round for each pace of the model."""

    transport: str
    bots: int
    taken: Taken
    last_page: float  # when the last page was seen, seconds since the epoch
    latencies: dict[float, list[float]] = field(default_factory=dict)  # seconds, by pace
    missed: dict[float, int] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Return the figures of each pace."""
        return [
            {
                "transport": self.transport,
                "bots": self.bots,
                "model_seconds": pace,
                "orders": len(times),
                "latency_ms_median": 1000 * statistics.median(times) if times else None,
                "latency_ms_p95": 1000 * _quantile(times, 0.95) if times else None,
                "missed_deadlines": self.missed.get(pace, 0),
                "finished": self.taken.code == 0,
                "memory_mb": self.taken.most_memory(self.last_page),
                "memory_mb_after": self.taken.most_memory(),
                "cpu_seconds": self.taken.client_cpu + self.taken.browser_cpu,
            }
            for pace, times in self.latencies.items()
        ]


class PacedModel(ModelServer):
    """A stand-in provider that takes its time by round, and answers the bench app for any client."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = Asked(request.path, dict(request.headers), await request.json())
        if found := _ROUND.search(asked.page):
            await asyncio.sleep(PACES[min(int(found[1]), len(PACES)) - 1])
        return await super()._handle(request)


def paced_answer(asked: Asked) -> str:
    """Trade where a market asks; elsewhere give what the asked-for schema takes, or three numbers."""
    if "TRADE PAGE" in asked.text or asked.forecast:
        return trading_answer(asked)
    schema = (asked.body.get("response_format") or {}).get("json_schema", {}).get("schema")
    if schema is None:
        return '{"first": 1, "second": 1, "third": 1}'
    return json.dumps(_fitting(schema, schema.get("$defs", {})))


def _fitting(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _fitting(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "allOf" in schema:
        return _fitting(schema["allOf"][0], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {
            # A bot that says it is confused, or has not understood, stops.
            name: name != "confused" if part.get("type") == "boolean" else _fitting(part, definitions)
            for name, part in schema.get("properties", {}).items()
        }
    return {"string": "As it is.", "integer": 1, "number": 1.0}.get(schema.get("type", ""), "1")


@contextlib.contextmanager
def bench_server() -> Iterator[NeutralServer]:
    """Serve the bench app."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_project(Path(scratch), ROOT / "tests" / "bench") as address,
    ):
        yield NeutralServer(address)


@contextlib.asynccontextmanager
async def market_server() -> AsyncIterator[OTreeServer]:
    """Serve the shipped market as in production."""
    async with OTreeServer.start(ServerPlan(env={"OTREE_PRODUCTION": "1"})) as server:
        yield server


async def play_app(client: str, command: Sequence[str], server: NeutralServer, bots: int) -> AppRun:
    """Let a command play the bench app; `LINKS` and `URL` in it stand for the session."""
    code, links = server.session("bench", bots)
    url = f"{server.url}/SessionStartLinks/{code}"
    filled = [part for one in command for part in (links if one == "LINKS" else [one.replace("URL", url)])]
    with tempfile.TemporaryDirectory() as scratch:
        folder, started = Path(scratch), time.time()
        taken = await asyncio.to_thread(run, filled, env=_environment(""), folder=folder, most_seconds=150)
        if taken.code != 0:
            print((folder / "output").read_text(errors="replace")[-1500:], file=sys.stderr)
        events = _events(folder)
        first = next((event.at for event in events if isinstance(event, PageSeen)), None)
        ended = next((event.at.timestamp() for event in events if isinstance(event, RunEnded)), math.inf)
    pages = sum(_turned(int(row["participant._index_in_pages"])) for row in server.stored(code))
    times = server.turned(code) or [0]
    start = first.timestamp() - started if first else None
    return AppRun(client, bots, pages, float(max(times) - min(times)), start, max(times) + 1.0, ended, taken)


async def play_market(transport: str, server: OTreeServer, model: ModelServer, bots: int) -> MarketRun:
    """Let bots whose model takes its time play one paid round for each pace."""
    rounds = {"practice_rounds": 0, "paid_rounds": len(PACES), "trade_seconds": int(_TRADE_SECONDS)}
    session = await server.rest.create_session("demo", bots, modified=rounds)
    url = f"{server.url}/SessionStartLinks/{session['code']}"
    with tempfile.TemporaryDirectory() as scratch:
        taken, events = await play_with_model([url, "--transport", transport], model, Path(scratch))
        if taken.code != 0:
            print((Path(scratch) / "output").read_text(errors="replace")[-1500:], file=sys.stderr)
        last = max((event.at for event in events if isinstance(event, PageSeen)), default=datetime.now(UTC))
        latencies, missed = _judged(events)
    return MarketRun(transport, bots, taken, last.timestamp(), latencies, missed)


async def play_with_model(
    arguments: Sequence[str], model: ModelServer, folder: Path
) -> tuple[Taken, Sequence[Event]]:
    """Run bots whose model is a stand-in, all asked at once; return what that took and what they recorded."""
    models = (CONFIG / "models.toml").read_text(encoding="utf-8")
    models = models.replace("[providers.openai]\n", "[providers.openai]\nconcurrency = 1000\n")
    (folder / "models.toml").write_text(models, encoding="utf-8")
    url, *options = arguments
    command = [sys.executable, "-m", "bots.main", url, "gpt-4o", *options]
    environment = _environment(model.url)
    taken = await asyncio.to_thread(run, command, env=environment, folder=folder, most_seconds=240)
    return taken, _events(folder)


def _turned(place: int) -> int:
    """Return the pages turned by who is at a place of the bench app; the end is shown in one round."""
    rounds, within = divmod(max(place - 1, 0), 3)
    return 2 * rounds + min(within, 2)


def _environment(model_url: str) -> dict[str, str]:
    known = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{model_url}/v1"} if model_url else {}
    # A command is what is installed, whose modules are compiled once and not at each start.
    return {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "", **known}


def _events(folder: Path) -> tuple[Event, ...]:
    journals = list(folder.glob("bot-data/*/run-*/journal.jsonl"))
    return parse_journal(journals[0].read_text(encoding="utf-8")).events if journals else ()


def _judged(events: Sequence[Event]) -> tuple[dict[float, list[float]], dict[float, int]]:
    """Return, by pace, seconds from page ready to order accepted less deciding, and deadlines missed.

    A page's timer runs from when it was ready, so what it has lost where the seat read it is time that the
    page waited for its seat.
    """
    latencies: dict[float, list[float]] = {pace: [] for pace in PACES}
    missed = dict.fromkeys(PACES, 0)
    ready: dict[int, tuple[datetime, float]] = {}  # when a seat's trade page was, and at which pace
    decided: dict[int, float] = {}
    asked: dict[str, int] = {}
    for event in events:
        match event:
            case PageSeen(
                page="trade", view=MarketView(round=RoundRef(number=paid)), seconds_left=float(left)
            ):
                waited = timedelta(seconds=_TRADE_SECONDS - left)
                ready[event.seat] = event.at - waited, PACES[paid - 1]
            case DecisionMade(page="trade"):
                decided[event.seat] = event.seconds
            case ActSent(act="live"):
                asked[event.ref] = event.seat
            case ActAnswered(accepted=True) if event.ref in asked and event.seat in ready:
                since, pace = ready.pop(event.seat)
                latencies[pace].append((event.at - since).total_seconds() - decided[event.seat])
            case PageMissed(round=int(number)):
                missed[PACES[number - 1]] += 1
            case DecisionNotMade(kind=FailureKind.TIMEOUT, round=int(number)):
                missed[PACES[number - 1]] += 1
            case _:
                pass
    return latencies, missed


def _quantile(times: Sequence[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]
