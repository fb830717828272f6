"""A participant without a browser, for tests: walks the pages of a real oTree server and checks each of them.

Every page of the market that is opened is validated as `MarketView`, so a page whose data block breaks the
contract fails the test that walked over it, whatever that test is about.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from bots.domain.market import MarketView

Frame = dict[str, Any]
PLAIN_FORMS = ("Quiz", "Debriefing", "Introduction")
_BLOCK = re.compile(r'<script type="application/json" id="market-view">(.*?)</script>', re.DOTALL)
_SOCKETS = re.compile(r'"(/(?:live|wait_page)\?[^"]+)"')


@dataclass(frozen=True)
class Seen:
    """One page as the server sent it."""

    path: str
    status: int
    text: str
    waiting: bool
    refused: bool  # a form that the server shows again, with errors

    @property
    def view(self) -> MarketView:
        """The page's data block, validated.

        Raises:
            AssertionError: the block is not there exactly once.
        """
        blocks = _BLOCK.findall(self.text)
        assert len(blocks) == 1, f"{self.path} has {len(blocks)} data blocks"
        return MarketView.model_validate_json(blocks[0])

    @property
    def name(self) -> str:
        """oTree's name of the page's class."""
        parts = self.path.strip("/").split("/")
        return parts[3] if len(parts) == 5 else self.path

    @property
    def has_view(self) -> bool:
        """Whether it must carry a data block: all pages do but waits and plain forms."""
        market_page = self.path.startswith("/p/") and self.name not in PLAIN_FORMS
        return market_page and self.status == 200 and not self.waiting

    def socket(self, kind: str) -> str:
        """Return the address of the page's own `live` or `wait_page` socket."""
        found = [html.unescape(path) for path in _SOCKETS.findall(self.text) if path.startswith(f"/{kind}?")]
        assert found, f"{self.path} has no {kind} socket"
        return found[0]

    def errors(self) -> list[str]:
        """The server's words beside the fields of a refused form."""
        return [
            html.unescape(words) for words in re.findall(r'form-control-errors"[^>]*>([^<]+)<', self.text)
        ]


@dataclass
class Walker:
    """Someone with a participant link and no browser."""

    http: aiohttp.ClientSession
    base: str
    code: str
    page: Seen = field(init=False)

    async def _read(self, response: aiohttp.ClientResponse) -> Seen:
        self.page = Seen(
            path=urlsplit(str(response.url)).path,
            status=response.status,
            text=await response.text(),
            waiting=response.headers.get("oTree-Wait-Page") == "1",
            refused=response.headers.get("oTree-Redisplay-With-Errors") == "1",
        )
        self.check()
        return self.page

    def check(self) -> None:
        """Validate the data block of a page that must carry one."""
        if self.page.has_view:
            assert self.page.view.version == 1

    async def open(self) -> Seen:
        """Go to the page that is due, as a reload does."""
        async with self.http.get(f"{self.base}/InitializeParticipant/{self.code}") as response:
            return await self._read(response)

    async def submit(self, **values: str) -> Seen:
        """Post the form of the present page and return the page that is due then."""
        async with self.http.post(self.base + self.page.path, data=values) as response:
            return await self._read(response)

    async def wait(self) -> Seen:
        """Stay on the wait page until the server says that it is over."""
        while self.page.waiting:
            async with self.http.ws_connect(self.base + self.page.socket("wait_page")) as socket:
                ready = await socket.receive_json(timeout=60)
            assert ready == {"status": "ready"}
            await self.open()
        return self.page

    async def tell(self, *messages: Any) -> list[Frame]:
        """Send live messages, one after the other, and return the frame that answers each."""
        frames = []
        async with self.http.ws_connect(self.base + self.page.socket("live")) as socket:
            for message in messages:
                await socket.send_str(json.dumps(message))
                answer = await socket.receive_json(timeout=10)
                assert answer["otree_success"] is True, f"the server failed on {message!r}"
                frames.append(answer["live_method_payload"])
        return frames

    async def order(self, side: str, quantity: Any, limit: Any, ref: str) -> Frame:
        """Place one order and return the answer."""
        message = {"type": "place", "side": side, "quantity": quantity, "limit": limit, "ref": ref}
        return (await self.tell(message))[0]

    async def reach(self, name: str) -> Seen:
        """Go on, page by page, until the market page `name`; agree to everything, forecast nothing."""
        while self.page.waiting or self.page.view.page != name:
            if self.page.waiting:
                await self.wait()
            else:
                await self.submit(**({"consent": "True"} if self.page.name == "Consent" else {}))
        return self.page


@dataclass(frozen=True)
class Room:
    """A session on the server, with its participants."""

    http: aiohttp.ClientSession
    base: str
    code: str
    walkers: tuple[Walker, ...]

    @classmethod
    async def create(cls, http: aiohttp.ClientSession, base: str, participants: int, **config: Any) -> Self:
        """Create a session over REST; `config` are session config fields."""
        async with create(http, base, participants, config) as response:
            assert response.status == 200, await response.text()
            code = (await response.json())["code"]
        async with http.post(f"{base}/api/get_session/{code}", json={}) as response:
            listed = json.loads(await response.text())["participants"]
        ordered = sorted(listed, key=lambda one: int(one["id_in_session"]))
        walkers = tuple(Walker(http, base, one["code"]) for one in ordered)
        for walker in walkers:
            await walker.open()
        return cls(http, base, code, walkers)

    async def export(self, function: str, app: str = "call_market") -> list[dict[str, str]]:
        """Return the rows of one of the project's own exports for this session."""
        query = {"app": app, "function_name": function, "session_code": self.code}
        async with self.http.get(f"{self.base}/api/export_app_custom", params=query) as response:
            assert response.status == 200, await response.text()
            text = await response.text()
        return list(csv.DictReader(text.lstrip("\ufeff").splitlines()))

    async def everybody(self, step: Callable[[Walker], Awaitable[object]]) -> None:
        """Let every participant do one thing, in seat order."""
        for walker in self.walkers:
            await step(walker)

    async def all_reach(self, name: str) -> None:
        """Bring everybody to the market page `name` of the present round, through the wait page too."""
        await self.everybody(lambda walker: _reach_or_wait(walker, name))
        await self.everybody(lambda walker: walker.reach(name))


async def _reach_or_wait(walker: Walker, name: str) -> None:
    while not walker.page.waiting and walker.page.view.page != name:
        await walker.submit(**({"consent": "True"} if walker.page.name == "Consent" else {}))


def create(
    http: aiohttp.ClientSession, base: str, participants: int, config: Mapping[str, Any]
) -> aiohttp.client._RequestContextManager:
    """Ask the server over REST for a session of the config `demo`, or of the one that `preset` names."""
    body = {
        "session_config_name": config.get("preset", "demo"),
        "num_participants": participants,
        "modified_session_config_fields": {key: one for key, one in config.items() if key != "preset"},
    }
    return http.post(f"{base}/api/sessions", json=body)
