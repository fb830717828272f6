"""Where one market of a study takes place: in this process, or in a session of an oTree server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bots.adapters.auto_session import HandedOver
from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.in_process_auction import in_process_market
from bots.adapters.in_process_forecasting import InProcessForecasting
from bots.adapters.in_process_pages import InProcessPages
from bots.adapters.links import SessionLinks, read_links
from bots.adapters.otree_server import OTreeRest, OTreeServer, ServerPlan
from bots.domain.errors import UserMustMend
from bots.domain.experiment import Seat
from bots.domain.ports import Clock, ParticipantSession, RunStore
from bots.domain.study import Cell
from bots.services.plan import Transport
from bots.services.room import Room
from bots.services.runner import credentials_of
from bots.services.study_folder import CellRun
from bots.services.study_plan import seats_of
from bots.services.trader_specs import TraderSpec
from bots.services.transports import Entrance, browser_for, open_entrance, recording_handovers

IN_PROCESS = "in process"


class Venue(Protocol):
    """One market, whose seats are known before anybody sits down."""

    @property
    def url(self) -> str:
        """What a manifest names as the run's address."""

    @property
    def seats(self) -> Sequence[Seat]:
        """Of bots, by number; a seat's link leads to it where there are links."""

    @property
    def specs(self) -> Sequence[TraderSpec]:
        """Who sits at each of `seats`."""

    @property
    def links(self) -> SessionLinks | None:
        """The links of the whole session; None in process."""

    @property
    def goes_on(self) -> Path | None:
        """The folder of a run that was cut short in this session; None for a new one."""

    async def open(self, seat: Seat, store: RunStore, clock: Clock) -> ParticipantSession:
        """Return the session of a seat; where it goes on in a browser, `store` is told."""


class InProcess:
    """A market in this process."""

    url = IN_PROCESS
    links = None
    goes_on = None

    def __init__(self, cell: Cell, specs: Sequence[TraderSpec]) -> None:
        self._market = _market_of(cell)
        self.specs = specs
        self.seats = seats_of(cell, specs)

    async def open(self, seat: Seat, store: RunStore, clock: Clock) -> ParticipantSession:
        return self._market.session(seat.number)


def _market_of(cell: Cell) -> InProcessPages:
    settings, seed = cell.settings, cell.dividend_seed
    if settings.forecasting is not None:
        return InProcessForecasting(settings.forecasting, settings.traders, seed=seed, timed=settings.timed)
    return in_process_market(settings.parameters, settings.traders, seed=seed, timed=settings.timed)


@dataclass(frozen=True, slots=True)
class OnServer:
    """A session of an oTree server that was made for one market."""

    url: str
    seats: Sequence[Seat]
    specs: Sequence[TraderSpec]
    links: SessionLinks
    people: Mapping[int, str]  # links of those who are to come, by place in the session
    goes_on: Path | None
    entrance: Entrance
    handovers: dict[str, HandedOver]

    async def open(self, seat: Seat, store: RunStore, clock: Clock) -> ParticipantSession:
        self.handovers[seat.link] = recording_handovers([seat], store, clock)
        return await self.entrance.open_session(seat.link)


@dataclass(frozen=True, slots=True)
class Server:
    """An oTree server that carries the shipped market, and how its pages are reached."""

    rest: OTreeRest
    entrance: Entrance
    room: Room
    handovers: dict[str, HandedOver]  # by link: is told why its seat goes on in a browser

    async def venue(
        self, cell: Cell, specs: Sequence[TraderSpec], before: Sequence[CellRun] = ()
    ) -> OnServer:
        """Return the session of a cell, created now or, with people in it, by a run that was cut short.

        Args:
            before: those runs.

        Raises:
            UserMustMend: the server cannot be reached, or refuses.
        """
        goes_on, links = await self._kept(before)
        if links is None:
            links = await self._links(await self._created(cell))
        places = tuple(zip(seats_of(cell, specs), specs, links.links, strict=True))
        bots = [(seat, spec, link) for seat, spec, link in places if not spec.is_person]
        return OnServer(
            url=links.url,
            seats=tuple(
                Seat(number, link.code, link.url, seat.trader, seat.seed)
                for number, (seat, _, link) in enumerate(bots, start=1)
            ),
            specs=tuple(spec for _, spec, _ in bots),
            links=links,
            people={link.number: link.url for _, spec, link in places if spec.is_person},
            goes_on=goes_on,
            entrance=self.entrance,
            handovers=self.handovers,
        )

    async def _kept(self, before: Sequence[CellRun]) -> tuple[Path | None, SessionLinks | None]:
        """Return the latest run whose session this server still has, and its links."""
        for run in reversed(before):
            journal = run.folder / "journal.jsonl"
            if run.manifest.url.startswith(f"{self.rest.url}/") and journal.exists():
                with suppress(UserMustMend):  # the server has forgotten it, or is another one
                    return run.folder, await self._links(run.manifest.url)
        return None, None

    async def _links(self, url: str) -> SessionLinks:
        return await read_links(url, credentials_of(self.room.environment))

    async def _created(self, cell: Cell) -> str:
        config = dict(cell.settings.config) | {"traders_per_market": 0}
        forecasting = cell.settings.forecasting is not None
        config["noise_seed" if forecasting else "dividend_seed"] = (
            cell.settings.own_seed or cell.dividend_seed
        )
        name = "ltf_positive" if forecasting else "demo"  # the config has every key, whichever session's
        session = await self.rest.create_session(name, cell.settings.traders, modified=config)
        return f"{self.rest.url}/SessionStartLinks/{session['code']}"


@asynccontextmanager
async def open_server(url: str | None, transport: Transport, room: Room) -> AsyncIterator[Server]:
    """Start the shipped project on a throw-away database, or take the server that is given.

    Args:
        url: address of a server that runs; None starts one, which ends with the block.

    Raises:
        UserMustMend: the server's environment or the browser is missing.
    """
    credentials = credentials_of(room.environment)
    browser = browser_for(transport, BrowserOptions())
    handovers: dict[str, HandedOver] = {}
    async with open_entrance(transport, browser, lambda link, need: handovers[link](link, need)) as entrance:
        if url is not None:
            yield Server(OTreeRest(url.rstrip("/"), credentials.rest_key), entrance, room, handovers)
            return
        from bots.services.demo import otree_python_of

        plan = ServerPlan(env={"OTREE_PRODUCTION": "1"}, python=otree_python_of(room.environment))
        async with OTreeServer.start(plan) as server:
            yield Server(server.rest, entrance, room, handovers)
