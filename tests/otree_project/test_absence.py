"""Somebody whose network or server goes away, or who comes back late, in real Chromium on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bots.adapters.otree_server import OTreeServer, ServerPlan
from tests.faults.servers import kept_plan, kill
from tests.otree_project.otree_walker import Room
from tests.otree_project.test_auction_in_browser import CONFIG as AUCTION
from tests.otree_project.test_auction_in_browser import assert_period_is_drawn, seq_is, titled
from tests.otree_project.test_in_browser import (
    CONFIG,
    complaints,
    message,
    tab_to,
    texts,
    type_over,
    violations,
    visit,
)

pytestmark = [pytest.mark.server, pytest.mark.browser]


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
        period = assert_period_is_drawn(chromium).period
        assert period is not None
        assert [str(level.limit) for level in period.offers] == ["16.00"]
        orders = await room.export("custom_export_orders", "double_auction")
    assert [(row["seat"], row["outcome"]) for row in orders] == [("2", "placed"), ("1", "placed")]
    complaints(chromium)
