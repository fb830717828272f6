"""Somebody whose network or server goes away, or who comes back late, in real Chromium on a real server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Final

import aiohttp
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bots.adapters.otree_server import OTreeServer, ServerPlan
from tests.faults.servers import kept_plan, kill
from tests.otree_project.otree_walker import Room, Walker
from tests.otree_project.test_auction_in_browser import CONFIG as AUCTION
from tests.otree_project.test_auction_in_browser import assert_period_is_drawn, seq_is, titled
from tests.otree_project.test_in_browser import (
    CONFIG,
    complaints,
    data,
    message,
    network,
    tab_to,
    texts,
    type_over,
    violations,
    visit,
)

pytestmark = [pytest.mark.server, pytest.mark.browser]

ABSENCE: Final = float(os.environ.get("ABSENCE_SECONDS", "2"))
"""How long somebody is offline; a laboratory's promise is 20."""


@pytest.fixture
def plan() -> Iterator[ServerPlan]:
    with kept_plan() as plan:
        yield plan


def notice(driver: webdriver.Chrome, words: str) -> None:
    """Wait for the notice that something is gone."""
    WebDriverWait(driver, 20).until(lambda here: any(words in told for told in texts(here, ".line-notice")))


def no_notice(driver: webdriver.Chrome) -> None:
    WebDriverWait(driver, 30).until(lambda here: not texts(here, ".line-notice"))


async def test_form_sent_to_a_server_that_was_killed_stays_and_goes_on_when_it_is_back(
    chromium: webdriver.Chrome, http: aiohttp.ClientSession, plan: ServerPlan
) -> None:
    async with OTreeServer.start(plan) as server:
        room = await Room.create(http, server.url, 2, **CONFIG)
        await room.everybody(lambda walker: walker.reach("trade"))
        await room.walkers[0].reach("forecast")
        visit(chromium, room)
        chromium.find_element(By.ID, "id_f0").send_keys("14.25")
        assert (await room.walkers[1].order("buy", 1, "15", "answered"))["type"] == "placed"
        kill(server)
        notice(chromium, "The server cannot be reached.")
        tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
        assert texts(chromium, "#_otree-title") == ["Forecast"]
        assert chromium.find_element(By.ID, "id_f0").get_attribute("value") == "14.25"
        assert violations(chromium) == []
    async with OTreeServer.start(plan):
        titled(chromium, "The market is about to be cleared")
        assert texts(chromium, ".line-notice") == []
        await room.walkers[1].open()
        assert [order.ref for order in room.walkers[1].page.view.open_orders] == ["answered"]
        await room.walkers[1].reach("forecast")
        await room.walkers[1].submit()
        titled(chromium, "Results")
        forecasts = await room.export("custom_export_forecasts")
    given = [row["forecast"] for row in forecasts if row["seat"] == "1" and row["horizon"] == "0"]
    assert given == ["14.25"]
    complaints(chromium)  # of the server that was gone


async def test_order_typed_while_the_double_auctions_server_is_gone_is_placed_when_it_is_back(
    chromium: webdriver.Chrome, http: aiohttp.ClientSession, plan: ServerPlan
) -> None:
    async with OTreeServer.start(plan) as server:
        room = await Room.create(http, server.url, 2, **AUCTION)
        await room.all_reach("trade")
        visit(chromium, room)
        await room.walkers[1].order("sell", 1, "16", "offer")
        seq_is(chromium, 1)
        kill(server)
        notice(chromium, "The server cannot be reached.")
        type_over(tab_to(chromium, "#limit"), "14")
        chromium.switch_to.active_element.send_keys(Keys.ENTER)
        assert texts(chromium, "[data-order]") == []
    async with OTreeServer.start(plan):
        message(chromium, "Order placed")
        no_notice(chromium)
        seq_is(chromium, 2)
        period = assert_period_is_drawn(chromium).period
        assert period is not None
        assert [str(level.limit) for level in period.offers] == ["16.00"]
        orders = await room.export("custom_export_orders", "double_auction")
    assert [(row["seat"], row["outcome"]) for row in orders] == [("2", "placed"), ("1", "placed")]
    complaints(chromium)


async def test_who_was_offline_for_part_of_a_page_is_where_the_market_is_and_on_the_same_page(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **AUCTION)
    await room.all_reach("trade")
    visit(chromium, room)
    seq_is(chromium, 0)
    try:
        network(chromium, there=False)
        notice(chromium, "There is no network connection.")
        chromium.execute_script("liveSocket._ws.close()")  # as the line does once it is noticed
        await room.walkers[1].order("sell", 1, "16", "unheard")
        type_over(tab_to(chromium, "#limit"), "13")
        chromium.switch_to.active_element.send_keys(Keys.ENTER)
        assert texts(chromium, "[data-order]") == []
        await asyncio.sleep(ABSENCE)  # nothing is waited for: so long somebody is away
        assert texts(chromium, "#_otree-title") == ["Trade"]
    finally:
        network(chromium, there=True)
    message(chromium, "Order placed")
    no_notice(chromium)
    seq_is(chromium, 2)
    period = assert_period_is_drawn(chromium).period
    assert period is not None
    assert [str(level.limit) for level in (*period.offers, *period.bids)] == ["16.00", "13.00"]
    complaints(chromium)  # of the network that was gone


async def test_an_old_tab_of_a_session_that_has_ended_leads_to_its_last_page_on_any_machine(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {**CONFIG, "paid_rounds": 1, "phase_start_seconds": 0, "final_seconds": 0}
    room = await Room.create(http, otree_server, 2, **config)
    await room.everybody(lambda walker: walker.reach("trade"))
    visit(chromium, room)  # the tab that somebody leaves open
    await room.walkers[0].order("buy", 1, "15", "before leaving")
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.submit())
    await room.walkers[1].submit()
    assert room.walkers[1].page.name == "Payment"

    chromium.refresh()  # the old tab
    titled(chromium, "End of the market")
    assert len(data(chromium).own) == 1
    elsewhere = Walker(http, otree_server, room.walkers[0].code)  # the start link again, on another machine
    assert (await elsewhere.open()).name == "Final"
    await elsewhere.submit()
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    WebDriverWait(chromium, 10).until(lambda here: "/Payment/" in here.current_url)
    visit(chromium, room)
    assert "/Payment/" in chromium.current_url
    traders = await room.export("custom_export_traders")
    assert [(row["seat"], row["bought"]) for row in traders] == [("1", "0"), ("2", "0")]


async def test_who_left_in_a_double_auction_comes_back_to_a_later_period_and_orders_there_alone(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **AUCTION)
    await room.all_reach("trade")
    visit(chromium, room)
    seq_is(chromium, 0)
    first = data(chromium).round
    await room.everybody(lambda walker: walker.submit())  # as the timers do for who is away
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.submit())
    await room.everybody(lambda walker: walker.open())
    await room.all_reach("trade")
    stale = {"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": "old", "round": 1}
    assert (await room.walkers[0].tell(stale))[0]["type"] == "refused"
    visit(chromium, room)  # whether or not the closing of the period has taken the tab along
    assert data(chromium).round != first
    type_over(tab_to(chromium, "#limit"), "13")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    orders = await room.export("custom_export_orders", "double_auction")
    assert [(row["round"], row["outcome"]) for row in orders] == [("2", "refused"), ("2", "placed")]
    complaints(chromium)
