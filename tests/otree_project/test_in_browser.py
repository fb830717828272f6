"""The pages as a person has them: drawn from the data block, usable by keyboard, at home on a phone."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from bots.domain.market import MarketView
from tests.otree_project.drawn import assert_drawn_as_told
from tests.otree_project.otree_process import PROJECT, ROOT
from tests.otree_project.otree_walker import Room, Walker

pytestmark = [pytest.mark.server, pytest.mark.browser]

CONFIG = {
    "practice_rounds": 0,
    "paid_rounds": 3,
    "trade_seconds": 0,
    "forecast_seconds": 0,
    "results_seconds": 0,
}


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


COUNT_SOCKETS = """
  window.openSockets = 0;
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      this.addEventListener("open", () => { window.openSockets += 1; });
    }
  };
"""


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


def network(driver: webdriver.Chrome, *, there: bool) -> None:
    """Take the browser's network away, or give it back."""
    driver.execute_cdp_cmd("Network.enable", {})
    state = {"offline": not there, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", state)


async def test_page_whose_timer_ends_without_a_network_goes_on_when_it_is_back(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **{**CONFIG, "trade_seconds": 3})
    await room.walkers[0].reach("trade")
    visit(chromium, room)
    try:
        network(chromium, there=False)
        WebDriverWait(chromium, 10).until(lambda here: texts(here, ".line-notice"))
        WebDriverWait(chromium, 10).until(
            lambda here: here.find_elements(By.CSS_SELECTOR, "#form [name=timeout_happened]")
        )
        assert texts(chromium, "#_otree-title") == ["Trade"]
        assert "no network connection" in texts(chromium, ".line-notice")[0]
        assert violations(chromium) == []
    finally:
        network(chromium, there=True)
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "#_otree-title") == ["Forecast"])
    assert texts(chromium, ".line-notice") == []
    complaints(chromium)  # of the network that was gone


async def test_order_that_had_no_answer_is_sent_again_and_done_once(
    chromium: webdriver.Chrome, room: Room
) -> None:
    visit(chromium, room)
    WebDriverWait(chromium, 10).until(lambda here: here.execute_script("return liveSocket.readyState") == 1)
    # The line is cut after the order went out, before its answer came.
    chromium.execute_script(
        "liveSocket.addEventListener('message', (event) => event.stopImmediatePropagation(), {once: true});"
        "window.liveRecv = ((receive) => { let first = true; return (frame) => {"
        "  if (first) { first = false; liveSocket._ws.close(); } else receive(frame); } })(window.liveRecv);"
    )
    type_over(tab_to(chromium, "#limit"), "12.25")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    message(chromium, "Order placed")
    assert [str(one.limit) for one in data(chromium).open_orders] == ["12.25"]
    chromium.refresh()
    assert [str(one.limit) for one in data(chromium).open_orders] == ["12.25"]


async def test_second_tab_shows_what_the_first_one_did(chromium: webdriver.Chrome, room: Room) -> None:
    visit(chromium, room)
    first = chromium.current_window_handle
    chromium.switch_to.new_window("tab")
    try:
        visit(chromium, room)
        type_over(tab_to(chromium, "#limit"), "12.25")
        chromium.switch_to.active_element.send_keys(Keys.ENTER)
        message(chromium, "Order placed")
        second = data(chromium)
    finally:
        chromium.close()
        chromium.switch_to.window(first)
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "[data-order]"))
    assert data(chromium) == second
    assert_drawn_as_told(chromium)


async def test_who_comes_back_to_an_old_page_after_the_others_went_on_is_led_to_the_present_one(
    chromium: webdriver.Chrome, room: Room
) -> None:
    counting = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": COUNT_SOCKETS})
    visit(chromium, room)  # round 2, left open
    # A socket that opens once the others went on would bring the page along before anybody comes back to it.
    WebDriverWait(chromium, 10).until(lambda here: here.execute_script("return openSockets") == 2)
    chromium.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", counting)
    await room.everybody(lambda walker: walker.reach("forecast"))
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.submit())
    await room.everybody(lambda walker: walker.reach("trade"))
    type_over(tab_to(chromium, "#limit"), "12.25")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    tab_to(chromium, ".otree-btn-next").send_keys(Keys.ENTER)
    WebDriverWait(chromium, 10).until(lambda here: texts(here, "[data-show=round]") == ["Round 3 of 3"])
    assert texts(chromium, "#_otree-title") == ["Trade"]
    assert data(chromium).open_orders == ()


