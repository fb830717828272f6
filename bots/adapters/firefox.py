"""Starts Firefox, which speaks WebDriver BiDi by itself: no driver is needed.

Source: https://firefox-source-docs.mozilla.org/remote/ (`--remote-debugging-port`).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bots.adapters.browser_settings import BrowserSettings
from bots.adapters.guard import Guarded, environment_without_secrets
from bots.domain.errors import SessionLost

_READY: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
# Keep it to itself, let hidden tabs run at full speed, keep no page alive that was left, end without asking.
_PREFERENCES: Final = """
user_pref("app.update.disabledForTesting", true);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.sessionhistory.max_total_viewers", 0);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.tabs.unloadOnLowMemory", false);
user_pref("browser.warnOnQuit", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("dom.min_background_timeout_value", 4);
user_pref("dom.timeout.enable_budget_timer_throttling", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("toolkit.telemetry.reportingpolicy.firstRun", false);
"""


@contextlib.asynccontextmanager
async def started_firefox(settings: BrowserSettings) -> AsyncIterator[str]:
    """Start Firefox with a fresh profile and yield where a BiDi session can be begun; end it at the exit.

    Raises:
        SessionLost: it did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="bots-browser-"))
    firefox = _start(settings, folder)
    try:
        try:
            async with asyncio.timeout(settings.start_seconds):
                address = await asyncio.to_thread(_address, firefox, settings.name)
        except TimeoutError as error:
            raise SessionLost(f"{settings.name} did not start in {settings.start_seconds:g} s") from error
        firefox.drop_output()
        yield f"{address}/session"
    finally:
        await asyncio.shield(asyncio.to_thread(firefox.stop))


def _start(settings: BrowserSettings, folder: Path) -> Guarded:
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text(_PREFERENCES, encoding="utf-8")
    shown = () if settings.headed else ("--headless",)
    flags = ("--no-remote", "--remote-debugging-port=0", "--profile", profile, *shown)
    return Guarded.start(
        [str(settings.browser), *flags],
        env={**environment_without_secrets(), "TMPDIR": str(folder), "HOME": str(folder)},
        remove=[folder],
        grace=3.0,
        read_output=True,
        read_errors=True,
    )


def _address(firefox: Guarded, name: str) -> str:
    for line in firefox.output:
        if ready := _READY.search(line):
            return ready[1]
    raise SessionLost(f"{name} ended at once with exit code {firefox.exit_code}")
