"""`bots try URL`: what a bot sees behind one link, as text beside a picture, and what it would do."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from bots.adapters.browser_settings import BrowserOptions, BrowserSettings
from bots.adapters.clock import SystemClock
from bots.adapters.entry import is_shared
from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.shared_links import take_places
from bots.adapters.tab import BrowserRefused, TabLost
from bots.adapters.web_driver import BrowserSession, open_browser
from bots.agents.forms import UnthinkingAnswers
from bots.agents.prompts import page_prompt
from bots.agents.prompts.pages import any_page_prompt
from bots.agents.trading_agents import Table, TradingAgent
from bots.agents.visitor import asks_something
from bots.domain.errors import UserMustMend
from bots.domain.experiment import Seat
from bots.domain.market import Decision
from bots.domain.pages import Act, Answer, Page, PageKind
from bots.domain.ports import PageSituation, Situation
from bots.domain.records import ActAnswered, ActSent, DecisionMade, DecisionNotMade, Event
from bots.services.configuration import models_file
from bots.services.room import Room
from bots.services.show_run import line
from bots.services.trader_checks import check_ready
from bots.services.trader_specs import assign
from bots.services.traders import Traders, make_fallback

_LINK: Final = re.compile(r"/(InitializeParticipant|join|room|p)/")
_MEMORY: Final = re.compile(r"\A.*?(?=THE PRESENT PAGE)", re.DOTALL)  # pages are shown each by itself
_RUN: Final = "try"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was asked for.

    Attributes:
        url: a link that makes whoever opens it a participant.
        decide: who decides and plays on; None: nothing is sent.
        out: the HTML file.
        minutes: longest time, with `decide`.
    """

    url: str
    decide: str | None
    out: Path
    seed: int = 1
    headed: bool = False
    minutes: float = 15.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not _LINK.search(parts.path):
            raise UserMustMend(
                "this is no link of a participant",
                where=self.url,
                mend="Give one such as http://localhost:8000/InitializeParticipant/abc123.",
            )


@dataclass(slots=True)
class Sight:
    """One page as it was seen: its picture as PNG, what a model is told of it, what was done on it."""

    page: Page
    picture: bytes
    prompt: str
    would: str
    done: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        return "data:image/png;base64," + base64.b64encode(self.picture).decode()


class _Watched:
    """A participant's session whose pages are kept and told as they come; a `ParticipantSession`."""

    def __init__(self, session: BrowserSession, trial: Trial, room: Room) -> None:
        self._session = session
        self._trial = trial
        self._room = room
        self.sights: list[Sight] = []

    async def look(self) -> Page:
        return await self._saw(await self._session.look())

    async def act(self, act: Act, until: float) -> Answer:
        answer = await self._session.act(act, until)
        return answer if answer.page is None else replace(answer, page=await self._saw(answer.page))

    async def wait(self, seen: Page, until: float) -> Page | None:
        page = await self._session.wait(seen, until)
        return None if page is None else await self._saw(page)

    async def close(self) -> None:
        await self._session.close()

    def append(self, event: Event) -> None:
        """Tell what is decided and answered, beside the page it belongs to."""
        if self.sights and (told := _told(event)):
            self.sights[-1].done.append(told)
            line(self._room.console, f"  → {told}")

    async def _saw(self, page: Page) -> Page:
        if self.sights and self.sights[-1].page.visit == page.visit:
            return page
        try:
            picture = await self._session.screenshot()
        except (TabLost, BrowserRefused):
            picture = b""
        sight = Sight(page, picture, _prompt(page), await _would(page, self._trial.seed))
        self.sights.append(sight)
        _say(self._room, sight)
        return page


async def try_link(trial: Trial, room: Room) -> int:
    """Open the link, show its page, and play on only where a decider is named; write the pictures' file.

    Raises:
        UserMustMend: the browser or the decider is missing.
        SeatError: the page cannot be read or used.
    """
    settings = BrowserSettings.find(BrowserOptions(headed=trial.headed))
    catalogue = load_catalogue(models_file())
    spec = None
    if trial.decide is not None:
        (spec,) = assign(trial.decide, 1, trial.seed, catalogue)
        check_ready([spec], catalogue, room.environment)
    link = (await take_places(trial.url, [trial.url])).links[0].url if is_shared(trial.url) else trial.url
    clock = SystemClock()
    async with open_browser(settings) as browser, Traders(catalogue, room.environment, clock) as traders:
        watched = _Watched(await browser.open_session(link), trial, room)
        try:
            if spec is None:
                await watched.look()
            else:
                table = Table(watched, clock, clock.monotonic() + 60 * trial.minutes, _RUN)
                seat = Seat(1, link.rstrip("/").rpartition("/")[2], link, spec.name, trial.seed)
                maker = traders.build(spec, trial.seed)
                fallback = make_fallback("hold", trial.seed)
                await TradingAgent(seat, watched, maker=maker, fallback=fallback, table=table).play()
        finally:
            await watched.close()
            await asyncio.to_thread(_write, trial, watched.sights)
    line(room.console, f"Pages beside their pictures: {trial.out}", style="bold")
    return 0


def _say(room: Room, sight: Sight) -> None:
    page = sight.page
    line(room.console, f"{page.name} ({page.kind.value}) {page.location}", style="bold")
    for row in sight.prompt.splitlines():
        line(room.console, f"  {row}")
    if sight.would:
        line(room.console, f"  Without a decision it would: {sight.would}", style="dim")


def _prompt(page: Page) -> str:
    """Return what a model is told of a page, or else what stands on it."""
    if page.market is not None and page.market.page in {"trade", "forecast"}:
        return page_prompt(Situation(1, _RUN, page.market))
    if page.market is None and page.kind is PageKind.FORM:
        return _MEMORY.sub("", any_page_prompt(PageSituation(1, _RUN, page)))
    return page.text or page.title


async def _would(page: Page, seed: int) -> str:
    """Return what is done where nobody decides; empty where nothing is to be done."""
    if page.kind is not PageKind.FORM or page.market is not None:
        return ""
    if not asks_something(page) and not page.live:
        return "send the page on"
    decision = await UnthinkingAnswers(seed).answer(PageSituation(1, _RUN, page), 0.0, lambda _: None)
    return _decided(decision)


def _decided(decision: Decision) -> str:
    move = decision.move
    if move is None:
        told = decision.model_dump(
            mode="json", include={"orders", "cancel", "forecasts"}, exclude_defaults=True
        )
        return json.dumps(told) if told else "nothing"
    said = move.model_dump(mode="json", exclude_defaults=True, exclude={"do"})
    return f"{move.do} {json.dumps(said, ensure_ascii=False)}" if said else move.do


def _told(event: Event) -> str:
    match event:
        case DecisionMade():
            return f"{event.by} decides: {_decided(event.content)}"
        case DecisionNotMade():
            return f"no decision ({event.kind.value}): {event.reason}"
        case ActSent():
            return f"sends the {event.act}"
        case ActAnswered():
            words = " ".join(event.words)
            return f"the server {'accepts' if event.accepted else 'refuses'}{': ' if words else ''}{words}"
        case _:
            return ""


def _write(trial: Trial, sights: Sequence[Sight]) -> None:
    environment = Environment(
        loader=PackageLoader("bots.analysis", "templates"), autoescape=True, undefined=StrictUndefined
    )
    trial.out.parent.mkdir(parents=True, exist_ok=True)
    trial.out.write_text(environment.get_template("try.html").render(trial=trial, sights=sights), "utf-8")