WALK = (
    *(
        "Consent",
        "Instructions",
        "Quiz",
        "PhaseStart",
        "Trade",
        "Forecast",
        "ClearMarket",
        "Results",
        "Final",
    ),
    *("PhaseStart", "Trade", "Forecast", "ClearMarket", "Results", "Final", "Debriefing", "Payment"),
)
WINDOWS = ((360, 740, "light"), (1280, 900, "dark"), (3840, 2160, "light"))
AXE = (ROOT / "tests/vendor/axe-core/axe.min.js").read_text()


@pytest.mark.slow
async def test_every_page_is_drawn_as_told_fits_every_window_and_breaks_no_rule_of_axe(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {
        **CONFIG,
        "practice_rounds": 1,
        "paid_rounds": 1,
        "disclose_fundamental": True,
        "quiz": True,
        "announce_computer_traders": False,
        "ethics_reference": "IRB 2026-041",
        "completion_url": "https://example.org/complete?cc=A1",
        "dividends": "0, 0.40, 1",
        "dividend_weights": "1, 1, 2",
        "forecast_horizons": "0",
        "phase_start_seconds": 600,
    }
    room = await Room.create(http, otree_server, 2, **config)
    me, other = room.walkers
    complaints(chromium)  # of earlier tests
    seen: list[str] = []
    try:
        while not seen or seen[-1] != "Payment":
            seen.append(me.page.name)
            visit(chromium, room)
            if me.page.name == "Trade":
                order = {"type": "place", "side": "buy", "quantity": 2, "limit": "15", "ref": "a"}
                chromium.execute_script("liveSend(arguments[0])", order)
                message(chromium, "Order placed")
                await follow(other, "Trade")
                await other.order("sell", 1, "14", "b")
            for window in WINDOWS:
                assert_page_is_sound(chromium, otree_server, window)
            if me.page.name == "ClearMarket":
                await follow(other, "ClearMarket")
                await other.wait()
                await me.open()
            elif me.page.name != "Payment":
                await me.submit(**ANSWERS.get(me.page.name, {}))
        assert tuple(seen) == WALK
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


QUIZ = {"interest": "5.00", "dividends": "3.00", "buy_back": "14.00", "price": "14.00"}
ANSWERS = {
    "Consent": {"consent": "True"},
    "Quiz": {f"quiz_{name}": f"{amount} cash" for name, amount in QUIZ.items()},
    "Forecast": {"f0": "14.5"},
}


async def follow(walker: Walker, page: str) -> None:
    """Let a trader come to a page; the last one at the wait page is sent on to the results."""
    while walker.page.name != page and not (page == "ClearMarket" and walker.page.name == "Results"):
        await walker.submit(**ANSWERS.get(walker.page.name, {}))


def assert_page_is_sound(driver: webdriver.Chrome, base: str, window: tuple[int, int, str]) -> None:
    """Check one page in one size of window and one colour scheme."""
    width, height, scheme = window
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    where = f"{driver.title} at {width} px, {scheme}"
    if driver.find_elements(By.ID, "market-view"):
        assert_drawn_as_told(driver)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width, where
    loaded: list[str] = driver.execute_script(
        "return performance.getEntriesByType('resource').map(one => one.name)"
    )
    assert [one for one in loaded if not one.startswith(base)] == []
    assert violations(driver) == [], where
    assert complaints(driver) == []


def violations(driver: webdriver.Chrome) -> list[str]:
    """Return what axe-core finds wrong with the page as it is, one line an element."""
    if not driver.execute_script("return 'axe' in window"):
        driver.execute_script(AXE)
    found: list[dict[str, Any]] = driver.execute_async_script(
        "const done = arguments[0]; axe.run().then((result) => done(result.violations))"
    )
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


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
