"""What the experimenter sees and does while a session runs: the report, the pause."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests.otree_project.otree_walker import Room, Walker, create

pytestmark = pytest.mark.server

CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 2,
    "traders_per_market": 2,
    "forecast_horizons": "",
    "trade_seconds": 0,
    "results_seconds": 0,
    "dividends": "1",
    "dividend_weights": "1",
}


@pytest_asyncio.fixture
async def admin() -> AsyncIterator[aiohttp.ClientSession]:
    """The experimenter's browser: it keeps cookies."""
    jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        yield client


async def report(admin: aiohttp.ClientSession, room: Room) -> str:
    """Return the text of the report page, white space made plain."""
    async with admin.get(f"{room.base}/AdminReport/{room.code}") as response:
        assert response.status == 200
        return " ".join((await response.text()).split())


def states(page: str) -> list[str]:
    return re.findall(r'<td class="t"><span class="state state--(\w+)">', page)


async def pause(admin: aiohttp.ClientSession, room: Room, page: str, wanted: str) -> None:
    """Press the report's button."""
    form = page[page.index('action="/PauseSession/') :]
    name, token = re.search(r'name="(\w+)" value="(\d+)">', form).groups()  # type: ignore[union-attr]
    data = {name: token, "paused": wanted}
    async with admin.post(f"{room.base}/PauseSession/{room.code}", data=data) as response:
        assert response.status == 200, await response.text()
        assert str(response.url).endswith(f"/AdminReport/{room.code}")


async def test_report_tells_prices_of_each_market_and_where_everybody_is(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 4, **CONFIG)
    assert "No round is over yet." in await report(admin, room)
    one, two, three, _ = room.walkers
    await one.reach("trade")
    await two.reach("trade")
    await one.order("buy", 1, "16", "a")
    await two.order("sell", 1, "15", "b")
    await one.submit()
    page = await report(admin, room)
    assert states(page) == ["waiting", "here", "here", "here"]
    assert '<td class="t">P2</td><td class="t"></td><td>1</td> <td class="t">Trade</td>' in page
    await two.submit()
    await three.reach("trade")
    page = await report(admin, room)
    assert "Market 1" in page
    assert "Market 2</h3>" not in page  # none of its rounds is over
    assert "<td>15.50</td><td>1</td> <td>1.00</td><td>" in page
    assert '<td class="t">1 of 2</td>' in page
    lines = re.findall(r'<polyline points="([\d., ]*)"', page)
    assert [len(line.split()) for line in lines] == [2, 1]  # the value of two rounds, the price of one


