"""Starts one browser for many participants: Chromium and its driver, Firefox, or one of a Selenium Grid.

Processes of this machine run under a guard. Selenium owns the browser wherever there is a driver; the local
driver is reached as a remote one, so that a browser of a grid is had the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.options import ArgOptions
from selenium.webdriver.remote.client_config import ClientConfig
from urllib3.exceptions import HTTPError

from bots.adapters.bidi import NoBidi
from bots.adapters.browser_settings import BrowserSettings, Family
from bots.adapters.guard import Guarded, environment_without_secrets
from bots.domain.errors import SessionLost

__all__ = ["BrowserSettings", "RunningBrowser", "started_browser"]

_DRIVER_STARTS: Final = 3
_READY: Final = re.compile(r"(?:started successfully on port |Listening on 127\.0\.0\.1:)(\d+)")
_ABOUT_MACHINES: Final = re.compile(r"\n(?:Host info|Build info|Stacktrace):")  # after what went wrong
_UNUSED: Final = (
    "BackForwardCache",
    "CalculateNativeWinOcclusion",
    "SpareRendererForSitePerProcess",
    "Translate",
    # The lists below the address bar are pages too, in a process of their own.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
)
# The first keep the browser to itself, the next let hidden tabs run at full speed. The last save memory: no
# extensions, no drawing by graphics hardware, small caches (in full colours all the same), no process in wait
# for a next tab, no page kept alive that was left, the network within the browser's own process, and what a
# page has left behind collected within half a second and not eight, which are ten pages of a quick bot.
_FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--enable-low-end-device-mode",
    "--disable-rgba-4444-textures",
    f"--disable-features={','.join(_UNUSED)}",
    "--enable-features=NetworkServiceInProcess2",
    "--js-flags=--gc-memory-reducer-start-delay-ms=500",
)


@dataclass(frozen=True, slots=True)
class RunningBrowser:
    """A started browser.

    Attributes:
        bidi_url: where WebDriver BiDi is spoken; empty where it is not asked for.
        version: empty where the browser tells it only in a session.
        in_session: whether a session is under way there; else it is ours to begin.
        debugger: where Chromium's DevTools protocol is spoken: a WebSocket, or `host:port`; empty for others.
        selenium: speaks classic WebDriver; None where there is no driver.
    """

    bidi_url: str
    version: str = ""
    in_session: bool = True
    debugger: str = ""
    selenium: webdriver.Remote | None = None


@contextlib.asynccontextmanager
async def started_browser(settings: BrowserSettings) -> AsyncIterator[RunningBrowser]:
    """Start a browser with a fresh profile; end it, and remove the profile, at the exit.

    Raises:
        SessionLost: it did not start; the driver's own words say why.
        NoBidi: it speaks no WebDriver BiDi, which the settings ask for.
    """
    if settings.grid is not None:
        async with _owned(settings, settings.grid, _options(settings)) as running:
            yield running
    elif settings.driver is None:
        from bots.adapters.firefox import started_firefox

        async with started_firefox(settings) as url:
            yield RunningBrowser(url, in_session=False)
    else:
        async with _with_driver(settings) as running:
            yield running


@contextlib.asynccontextmanager
async def _with_driver(settings: BrowserSettings) -> AsyncIterator[RunningBrowser]:
    """Start driver and browser under a guard."""
    folder, driver, address = await _listening_driver(settings)
    options = _options(settings)
    options.binary_location = str(settings.browser)
    if settings.family is Family.CHROMIUM:  # geckodriver makes a profile by itself
        options.add_argument(f"--user-data-dir={folder / 'profile'}")
    try:
        async with _owned(settings, address, options, driver) as running:
            yield running
    finally:
        await asyncio.shield(asyncio.to_thread(driver.stop))


async def _listening_driver(settings: BrowserSettings) -> tuple[Path, Guarded, str]:
    """Start the driver on a port it chooses; return its folder, its process and its address.

    ChromeDriver wants one number that is free in IPv4 and in IPv6, and ends where it got only one of them,
    which happens when several are started at once: it gets another try.

    Raises:
        SessionLost: it ended each time, or says nothing.
    """
    ended = SessionLost(f"{settings.driver} was not started")
    for _ in range(_DRIVER_STARTS):
        folder = Path(tempfile.mkdtemp(prefix="bots-browser-"))
        driver = _start_driver(settings, folder)
        try:
            async with asyncio.timeout(settings.start_seconds):
                port = await asyncio.to_thread(_port, driver)
        except SessionLost as error:
            ended = error
        except TimeoutError as error:
            await asyncio.shield(asyncio.to_thread(driver.stop))
            told = f"{settings.name} did not start in {settings.start_seconds:g} s"
            raise SessionLost(told) from error
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(driver.stop))
            raise
        else:
            return folder, driver, f"http://127.0.0.1:{port}"
    raise ended


@contextlib.asynccontextmanager
async def _owned(
    settings: BrowserSettings, address: str, options: ArgOptions, driver: Guarded | None = None
) -> AsyncIterator[RunningBrowser]:
    """Have a browser through Selenium, from our driver or from the hub of a grid."""
    try:
        async with asyncio.timeout(settings.start_seconds):
            selenium = await asyncio.to_thread(_start_browser, settings, address, options)
    except TimeoutError as error:
        raise SessionLost(f"{settings.name} did not start in {settings.start_seconds:g} s") from error
    try:
        capabilities = selenium.capabilities
        if not settings.classic and "webSocketUrl" not in capabilities:
            raise _no_bidi(settings)
        yield RunningBrowser(
            str(capabilities.get("webSocketUrl", "")),
            capabilities["browserVersion"],
            debugger=_debugger(settings, capabilities),
            selenium=selenium,
        )
    finally:
        if driver is None or driver.alive:
            await asyncio.shield(asyncio.to_thread(_quit, selenium))


def _debugger(settings: BrowserSettings, capabilities: Mapping[str, Any]) -> str:
    """Return where a started browser speaks Chromium's protocol; empty where it or its hub does not."""
    if settings.grid is not None:
        return str(capabilities.get("se:cdp") or "")
    return str(capabilities.get("goog:chromeOptions", {}).get("debuggerAddress") or "")


