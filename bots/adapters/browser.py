"""Starts Chromium for many participants: driver and browser under a guard, owned through Selenium.

The driver is always reached as a remote one, so that a browser of a grid is had the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from urllib3.exceptions import HTTPError

from bots.adapters.guard import Guarded, environment_without_secrets
from bots.domain.errors import SessionLost, UserMustMend

_BROWSERS: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    # Where macOS and Windows keep programs that are not on the path.
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)
_DRIVERS: Final = ("chromedriver", "chromium.chromedriver")
_SCREENS: Final = {"DISPLAY", "WAYLAND_DISPLAY"}
_READY: Final = re.compile(r"started successfully on port (\d+)")
# The first keep the browser to itself, the next let hidden tabs run at full speed, the last keeps no page
# alive that was left.
_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-dev-shm-usage",
    "--disable-features=BackForwardCache,CalculateNativeWinOcclusion,Translate",
)


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """Which browser participants sit in. `find` fills in what this machine has.

    Attributes:
        browser: the browser's program.
        driver: the driver's program.
        headed: show the browser's window.
        opening_at_once: tabs that are opened at the same time; the others queue.
        start_seconds: longest wait for the browser itself.
        page_seconds: longest wait for a page that was asked for.
        restarts: how often a browser that died is started anew before its participants are given up.
    """

    browser: Path
    driver: Path
    headed: bool = False
    opening_at_once: int = 4
    start_seconds: float = 60.0
    page_seconds: float = 60.0
    restarts: int = 3

    @classmethod
    def find(cls, *, headed: bool = False) -> Self:
        """Return settings with the browser and driver found on the path.

        Raises:
            UserMustMend: one of the two is not installed, or there is no screen to show it on.
        """
        if headed and sys.platform == "linux" and not _SCREENS & os.environ.keys():
            raise UserMustMend(
                "there is no screen to show the browser on",
                where="--headed",
                mend="Run on a desktop, or leave the option away.",
            )
        return cls(
            browser=_installed("Chromium", _BROWSERS),
            driver=_installed("ChromeDriver", _DRIVERS),
            headed=headed,
        )


@dataclass(frozen=True, slots=True)
class RunningBrowser:
    """A started browser: `bidi_url` is where WebDriver BiDi is spoken."""

    bidi_url: str
    version: str


@contextlib.asynccontextmanager
async def started_browser(settings: BrowserSettings) -> AsyncIterator[RunningBrowser]:
    """Start driver and browser with a fresh profile; end both, and remove the profile, at the exit.

    Raises:
        SessionLost: they did not start; the driver's own words say why.
    """
    folder = Path(tempfile.mkdtemp(prefix="bots-browser-"))
    driver = _start_driver(settings, folder)
    try:
        try:
            async with asyncio.timeout(settings.start_seconds):
                selenium = await asyncio.to_thread(_start_browser, settings, driver, folder)
        except TimeoutError as error:
            raise SessionLost(f"{settings.browser} did not start in {settings.start_seconds:g} s") from error
        try:
            capabilities = selenium.capabilities
            yield RunningBrowser(capabilities["webSocketUrl"], capabilities["browserVersion"])
        finally:
            await asyncio.shield(asyncio.to_thread(_quit, selenium, driver))
    finally:
        await asyncio.shield(asyncio.to_thread(driver.stop))


def _installed(what: str, names: Sequence[str]) -> Path:
    for name in names:
        if path := shutil.which(name):
            return Path(path)
    raise UserMustMend(
        f"{what} is not installed (looked for {', '.join(names)})",
        where="PATH",
        mend="On Debian and Ubuntu: apt-get install chromium chromium-driver. On macOS: brew install --cask "
        "chromium chromedriver. Or play without a browser: --transport http.",
    )


def _start_driver(settings: BrowserSettings, folder: Path) -> Guarded:
    """Start the driver on a port it chooses; the guard ends it and its browser whatever becomes of us."""
    return Guarded.start(
        [settings.driver, "--port=0", "--log-level=SEVERE"],
        env={**environment_without_secrets(), "TMPDIR": str(folder)},
        remove=[folder],
        grace=2.0,
        read_output=True,
    )


def _start_browser(settings: BrowserSettings, driver: Guarded, folder: Path) -> webdriver.Remote:
    """Ask the driver for a browser. Blocks.

    Raises:
        SessionLost: as for `started_browser`.
    """
    try:
        return webdriver.Remote(f"http://127.0.0.1:{_port(driver)}", options=_options(settings, folder))
    except (WebDriverException, HTTPError) as error:
        reason = str(getattr(error, "msg", None) or error).strip()
        raise SessionLost(f"{settings.browser} did not start: {reason}") from error


def _port(driver: Guarded) -> int:
    for line in driver.output:
        if ready := _READY.search(line):
            return int(ready[1])
    raise SessionLost(f"the browser's driver ended at once with exit code {driver.exit_code}")


def _options(settings: BrowserSettings, folder: Path) -> webdriver.ChromeOptions:
    options = webdriver.ChromeOptions()
    options.binary_location = str(settings.browser)
    options.enable_bidi = True
    options.unhandled_prompt_behavior = "accept"  # a page's alert() would stop everything in its tab
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    for flag in _FLAGS:
        options.add_argument(flag)
    if not settings.headed:
        options.add_argument("--headless=new")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    return options


def _quit(selenium: webdriver.Remote, driver: Guarded) -> None:
    if driver.alive:
        with contextlib.suppress(WebDriverException, HTTPError, OSError):
            selenium.quit()
