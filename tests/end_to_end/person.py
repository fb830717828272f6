"""A scripted person: a browser of its own, plain Selenium, eyes on the page and fingers on its controls."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.ui import WebDriverWait


def create_session_by_hand(driver: webdriver.Chrome, server: str, participants: int, **config: str) -> str:
    """Create a demo session in oTree's admin page and return the address of its SessionStartLinks page."""
    driver.get(f"{server}/create_session")
    choice = driver.find_element(By.NAME, "session_config")
    choice.find_element(By.CSS_SELECTOR, "option[value=demo]").click()
    driver.find_element(By.NAME, "num_participants").send_keys(str(participants))
    driver.find_element(By.CSS_SELECTOR, "#edit-config-demo a[data-bs-toggle]").click()
    for key, value in config.items():
        box = WebDriverWait(driver, 10).until(
            expected_conditions.visibility_of_element_located((By.NAME, f"demo.{key}"))
        )
        box.clear()
        box.send_keys(value)
    button = driver.find_element(By.ID, "btn-create-session")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    button.click()
    WebDriverWait(driver, 30).until(lambda here: "/SessionStartLinks/" in here.current_url)
    return driver.current_url


@dataclass(slots=True)
class Person:
    """Plays every page of the shipped market by its controls; acts on a page once.

    Attributes:
        orders: what was placed, as (round, side).
        pages: pages seen, in order.
    """

    driver: webdriver.Chrome
    window: str
    side: str
    orders: list[tuple[int, str]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    done: bool = False
    _address: str = ""

    def step(self) -> None:
        """Do what the present page asks for, if it is a new one."""
        self.driver.switch_to.window(self.window)
        with suppress(StaleElementReferenceException):  # the page went on by itself meanwhile
            view = self._view()
            if view is None or self.driver.current_url == self._address:
                return
            self._address = self.driver.current_url
            self.pages.append(view["page"])
            self._play(view)

    def _view(self) -> dict[str, Any] | None:
        found = self.driver.find_elements(By.ID, "market-view")
        if not found:
            return None
        view: dict[str, Any] = json.loads(found[0].get_attribute("textContent") or "null")
        return view

    def _play(self, view: dict[str, Any]) -> None:
        match view["page"]:
            case "payment":
                self.done = True
                return
            case "consent":
                self.driver.find_element(By.CSS_SELECTOR, "input[name=consent]").click()
            case "trade":
                self._order(view["round"]["overall"])
            case "forecast":
                for wanted in view["forecast_inputs"]:
                    self.driver.find_element(By.NAME, wanted["field"]).send_keys("14.5")
        self.driver.find_element(By.CSS_SELECTOR, "button.otree-btn-next").click()

    def _order(self, number: int) -> None:
        self.driver.find_element(By.CSS_SELECTOR, f"input[name=side][value={self.side}]").find_element(
            By.XPATH, ".."
        ).click()
        limit = self.driver.find_element(By.ID, "limit")
        limit.clear()
        limit.send_keys("15" if self.side == "buy" else "13")
        self.driver.find_element(By.ID, "place-order").click()
        WebDriverWait(self.driver, 10).until(
            lambda here: here.find_elements(By.CSS_SELECTOR, "#open-orders [data-order]")
        )
        self.orders.append((number, self.side))


def play_all(persons: list[Person], turns: int = 2000) -> None:
    """Let everybody take turns until all are done."""
    for _ in range(turns):
        for person in persons:
            if not person.done:
                with suppress(WebDriverException):
                    person.step()
        if all(person.done for person in persons):
            return
    raise AssertionError(f"still playing: {[person.pages[-3:] for person in persons]}")
