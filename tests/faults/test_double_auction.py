"""A server that is killed in the middle of a period plays it again from its rows, and bots go on in it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import aiohttp
import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActAnswered, ActSent, RunOutcome
from tests.end_to_end.command import acts, end, start
from tests.faults.servers import kept_plan, kill
from tests.otree_project.otree_walker import Room, Walker

pytestmark = pytest.mark.server

CONFIG = {"practice_rounds": 0, "paid_rounds": 2, "trade_seconds": 0, "phase_start_seconds": 0}


async def test_a_period_is_as_it_was_once_the_server_is_started_again() -> None:
    with kept_plan() as plan, ExitStack() as second:
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector) as http:
            with OTreeServer.start_blocking(plan) as first:
                session = await first.rest.create_session("auction_demo", 3, modified=CONFIG)
                listed = (await first.rest.get_session(session["code"]))["participants"]
                people = [Walker(http, first.url, one["code"]) for one in listed]
                for walker in people:
                    await walker.open()
                await Room(http, first.url, session["code"], tuple(people)).all_reach("trade")
                buyer, seller, gone = people
                await gone.order("sell", 1, "15", "stays")
                await gone.submit()
                placed = await buyer.order("buy", 2, "14", "bid")
                await seller.order("sell", 1, "14", "hit")
                refused = await seller.order("sell", 90, "14", "too many")
                await buyer.tell({"type": "ready", "seq": placed["seq"] + 1, "ref": "done"})
                before = [(await walker.open()).view for walker in (buyer, seller)]
                kill(first)
            second.enter_context(OTreeServer.start_blocking(plan))
            after = [(await walker.open()).view for walker in (buyer, seller)]
            assert after == before
            assert await seller.order("sell", 1, "99", "too many") == refused, "answers are known still"
            assert await buyer.order("sell", 1, "99", "bid") == placed
            closing = {"type": "ready", "seq": placed["seq"] + 1, "ref": "over"}
            (closed,) = await seller.tell(closing)
            assert closed["type"] == "closed", "who had left or was ready still counts"


@pytest.mark.long
async def test_bots_go_on_in_a_period_whose_server_was_killed(tmp_path: Path) -> None:
    with kept_plan() as plan, ExitStack() as second:
        with OTreeServer.start_blocking(plan) as first:
            session = await first.rest.create_session("auction_demo", 4, modified=CONFIG)
            url = f"{first.url}/SessionStartLinks/{session['code']}"
            process = await start(tmp_path, url, "zero-intelligence", "--transport", "http")
            await acts(tmp_path, 60)
            kill(first)
        server = second.enter_context(OTreeServer.start_blocking(plan))
        ended = await end(process, tmp_path)
        rows = await server.rest.export_app_custom(
            "double_auction", session["code"], function="custom_export_orders"
        )

    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    kept = Counter(row["ref"] for row in rows)
    sent = {event.ref for event in ended.events if isinstance(event, ActSent)}
    orders = {
        event.ref
        for event in ended.events
        if isinstance(event, ActSent) and event.act == "live" and event.content["type"] != "sync"
    }
    answered = {event.ref for event in ended.events if isinstance(event, ActAnswered)}
    assert set(kept.values()) == {1}
    assert set(kept) <= sent
    assert answered & orders <= set(kept)