async def test_report_tells_the_practice_rounds_own_fundamental_value(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    own = {"practice_rounds": 2, "interest_rate": "0", "buy_back": "3"}
    room = await Room.create(http, otree_server, 2, **{**CONFIG, **own})
    await room.everybody(lambda walker: walker.reach("trade"))
    await room.all_reach("results")
    practice = r'<td class="t">practice 1 of 2</td>(?:\s*<td>[^<]*</td>){3}\s*<td>([^<]*)</td>'
    assert re.findall(practice, await report(admin, room)) == [
        "5.00"
    ]  # two dividends of 1, bought back for 3


async def test_report_and_export_tell_no_dividend_and_no_value_of_units(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    units = {"induced_values": "10", "induced_costs": "3", "endowment_cash": "40", "dividends": "0"}
    room = await Room.create(http, otree_server, 2, **{**CONFIG, **units, "preset": "gode_sunder"})
    buyer, seller = room.walkers
    await room.all_reach("trade")
    await buyer.order("buy", 1, "6", "bid")
    await seller.order("sell", 1, "5", "offer")
    await room.all_reach("results")
    told = await report(admin, room)
    assert '<td class="t">1 of 2</td><td>6.00</td><td>1</td> <td></td><td></td>' in told
    (row,) = await room.export("custom_export_markets", "double_auction")
    assert (row["price"], row["fundamental_value"]) == ("6", "")


async def test_who_overstays_a_timer_is_late_and_who_never_came_is_away(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    async with create(http, otree_server, 2, CONFIG) as response:
        nobody = Room(http, otree_server, (await response.json())["code"], ())
    assert states(await report(admin, nobody)) == ["away", "away"]
    room = await Room.create(http, otree_server, 2, **{**CONFIG, "trade_seconds": 1})
    await room.walkers[0].reach("trade")
    await asyncio.sleep(5)  # the timer and its grace: it is lateness that is waited for
    assert states(await report(admin, room)) == ["late", "here"]


async def test_a_paused_session_waits_for_everybody_and_goes_on_where_it_was(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 4, **CONFIG)
    await room.everybody(lambda walker: walker.reach("trade"))
    await pause(admin, room, await report(admin, room), "1")
    assert 'id="is-paused"' in await report(admin, room)
    await room.everybody(Walker.submit)
    assert all(walker.page.waiting for walker in room.walkers)
    assert "The session is paused" in room.walkers[3].page.text
    await room.everybody(Walker.open)
    assert all(walker.page.waiting for walker in room.walkers)
    waiting = [asyncio.create_task(walker.wait()) for walker in room.walkers]
    await pause(admin, room, await report(admin, room), "0")
    pages = await asyncio.wait_for(asyncio.gather(*waiting), 20)
    assert [page.view.page for page in pages] == ["results"] * 4
    assert 'id="is-paused"' not in await report(admin, room)


async def test_nobody_pauses_a_session_from_elsewhere(otree_server: str, http: aiohttp.ClientSession) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    async with http.post(f"{room.base}/PauseSession/{room.code}", data={"paused": "1"}) as response:
        assert response.status == 403


EXPORTS = {
    "call_market": ("orders", "forecasts", "markets", "traders"),
    "double_auction": ("orders", "trades", "book", "markets", "traders"),
    "market_end": ("payments",),
    "learning_to_forecast": ("forecasts", "payments"),
}


async def test_codebook_tells_what_each_column_of_each_export_means(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    told = {row[0] for row in await rows(http, otree_server, "market_end", "codebook")}
    columns: set[str] = set()
    for app, functions in EXPORTS.items():
        for function in functions:
            columns |= set((await rows(http, otree_server, app, function))[0])
    assert columns == told - {"column"}


async def rows(http: aiohttp.ClientSession, base: str, app: str, function: str) -> list[list[str]]:
    """Return an export of all sessions, its head first."""
    query = {"app": app, "function_name": f"custom_export_{function}"}
    async with http.get(f"{base}/api/export_app_custom", params=query) as response:
        assert response.status == 200, await response.text()
        return list(csv.reader((await response.text()).lstrip("\ufeff").splitlines()))


async def test_a_double_auction_is_paused_and_reported_alike(
    otree_server: str, http: aiohttp.ClientSession, admin: aiohttp.ClientSession
) -> None:
    config = {**CONFIG, "preset": "ssw1988", "paid_rounds": 2, "traders_per_market": 2}
    async with create(http, otree_server, 4, config) as response:
        assert response.status == 400  # three types of traders
        assert "must be a multiple of 3, was 2." in await response.text()
    types = {"endowment_cash": "100", "endowment_shares": "4"}
    room = await Room.create(http, otree_server, 2, **{**config, **types})
    await pause(admin, room, await report(admin, room), "1")
    await room.everybody(lambda walker: walker.submit(consent="True"))
    await room.everybody(Walker.submit)
    await room.everybody(Walker.submit)
    assert all(walker.page.waiting for walker in room.walkers)
    await pause(admin, room, await report(admin, room), "0")
    await room.everybody(Walker.open)
    assert [walker.page.name for walker in room.walkers] == ["Trade", "Trade"]
    assert states(await report(admin, room)) == ["here", "here"]