def _start_driver(settings: BrowserSettings, folder: Path) -> Guarded:
    """Start the driver; the guard ends it and its browser whatever becomes of us."""
    if settings.driver is None:
        raise SessionLost(f"{settings.browser} cannot be driven without its driver")
    env = {**environment_without_secrets(), "TMPDIR": str(folder)}
    flags = ["--port=0", "--log-level=SEVERE"]
    if settings.family is Family.FIREFOX:
        env["HOME"] = str(folder)
        flags = [f"--port={_free_port()}"]  # of a port it chose itself geckodriver takes no command
    return Guarded.start(
        [settings.driver, *flags],
        env=env,
        remove=[folder],
        grace=2.0,
        read_output=True,
    )


def _start_browser(settings: BrowserSettings, address: str, options: ArgOptions) -> webdriver.Remote:
    """Ask the driver for a browser. Blocks.

    Raises:
        SessionLost: as for `started_browser`.
    """
    try:
        client = ClientConfig(address, timeout=int(settings.start_seconds) or 1)
        return webdriver.Remote(address, options=options, client_config=client)
    except (WebDriverException, HTTPError) as error:
        said = str(getattr(error, "msg", None) or error)
        reason = _ABOUT_MACHINES.split(said)[0].strip()
        if "webSocketUrl" in reason:
            raise _no_bidi(settings) from error
        raise SessionLost(f"{settings.name} did not start: {reason}") from error


def _no_bidi(settings: BrowserSettings) -> NoBidi:
    return NoBidi(f"{settings.name} does not speak WebDriver BiDi; --classic does without")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _port(driver: Guarded) -> int:
    said = []
    for line in driver.output:
        said.append(line.strip())
        if ready := _READY.search(line):
            driver.drop_output()
            return int(ready[1])
    words = f": {said[-1]}" if said else ""
    raise SessionLost(f"the browser's driver ended at once with exit code {driver.stop()}{words}")


def _options(settings: BrowserSettings) -> webdriver.ChromeOptions | webdriver.FirefoxOptions:
    """Return what a browser is asked for, wherever it runs."""
    if settings.family is Family.FIREFOX:
        options: webdriver.ChromeOptions | webdriver.FirefoxOptions = webdriver.FirefoxOptions()
        hidden: tuple[str, ...] = ("-headless",)
    else:
        options = webdriver.ChromeOptions()
        hidden = ("--headless=new",)
        for flag in _FLAGS:
            options.add_argument(flag)
        # ChromeDriver lets pages open windows, where nobody looks; a window could load another host's page.
        # The headless shell asks nobody before it opens one, and has a flag against them.
        options.add_experimental_option("excludeSwitches", ["disable-popup-blocking"])
        options.add_argument("--block-new-web-contents")
    if settings.classic:
        options.page_load_strategy = "none"  # what we put into a page is to come before the page is loaded
    else:
        options.enable_bidi = True
    options.unhandled_prompt_behavior = "accept"  # a page's alert() would stop everything in its tab
    for flag in () if settings.headed else hidden:
        options.add_argument(flag)
    as_root = settings.grid is None and hasattr(os, "geteuid") and os.geteuid() == 0
    if as_root and settings.family is Family.CHROMIUM:
        options.add_argument("--no-sandbox")  # Chromium refuses to run as root with it
    return options


def _quit(selenium: webdriver.Remote) -> None:
    with contextlib.suppress(WebDriverException, HTTPError, OSError):
        selenium.quit()
