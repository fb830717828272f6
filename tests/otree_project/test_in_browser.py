"""The pages as a person has them: drawn from the data block, usable by keyboard, at home on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from bots.domain.market import MarketView
from tests.otree_project.otree_process import PROJECT
from tests.otree_project.otree_walker import Room

pytestmark = [pytest.mark.server, pytest.mark.browser]

CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 3,
    "trade_seconds": 0,
    "forecast_seconds": 0,
    "results_seconds": 0,
}


@pytest.fixture(scope="module")
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser in which animation frames never come, as in a hidden tab."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    script = "window.requestAnimationFrame = () => 0;"
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    yield driver
    driver.quit()


@pytest_asyncio.fixture
async def room(otree_server: str, http: aiohttp.ClientSession) -> Room:
    """Two traders on the trade page of the second round, with one round of history."""
    room = await Room.create(http, otree_server, 2, **CONFIG)
    await room.everybody(lambda walker: walker.reach("trade"))
    await room.walkers[0].order("buy", 1, "15", "bid")
    await room.walkers[1].order("sell", 2, "14", "offer")
    await room.everybody(lambda walker: walker.reach("forecast"))
    await room.everybody(lambda walker: walker.submit(f0="14.5", f1="16"))
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.submit())
    return room


def visit(driver: webdriver.Chrome, room: Room, seat: int = 0) -> None:
    """Open the page that is due for a participant."""
    walker = room.walkers[seat]
    driver.get(f"{walker.base}/InitializeParticipant/{walker.code}")


def data(driver: webdriver.Chrome) -> MarketView:
    """Return the data block as it stands in the page now."""
    return MarketView.model_validate_json(
        driver.execute_script("return document.getElementById('market-view').textContent")
    )


def texts(driver: webdriver.Chrome, selector: str) -> list[str]:
    """Return the visible texts of elements, white space made plain; in one step, as the page may change."""
    script = "return Array.from(document.querySelectorAll(arguments[0])).map(one => one.innerText)"
    return [" ".join(text.split()) for text in driver.execute_script(script, selector)]


def attributes(driver: webdriver.Chrome, selector: str, name: str) -> list[str]:
    """Return an attribute of each element."""
    script = """
        const [selector, name] = arguments;
        return Array.from(document.querySelectorAll(selector)).map(one => one.getAttribute(name));
    """
    return [str(one) for one in driver.execute_script(script, selector, name)]


def assert_drawn_as_told(driver: webdriver.Chrome) -> None:
    """Check that what the page draws is what its data block says."""
    view = data(driver)
    assert view.holdings is not None
    assert texts(driver, "[data-show=cash]") == [str(view.holdings.cash)]
    assert texts(driver, "[data-show=shares]") == [str(view.holdings.shares)]
    if view.holdings.cash_available != view.holdings.cash:
        assert texts(driver, "[data-show=cash-available]") == [str(view.holdings.cash_available)]
    points = "circle[data-price]"
    assert attributes(driver, points, "data-price") == [
        f"{past.price:f}" for past in view.history if past.price
    ]
    assert attributes(driver, points, "data-round") == [str(past.number) for past in view.history]
    assert attributes(driver, "[data-volume]", "data-volume") == [str(past.volume) for past in view.history]
    assert attributes(driver, "[data-forecast-value]", "data-round") == [
        str(one.round) for one in view.forecasts
    ]
    assert attributes(driver, "[data-order]", "data-order") == [str(one.order_id) for one in view.open_orders]
    for shown, order in zip(texts(driver, "[data-order]"), view.open_orders, strict=True):
        assert shown.startswith(f"{order.side.value.capitalize()} {order.quantity} share")
        assert str(order.limit) in shown


def tab_to(driver: webdriver.Chrome, selector: str) -> WebElement:
    """Press Tab until the element has the focus."""
    for _ in range(30):
        if driver.execute_script("return document.activeElement.matches(arguments[0])", selector):
            return driver.switch_to.active_element
        driver.switch_to.active_element.send_keys(Keys.TAB)
    raise AssertionError(f"{selector} cannot be reached by Tab")


def type_over(field: WebElement, text: str) -> None:
    """Replace what a field holds, by keys alone."""
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(text)


def message(driver: webdriver.Chrome, start: str) -> str:
    """Wait for a message that starts so, and return it."""
    WebDriverWait(driver, 10).until(
        lambda here: any(one.startswith(start) for one in texts(here, ".message"))
    )
    return texts(driver, ".message")[0]


async def test_person_trades_by_keyboard_alone(chromium: webdriver.Chrome, room: Room) -> None:
    visit(chromium, room)
    assert_drawn_as_told(chromium)
    tab_to(chromium, "input[name=side]").send_keys(Keys.ARROW_RIGHT)
    assert texts(chromium, "#place-order") == ["Place sell order"]
    type_over(tab_to(chromium, "#quantity"), "2")
    type_over(tab_to(chromium, "#limit"), "19.50")
    assert texts(chromium, "#order-meaning") == [
        "Sells up to 2 shares at 19.50 or more. Sets aside 2 shares."
    ]
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    assert message(chromium, "Order placed") == "Order placed Sell 2 shares at 19.50 or more."
    assert [(one.side, one.quantity) for one in data(chromium).open_orders] == [("sell", 2)]
    assert_drawn_as_told(chromium)

    chromium.switch_to.active_element.send_keys(Keys.ENTER, Keys.ENTER)
    refused = message(chromium, "Not accepted: sell 2 at 19.50")
    assert "not reserved by your open offers" in refused
    live = chromium.find_element(By.ID, "messages")
    assert (live.get_attribute("aria-live"), live.get_attribute("role")) == ("polite", "status")
    assert chromium.switch_to.active_element.get_attribute("id") == "limit"
    assert_drawn_as_told(chromium)

    tab_to(chromium, "[data-cancel]").send_keys(Keys.ENTER)
    message(chromium, "Order cancelled")
    assert len(data(chromium).open_orders) == 1
    assert chromium.execute_script("return document.activeElement.matches('[data-cancel]')")
    assert_drawn_as_told(chromium)
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "#_otree-title") == ["Forecast"])


async def test_what_the_server_accepted_is_there_again_after_a_reload(
    chromium: webdriver.Chrome, room: Room
) -> None:
    visit(chromium, room)
    type_over(tab_to(chromium, "#limit"), "12.25")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    before = data(chromium)
    chromium.refresh()
    assert data(chromium) == before
    assert_drawn_as_told(chromium)


async def test_orders_of_a_script_are_drawn_like_those_of_a_person(
    chromium: webdriver.Chrome, room: Room
) -> None:
    visit(chromium, room)
    order = {
        "type": "place",
        "side": "buy",
        "quantity": 2,
        "limit": "13.10",
        "ref": "<img src=x onerror=alert(1)>",
    }
    chromium.execute_script("liveSend(arguments[0])", order)
    message(chromium, "Order placed")
    assert [one.ref for one in data(chromium).open_orders] == [order["ref"]]
    assert_drawn_as_told(chromium)


async def test_forecast_page_keeps_what_was_typed_and_says_what_is_wrong(
    chromium: webdriver.Chrome, room: Room
) -> None:
    visit(chromium, room)
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "#_otree-title") == ["Forecast"])
    assert texts(chromium, "label[for=id_f0]") == ["Round 2 (this round)"]
    type_over(tab_to(chromium, "#id_f0"), '15"<b>')
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    WebDriverWait(chromium, 10).until(lambda here: here.find_elements(By.CSS_SELECTOR, ".otree-form-errors"))
    field = chromium.find_element(By.ID, "id_f0")
    assert field.get_attribute("value") == '15"<b>'
    assert field.get_attribute("aria-invalid") == "true"
    described = (field.get_attribute("aria-describedby") or "").split()
    assert any("such as 14.50" in chromium.find_element(By.ID, one).text for one in described)


async def test_timer_warns_before_it_ends_and_then_sends_the_page(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **{**CONFIG, "trade_seconds": 3})
    await room.walkers[0].reach("phase_start")
    visit(chromium, room)
    chromium.find_element(By.CSS_SELECTOR, ".otree-btn-next").click()
    WebDriverWait(chromium, 10).until(lambda here: here.find_elements(By.CSS_SELECTOR, ".otree-timer--late"))
    warning = chromium.find_element(By.ID, "time-warning").get_attribute("textContent")
    assert re.fullmatch(r"\d+ seconds? left on this page\.", warning or "")
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "#_otree-title") == ["Forecast"])


WALK = ("consent", "instructions", "phase_start", "trade", "forecast", "results", "final", "payment")


async def test_every_page_fits_a_small_phone_asks_nobody_else_and_has_no_script_error(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {**CONFIG, "paid_rounds": 1, "disclose_fundamental": True}
    room = await Room.create(http, otree_server, 2, **config)
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    complaints(chromium)  # of earlier tests
    try:
        for name in WALK:
            if name == "results":
                await room.all_reach("results")
            await room.everybody(lambda walker, page=name: walker.reach(page))  # type: ignore[misc]
            visit(chromium, room)
            assert_page_is_sound(chromium, otree_server)
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def assert_page_is_sound(driver: webdriver.Chrome, base: str) -> None:
    """Check one page of the session in a window 360 px wide."""
    assert data(driver).version == 1
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 360
    loaded: list[str] = driver.execute_script(
        "return performance.getEntriesByType('resource').map(one => one.name)"
    )
    assert [one for one in loaded if not one.startswith(base)] == []
    assert driver.execute_script("return document.documentElement.lang") == "en"
    assert driver.execute_script(
        "return Array.from(document.querySelectorAll('#form input')).every(one => one.labels.length)"
    )
    assert complaints(driver) == []


def complaints(driver: webdriver.Chrome) -> list[str]:
    """Return the errors that the browser has logged since it was last asked."""
    entries: list[dict[str, Any]] = driver.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


COLOURS = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
TEXT_ON = [
    *(("ink", ground) for ground in ("paper", "card", "sunken")),
    *(("muted", ground) for ground in ("paper", "card", "sunken")),
    *((text, ground) for text in ("accent", "buy", "sell") for ground in ("card", f"{text}-soft")),
    *(("bad", "bad-soft"), ("bad", "card"), ("warn", "warn-soft"), ("accent-ink", "accent")),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_on_every_ground(scheme: str) -> None:
    light, dark = (
        (PROJECT / "_static/market/market.css").read_text().split("@media (prefers-color-scheme: dark)")[:2]
    )
    colours = dict(COLOURS.findall(light)) | (dict(COLOURS.findall(dark)) if scheme == "dark" else {})
    thin = {pair: contrast(*(colours[name] for name in pair)) for pair in TEXT_ON}
    assert {pair: round(ratio, 2) for pair, ratio in thin.items() if ratio < 4.5} == {}


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21. Source: WCAG 2.2, contrast ratio."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb". Source: WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
