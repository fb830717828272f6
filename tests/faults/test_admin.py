"""An experimenter advances, changes, archives and deletes a session while its bots decide."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import aiohttp
import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActSent, PageMissed, RunOutcome, SeatOutcome
from tests.end_to_end.command import end, start
from tests.faults.invariants import check, on_server
from tests.faults.test_kills import Market, delete_session
from tests.standins.model_server import Fault, ModelServer

pytestmark = pytest.mark.server
TRANSPORTS = ["http", pytest.param("browser", marks=pytest.mark.browser)]
TRADERS, ROUNDS = 2, 2


class Admin:
    """oTree's admin pages of one session, as an experimenter uses them."""

    def __init__(self, http: aiohttp.ClientSession, market: Market) -> None:
        self._http = http
        self._market = market

    async def advance(self, participant: str) -> None:
        """Press "advance" beside a participant on the monitor page."""
        await self._send("SessionMonitor", "AdvanceSession", {"selected_participant": participant})

    async def change(self) -> None:
        """Change the session's label, comment, fee and rate on its page of properties."""
        changed = {
            "label": "changed",
            "comment": "while it is played",
            "participation_fee": "7.00",
            "real_world_currency_per_point": "0.5",
        }
        await self._send("SessionEditProperties", "SessionEditProperties", changed)

    async def _send(self, page: str, action: str, form: dict[str, str]) -> None:
        server, code = self._market.server.url, self._market.code
        async with self._http.get(f"{server}/{page}/{code}") as shown:
            token = re.search(r'name="csrftoken" value="([^"]+)"', await shown.text())
        assert token is not None
        sent = form | {"csrftoken": token[1]}
        async with self._http.post(f"{server}/{action}/{code}", data=sent) as answer:
            assert answer.status == 200


async def deciding(models: ModelServer) -> None:
    """Wait until a model was asked for each trader; none of these requests is answered."""
    async with asyncio.timeout(60):
        while len(models.asked) < TRADERS:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


async def open_market(server: OTreeServer, folder: Path) -> tuple[Market, list[str]]:
    """Return a session, and its participants."""
    config = {"practice_rounds": 0, "paid_rounds": ROUNDS, "trade_seconds": 90}
    session = await server.rest.create_session("demo", TRADERS, modified=config)
    people = (await server.rest.get_session(session["code"]))["participants"]
    return Market(server, session["code"], folder), [one["code"] for one in people]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_bots_that_are_advanced_in_the_middle_of_a_decision_go_on_from_the_page_that_is_due(
    market_server: OTreeServer, tmp_path: Path, transport: str
) -> None:
    market, people = await open_market(market_server, tmp_path)
    jar = aiohttp.CookieJar(unsafe=True)  # of a server called by number
    async with (
        ModelServer(script=[Fault.HANG] * TRADERS) as models,
        aiohttp.ClientSession(cookie_jar=jar) as http,
    ):
        process = await start(
            tmp_path, market.url, "gpt-4o", "--transport", transport, environment=models.environment()
        )
        await deciding(models)
        admin = Admin(http, market)
        await admin.change()
        for one in people:
            await admin.advance(one)
        ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    assert "Traceback" not in ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    check(ended.events, await on_server(market_server, market.code), rounds=ROUNDS)
    missed = [event for event in ended.events if isinstance(event, PageMissed)]
    assert [(event.page, event.round) for event in missed] == [("trade", 1)] * TRADERS
    assert all("the server moved on" in event.reason for event in missed)


@pytest.mark.parametrize(
    "transport", ["http", pytest.param("browser", marks=[pytest.mark.browser, pytest.mark.long])]
)
async def test_bots_whose_session_is_deleted_in_the_middle_of_a_decision_say_so(
    market_server: OTreeServer, tmp_path: Path, transport: str
) -> None:
    market, _ = await open_market(market_server, tmp_path)
    hold = json.dumps({"reasoning": "", "insight": "", "plan": "", "orders": []})
    async with ModelServer(answer=lambda _: hold, delay=1.0) as models:
        process = await start(
            tmp_path, market.url, "gpt-4o", "--transport", transport, environment=models.environment()
        )
        await deciding(models)
        await delete_session(market)
        ended = await end(process, tmp_path)

    assert ended.code == 3, ended.output
    assert "Traceback" not in ended.output
    for seat in ended.manifest.seats:
        assert seat.outcome is SeatOutcome.FAILED
        assert "does not know participant" in seat.reason
    assert any(isinstance(event, ActSent) for event in ended.events)
