"""A browser of its own, driven by plain Selenium: what a person in a test, or in a picture, sits at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

_ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900")


@contextmanager
def chromium(*arguments: str) -> Iterator[webdriver.Chrome]:
    """A headless browser that keeps what its console says and ends with the block."""
    options = webdriver.ChromeOptions()
    options.binary_location = which("chromium") or which("google-chrome") or "chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (*_ARGUMENTS, *arguments):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
