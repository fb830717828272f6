"""What bots take while they have nothing to do: while their model thinks, and on a wait page."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from benchmarks.process_tree import Load
from benchmarks.transports_run import paced_answer, play_with_model
from bots.adapters.otree_server import OTreeServer
from bots.domain.records import DecisionMade, Event, PageSeen, SeatEnded
from tests.standins.model_server import Answer, Asked, ModelServer

_MODEL_SECONDS: Final = 15.0  # that a model takes once all bots have asked it
_WAIT_SECONDS: Final = 30.0  # that a bot stays on a wait page; the first is there before the last
_SETTLED: Final = (
    3.0  # seconds after which what came with a page is done: pictures, sockets, collected memory
)
_ROUND: Final = {
    "practice_rounds": 0,
    "paid_rounds": 1,
    "forecast_horizons": "",
    "trade_seconds": 600,
}


class SlowModel(ModelServer):
    """A stand-in provider that thinks about a market for a while, and begins once so many bots have asked."""

    def __init__(self, answer: Answer, bots: int) -> None:
        super().__init__(answer)
        self._asking = asyncio.Barrier(bots)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if "TRADE PAGE" in Asked(request.path, dict(request.headers), await request.json()).text:
            await self._asking.wait()
            await asyncio.sleep(_MODEL_SECONDS)
        return await super()._handle(request)


@dataclass(frozen=True, slots=True)
class IdleRun:
    """Bots in the shipped market that waited for their model, and then for somebody who never came.

    Attributes:
        model, others: what was taken meanwhile; None where they did not all wait at the same time.
    """

    transport: str
    bots: int
    model: Load | None
    others: Load | None

    def rows(self) -> list[dict[str, Any]]:
        """Return the processor time of all bots together, in milliseconds a second."""
        return [
            {
                "transport": self.transport,
                "bots": self.bots,
                "waits_for": waits_for,
                "seconds": load.seconds if load else None,
                "client_cpu_ms_second": 1000 * load.client if load else None,
                "browser_cpu_ms_second": 1000 * load.browser if load else None,
            }
            for waits_for, load in (("its model", self.model), ("another participant", self.others))
        ]


async def idle(transport: str, server: OTreeServer, bots: int) -> IdleRun:
    """Let bots wait for a slow model, and then on a wait page until they give up."""
    session = await server.rest.create_session("demo", bots + 1, modified=_ROUND)
    url = f"{server.url}/SessionStartLinks/{session['code']}"
    where = ["--transport", transport, "--seats", f"1-{bots}", "--wait-minutes", f"{_WAIT_SECONDS / 60}"]
    async with SlowModel(paced_answer, bots) as model:
        with tempfile.TemporaryDirectory() as scratch:
            taken, events = await play_with_model([url, *where], model, Path(scratch))
    spells = model_spell(events, bots), wait_spell(events, bots)
    return IdleRun(transport, bots, *(taken.load(*spell) if spell else None for spell in spells))


def model_spell(events: Sequence[Event], bots: int) -> tuple[float, float] | None:
    """Return between which seconds since the epoch all bots had their first trade page and no decision."""
    seen = [event for event in events if isinstance(event, PageSeen) and event.page == "trade"]
    decided = [event for event in events if isinstance(event, DecisionMade) and event.page == "trade"]
    return _spell(seen, decided, bots)


def wait_spell(events: Sequence[Event], bots: int) -> tuple[float, float] | None:
    """Return between which seconds since the epoch all bots were on a wait page and had not given up."""
    seen = [event for event in events if isinstance(event, PageSeen) and event.kind == "wait"]
    return _spell(seen, [event for event in events if isinstance(event, SeatEnded)], bots)


def _spell(began: Sequence[PageSeen], ended: Sequence[Event], bots: int) -> tuple[float, float] | None:
    firsts = {event.seat: event.at.timestamp() for event in reversed(began)}
    if len(firsts) < bots or not ended:
        return None
    since, until = max(firsts.values()) + _SETTLED, min(event.at.timestamp() for event in ended)
    return (since, until) if since < until else None
