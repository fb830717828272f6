"""The double auction as a person has it: a whole session in Chromium by keyboard and mouse."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bots.domain.market import MarketView
from tests.otree_project.otree_walker import Room
from tests.otree_project.test_in_browser import (
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

CONFIG = {
    "preset": "auction_demo",
    "practice_rounds": 0,
    "paid_rounds": 2,
    "trade_seconds": 600,
    "results_seconds": 0,
    "phase_start_seconds": 0,
    "final_seconds": 0,
}
_DRAWN = """
    const data = (selector, ...names) => Array.from(document.querySelectorAll(selector),
        (one) => names.map((name) => one.getAttribute(name)));
    return {
        levels: data("[data-level]", "data-level", "data-limit", "data-quantity"),
        points: data("circle[data-trade]", "data-trade", "data-trade-price"),
        orders: data("[data-order]", "data-order"),
        own: data("[data-own-trade]", "data-own-trade"),
    };
"""


def assert_period_is_drawn(driver: webdriver.Chrome) -> MarketView:
    """Check ladder, chart, orders and trades against the data block, and return it."""
    view = data(driver)
    period, drawn = view.period, driver.execute_script(_DRAWN)
    assert period is not None
    offers = [["sell", f"{level.limit:f}", str(level.quantity)] for level in reversed(period.offers)]
    bids = [["buy", f"{level.limit:f}", str(level.quantity)] for level in period.bids]
    assert drawn["levels"] == [*offers, *bids]
    assert drawn["points"] == [[str(trade.number), f"{trade.price:f}"] for trade in period.trades]
    assert drawn["orders"] == [[str(order.order_id)] for order in view.open_orders]
    assert drawn["own"] == [[str(trade.number)] for trade in reversed(period.own_trades)]
    assert view.holdings is not None
    assert texts(driver, "[data-show=cash]") == [f"{view.holdings.cash:f}"]
    assert texts(driver, "[data-show=shares]") == [str(view.holdings.shares)]
    return view


def titled(driver: webdriver.Chrome, title: str) -> None:
    WebDriverWait(driver, 15).until(lambda here: texts(here, "#_otree-title") == [title])


def seq_is(driver: webdriver.Chrome, seq: int) -> None:
    """Wait until the page has followed the market to a step."""
    WebDriverWait(driver, 10).until(lambda here: (data(here).period or _none()).seq == seq)


def _none() -> Any:
    raise AssertionError("the page has no period")


@pytest.mark.slow
async def test_a_person_plays_a_whole_session_by_keyboard_and_mouse(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    _, other = room.walkers
    complaints(chromium)  # of earlier tests
    visit(chromium, room)
    tab_to(chromium, "[name=consent]").send_keys(Keys.SPACE)
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    titled(chromium, "Instructions")
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    titled(chromium, "Paid periods")
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    titled(chromium, "The market is about to open")
    await other.reach("trade")
    titled(chromium, "Trade")

    await other.order("sell", 2, "15", "offer")
    seq_is(chromium, 1)
    assert_period_is_drawn(chromium)
    chromium.find_element(By.CSS_SELECTOR, "[data-take=buy]").click()
    assert texts(chromium, "#place-order") == ["Place buy order"]
    assert chromium.find_element(By.ID, "limit").get_attribute("value") == "15.00"
    chromium.find_element(By.ID, "place-order").click()
    assert message(chromium, "You traded") == "You traded Bought 1 share at 15.00."
    view = assert_period_is_drawn(chromium)
    assert view.holdings is not None
    assert (str(view.holdings.cash), view.holdings.shares) == ("85.00", 5)

    type_over(tab_to(chromium, "#limit"), "14.20")
    chromium.switch_to.active_element.send_keys(Keys.ARROW_UP, Keys.ARROW_UP, Keys.ARROW_DOWN)
    assert chromium.find_element(By.ID, "limit").get_attribute("value") == "14.21"
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    assert [str(order.limit) for order in assert_period_is_drawn(chromium).open_orders] == ["14.21"]
    assert [text for text in texts(chromium, ".ladder__own") if text] == ["your bid: 1"]
    await other.order("sell", 1, "14", "hit")
    assert message(chromium, "You traded") == "You traded Bought 1 share at 14.21."
    assert_period_is_drawn(chromium)

    type_over(tab_to(chromium, "#limit"), "900")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert "of your cash is not reserved" in message(chromium, "Not accepted: buy 1 at 900")
    type_over(tab_to(chromium, "#limit"), "13")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    tab_to(chromium, "[data-cancel]").send_keys(Keys.ENTER)
    message(chromium, "Order cancelled")
    assert assert_period_is_drawn(chromium).open_orders == ()
    assert violations(chromium) == []

    await other.submit()
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    titled(chromium, "Results")
    assert texts(chromium, "[data-show=result-traded]") == ["You bought 2 shares."]
    assert violations(chromium) == []
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    await other.reach("results")
    await other.submit()
    titled(chromium, "Trade")
    await other.open()
    await other.submit()
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    titled(chromium, "Results")
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    titled(chromium, "End of the market")
    assert violations(chromium) == []
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    WebDriverWait(chromium, 10).until(lambda here: "/Payment/" in here.current_url)
    assert complaints(chromium) == []
    traders = await room.export("custom_export_traders", "double_auction")
    assert [(row["round"], row["bought"]) for row in traders if row["seat"] == "1"] == [
        ("1", "2"),
        ("2", "0"),
    ]


async def test_reload_second_tab_and_a_lost_network_show_where_the_market_is(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    _, other = room.walkers
    await room.all_reach("trade")
    visit(chromium, room)
    first = chromium.current_window_handle
    type_over(tab_to(chromium, "#limit"), "14")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    before = assert_period_is_drawn(chromium)
    chromium.refresh()
    assert assert_period_is_drawn(chromium).open_orders == before.open_orders

    chromium.switch_to.new_window("tab")
    try:
        visit(chromium, room)
        await other.order("sell", 1, "13", "hit")
        seq_is(chromium, 2)
        second = assert_period_is_drawn(chromium)
        chromium.switch_to.window(first)
        seq_is(chromium, 2)
        assert assert_period_is_drawn(chromium).period == second.period
    finally:
        for handle in chromium.window_handles:
            if handle != first:
                chromium.switch_to.window(handle)
                chromium.close()
        chromium.switch_to.window(first)

    chromium.execute_script("liveSocket._ws.close()")
    await other.order("sell", 1, "16", "missed")
    seq_is(chromium, 3)
    assert_period_is_drawn(chromium)
    try:
        network(chromium, there=False)
        await other.order("sell", 1, "17", "unheard")
    finally:
        network(chromium, there=True)
    chromium.execute_script("liveSocket._ws.close()")
    seq_is(chromium, 4)
    assert_period_is_drawn(chromium)
    complaints(chromium)  # of the network that was gone


async def test_a_page_that_a_step_was_kept_from_asks_for_the_whole_state(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    _, other = room.walkers
    await room.all_reach("trade")
    visit(chromium, room)
    WebDriverWait(chromium, 10).until(lambda here: here.execute_script("return liveSocket.readyState") == 1)
    chromium.execute_script(
        "window.liveRecv = ((receive) => { let lost = 1; return (frame) => {"
        "  if (frame.type === 'news' && lost) lost -= 1; else receive(frame); } })(window.liveRecv);"
    )
    await other.order("sell", 1, "16", "kept away")
    await other.order("sell", 1, "15", "told")
    seq_is(chromium, 2)
    period = assert_period_is_drawn(chromium).period
    assert period is not None
    assert [str(level.limit) for level in period.offers] == ["15.00", "16.00"]


async def test_units_are_shown_as_they_are_worth_and_earned(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    units = {"induced_values": "10, 6", "induced_costs": "3, 7", "endowment_cash": "400"}
    room = await Room.create(http, otree_server, 2, **{**CONFIG, **units, "preset": "gode_sunder"})
    _, seller = room.walkers
    await room.all_reach("trade")
    await seller.order("sell", 1, "5", "offer")
    visit(chromium, room)
    assert texts(chromium, "[data-show=role]") == ["You are a buyer"]
    chromium.find_element(By.CSS_SELECTOR, "[data-take=buy]").click()
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert message(chromium, "You traded") == "You traded Bought 1 unit at 5.00."
    assert texts(chromium, "[data-show=period-earned]") == ["5.00"]
    assert texts(chromium, "[data-unit]") == ["10.00 bought for 5.00, earned 5.00", "6.00 your next unit"]
    assert violations(chromium) == []
    await room.all_reach("results")
    visit(chromium, room)
    assert texts(chromium, "[data-draw=legend] li") == ["Price", "Volume (units, right)"]
    chromium.find_element(By.CSS_SELECTOR, "details summary").click()
    history = ["Round", "Price", "Volume", "You bought", "You sold", "You earned"]
    assert texts(chromium, "[data-draw=history] th") == history
    assert texts(chromium, "[data-draw=history] td") == ["1", "5.00", "1", "1", "0", "5.00"]


async def test_a_mean_price_without_an_end_is_shown_with_the_places_of_a_price(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    buyer, seller = room.walkers
    await room.all_reach("trade")
    for number, price in enumerate(("5", "5", "7")):
        await seller.order("sell", 1, price, f"offer-{number}")
        await buyer.order("buy", 1, price, f"bid-{number}")
    await room.all_reach("results")
    visit(chromium, room)
    assert [str(past.price) for past in data(chromium).history] == ["5.666667"]
    assert texts(chromium, "[data-show=result-price]") == ["5.67"]
    chromium.find_element(By.CSS_SELECTOR, "details summary").click()
    assert texts(chromium, "[data-draw=history] td:nth-child(2)") == ["5.67"]
    chart = chromium.find_element(By.CSS_SELECTOR, "[data-draw=chart] svg")
    assert "5.67" in chart.text
    assert "5.666667" not in chart.text


@pytest.mark.parametrize(
    ("own", "told"), [({}, []), ({"interest_rate": "0.05", "buy_back": "14"}, ["5 %", "14"])]
)
async def test_pages_are_silent_about_interest_and_buy_back_that_a_market_does_not_have(
    chromium: webdriver.Chrome,
    otree_server: str,
    http: aiohttp.ClientSession,
    own: dict[str, str],
    told: list[str],
) -> None:
    config = {**CONFIG, "preset": "ssw1988", "paid_rounds": 1, **own}
    room = await Room.create(http, otree_server, 3, **config)
    seen = []
    await room.everybody(lambda walker: walker.reach("phase_start"))
    visit(chromium, room)
    seen += texts(chromium, "main")
    await room.all_reach("trade")
    for page in ("results", "final"):
        visit(chromium, room)
        seen += texts(chromium, "main")
        await room.everybody(lambda walker: walker.submit())
        await room.all_reach(page)
    visit(chromium, room)
    seen += texts(chromium, "main")
    for words in ("nterest", "ought back"):
        assert [words in page for page in seen] == [
            bool(told) and page_has(words, at) for at, page in enumerate(seen)
        ]
    assert all(amount in seen[0] for amount in told)


def page_has(words: str, at: int) -> bool:
    """Whether the start, trade, results and final pages, in this order, tell of a thing that a market has."""
    return at in ({0, 1, 2} if words == "nterest" else {0, 3})
