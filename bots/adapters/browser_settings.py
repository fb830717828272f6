"""Which browsers participants sit in, and where they are on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from bots.adapters.guard import environment_without_secrets
from bots.domain.errors import MOST_PAGE_BYTES, UserMustMend

_CHROMIUM: Final = (
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
_HEADLESS_SHELL: Final = (
    "/usr/lib/chromium/chromium-headless-shell",  # what Debian's command of this name starts
    "chromium-headless-shell",
    "chrome-headless-shell",
)
_CHROMEDRIVER: Final = ("chromedriver", "chromium.chromedriver")
_FIREFOX: Final = (
    "firefox",
    "firefox-esr",
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    r"C:\Program Files\Mozilla Firefox\firefox.exe",
)
_SCREENS: Final = {"DISPLAY", "WAYLAND_DISPLAY"}
_INSTALL_CHROMIUM: Final = (
    "On Debian and Ubuntu: apt-get install chromium chromium-driver. On macOS: brew install --cask "
    "chromium chromedriver. Or play without a browser: --transport http."
)
_INSTALL_FIREFOX: Final = (
    "On Debian: apt-get install firefox-esr. On macOS: brew install --cask firefox. It needs no driver."
)
_INSTALL_GECKODRIVER: Final = (
    "Get it from https://github.com/mozilla/geckodriver/releases (on macOS: brew install geckodriver), "
    "or leave --classic out: without it Firefox needs no driver."
)
_VERSION: Final = re.compile(r"\b(\d+)\.\d+\.\d+")
_VERSION_SECONDS: Final = 10.0
_ON_A_GRID: Final = 12  # bots in one browser, where the user gives no number


class Family(StrEnum):
    """Browsers that can be driven."""

    CHROMIUM = "chromium"  # or Chrome; by Selenium and its driver
    FIREFOX = "firefox"  # speaks WebDriver BiDi by itself; by Selenium on a grid, or classic


class Screenshots(StrEnum):
    """When a page is photographed without being asked for."""

    NEVER = "never"
    ERROR = "error"  # where an act is refused, a page is broken, or the seat cannot go on
    PAGE = "page"  # each page too


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """What a user may choose about browsers.

    Attributes:
        headed: show the browser's window.
        bots_per_browser: how many share one; None for all of a run, or 12 on a grid. 1: a driver a bot.
        isolated: each bot has cookies and storage of its own; else they share those of their browser.
        grid: address of a Selenium Grid's hub; None: the browsers run on this machine.
        screenshots: when the page of who sits there is photographed.
        classic: drive the browsers over classic WebDriver alone, one for each bot.
    """

    family: Family = Family.CHROMIUM
    headed: bool = False
    bots_per_browser: int | None = None
    isolated: bool = False
    grid: str | None = None
    screenshots: Screenshots = Screenshots.NEVER
    classic: bool = False

    def __post_init__(self) -> None:
        if self.bots_per_browser is not None and self.bots_per_browser < 1:
            raise UserMustMend(
                f"{self.bots_per_browser} bots cannot share a browser",
                where="--bots-per-browser",
                mend="Give a number from 1, or leave it out for one browser for all.",
            )
        if self.classic and self.bots_per_browser not in (None, 1):
            raise UserMustMend(
                f"{self.bots_per_browser} bots cannot share a browser that classic WebDriver drives",
                where="--classic, --bots-per-browser",
                mend="Leave one of the two out; with --classic each bot has a browser of its own.",
            )
        if self.grid is not None and not _is_plain_address(self.grid):
            raise UserMustMend(
                "this is no address of a Selenium Grid",
                where="--grid",
                mend="Give its hub without user or password, such as http://hub:4444.",
            )


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """The browsers of a run. `find` fills in what this machine has.

    Attributes:
        browser: the browser's program; None on a grid.
        driver: the driver's program; None on a grid, and where the browser needs none.
        bots_per_browser: how many participants share a browser; None for all.
        isolated: whether each has cookies and storage of its own.
        classic: whether WebDriver BiDi is done without; then `bots_per_browser` is 1.
        starting_at_once: browsers that are started at the same time; the others queue.
        opening_at_once: tabs of one browser that are opened at the same time; the others queue.
        start_seconds: longest wait for the browser itself.
        page_seconds: longest wait for a page that was asked for.
        page_bytes: a page that is longer stays in the browser, unread.
        answer_seconds: a browser of a grid that does not answer for so long is taken for dead.
        grid_seconds: how long a browser of a grid is asked for again after one was lost.
        restarts: how often a browser that died is started anew before its participants are given up.
    """

    browser: Path | None
    driver: Path | None
    family: Family = Family.CHROMIUM
    headed: bool = False
    grid: str | None = None
    bots_per_browser: int | None = None
    isolated: bool = False
    classic: bool = False
    starting_at_once: int = 2
    opening_at_once: int = 4
    start_seconds: float = 60.0
    page_seconds: float = 60.0
    page_bytes: int = MOST_PAGE_BYTES
    answer_seconds: float = 5.0
    grid_seconds: float = 180.0
    restarts: int = 3

    @classmethod
    def find(cls, options: BrowserOptions | None = None) -> Self:
        """Return settings with the browser and driver found on the path.

        Raises:
            UserMustMend: one of the two is not installed, or there is no screen to show it on.
        """
        options = options or BrowserOptions()
        if options.grid is None and options.headed and not _has_screen():
            raise UserMustMend(
                "there is no screen to show the browser on",
                where="--headed",
                mend="Run on a desktop, or leave the option away.",
            )
        browser, driver = (None, None) if options.grid else _programs(options)
        shared = 1 if options.classic else _ON_A_GRID if options.grid else None
        return cls(
            browser=browser,
            driver=driver,
            family=options.family,
            headed=options.headed,
            grid=options.grid,
            bots_per_browser=options.bots_per_browser or shared,
            isolated=options.isolated,
            classic=options.classic,
        )

    @property
    def is_headless_shell(self) -> bool:
        """Whether the browser is Chromium without windows."""
        return self.browser is not None and self.browser.stem in {Path(one).stem for one in _HEADLESS_SHELL}

    @property
    def name(self) -> str:
        """What the browser is called in an error."""
        return f"{self.family.value} on {self.grid}" if self.grid else str(self.browser)


def _programs(options: BrowserOptions) -> tuple[Path, Path | None]:
    if options.family is Family.FIREFOX:
        browser = _installed("Firefox", _FIREFOX, _INSTALL_FIREFOX)
        if not options.classic:
            return browser, None
        return browser, _installed("geckodriver", ("geckodriver",), _INSTALL_GECKODRIVER)
    # The headless shell opens no window by itself, and classic WebDriver knows of no tab that is not in one.
    shell = None if options.headed or options.classic else _headless_shell()
    return (
        shell or _installed("Chromium", _CHROMIUM, _INSTALL_CHROMIUM),
        _installed("ChromeDriver", _CHROMEDRIVER, _INSTALL_CHROMIUM),
    )


def _headless_shell() -> Path | None:
    """Return the Chromium that has no windows, which takes less memory, if one is of its driver's version.

    A driver refuses a browser of another version.
    """
    driver = _found(_CHROMEDRIVER)
    version = _version(driver) if driver else None
    if version is None:
        return None
    shells = (Path(path) for name in _HEADLESS_SHELL if (path := shutil.which(name)))
    return next((shell for shell in shells if _version(shell) == version), None)


def _version(program: Path) -> int | None:
    """Return the first number of a program's version; None where it does not tell."""
    try:
        told = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
            env=environment_without_secrets(),
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    number = _VERSION.search(told.stdout)
    return int(number[1]) if number else None


def _installed(what: str, names: Sequence[str], mend: str) -> Path:
    if found := _found(names):
        return found
    raise UserMustMend(f"{what} is not installed (looked for {', '.join(names)})", where="PATH", mend=mend)


def _found(names: Sequence[str]) -> Path | None:
    return next((Path(path) for name in names if (path := shutil.which(name))), None)


def _has_screen() -> bool:
    return sys.platform != "linux" or bool(_SCREENS & os.environ.keys())


def _is_plain_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
