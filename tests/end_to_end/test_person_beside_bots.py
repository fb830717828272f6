"""A person in a real browser beside bots of the documented command, in one double auction to the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import SeatOutcome
from tests.chromium import chromium
from tests.end_to_end.command import end, start
from tests.end_to_end.test_double_auction import exported, made
from tests.otree_project.test_auction_in_browser import assert_period_is_drawn, titled
from tests.otree_project.test_in_browser import complaints, tab_to, texts, type_over

pytestmark = [pytest.mark.server, pytest.mark.browser]

CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 2,
    "trade_seconds": 600,
    "results_seconds": 0,
    "phase_start_seconds": 0,
    "final_seconds": 0,
}


@pytest.fixture
def person() -> Iterator[webdriver.Chrome]:
    """The browser of the person, apart from those of bots."""
    with chromium() as driver:
        yield driver


def press(driver: webdriver.Chrome, *keys: str) -> None:
    """Press keys, whatever has the focus: in a live market that may be gone the next moment."""
    ActionChains(driver).send_keys(*keys).perform()


def go_on(driver: webdriver.Chrome) -> None:
    """Leave a page by keyboard."""
    for _ in range(80):
        if driver.execute_script("return document.activeElement.matches('.otree-btn-next')"):
            return press(driver, Keys.ENTER)
        press(driver, Keys.TAB)
    raise AssertionError("the button cannot be reached by Tab")


def bid_by_keyboard(driver: webdriver.Chrome, limit: str) -> None:
    type_over(driver.find_element(By.ID, "limit"), limit)
    press(driver, Keys.ENTER)
    WebDriverWait(driver, 20).until(lambda here: texts(here, ".message"))


def take_a_price_by_mouse(driver: webdriver.Chrome) -> None:
    """Click a price of the ladder, where one stands still long enough, and order at it."""

    def taken(here: webdriver.Chrome) -> bool:
        here.find_element(By.CSS_SELECTOR, "[data-take]").click()
        return bool(here.execute_script("return document.activeElement.id === 'place-order'"))

    moving = (NoSuchElementException, StaleElementReferenceException, ElementClickInterceptedException)
    WebDriverWait(driver, 60, ignored_exceptions=moving).until(taken)
    driver.find_element(By.ID, "place-order").click()


def all_is_drawn(driver: webdriver.Chrome) -> None:
    """Wait for a moment in which data and drawing can be compared, between two steps of the market."""
    WebDriverWait(driver, 30, ignored_exceptions=(AssertionError,)).until(assert_period_is_drawn)


@pytest.mark.slow
async def test_a_person_with_keyboard_and_mouse_and_three_bots_play_a_double_auction_to_the_end(
    market_server: OTreeServer, tmp_path: Path, person: webdriver.Chrome
) -> None:
    code, url = await made(market_server, "auction_demo", 4, **CONFIG)
    options = ("--transport", "http", "--num-bots", "3", "--decisions", "6")
    process = await start(tmp_path, url, "zero-intelligence", *options)
    listed = (await market_server.rest.get_session(code))["participants"]
    mine = next(one["code"] for one in listed if int(one["id_in_session"]) == 1)
    person.get(f"{market_server.url}/InitializeParticipant/{mine}")
    tab_to(person, "[name=consent]").send_keys(Keys.SPACE)
    go_on(person)
    titled(person, "Instructions")
    go_on(person)
    titled(person, "Paid periods")
    go_on(person)
    for period in (1, 2):
        WebDriverWait(person, 60).until(lambda here: texts(here, "#_otree-title") == ["Trade"])
        bid_by_keyboard(person, f"1{period}")
        take_a_price_by_mouse(person)
        all_is_drawn(person)
        go_on(person)
        WebDriverWait(person, 90).until(lambda here: texts(here, "#_otree-title") == ["Results"])
        go_on(person)
    WebDriverWait(person, 60).until(lambda here: texts(here, "#_otree-title") == ["End of the market"])
    go_on(person)
    WebDriverWait(person, 20).until(lambda here: "/Payment/" in here.current_url)
    ended = await end(process, tmp_path)
    assert ended.code == 0, ended.output
    assert {seat.outcome for seat in ended.manifest.seats} == {SeatOutcome.FINISHED}
    orders = await exported(market_server, code, "orders")
    rounds = {(row["round"], row["seat"]) for row in orders}
    assert {("1", "1"), ("2", "1")} <= rounds, "the person's orders of both periods are data"
    assert {seat for _, seat in rounds} > {"1"}, "and so are those of bots"
    traders = await exported(market_server, code, "traders")
    bought, sold = (sum(int(row[key]) for row in traders) for key in ("bought", "sold"))
    assert bought == sold
    assert complaints(person) == []
