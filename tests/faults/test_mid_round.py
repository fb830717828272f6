"""Whatever part of its browsers a run loses in the middle of a round, no decision is lost with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from bots.adapters.otree_server import OTreeServer
from tests.adapters.browser.devtools import crash, is_mapper, is_participant
from tests.end_to_end.command import descendants
from tests.faults.mid_round import Lost, lose

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.long]


def driver_of(pid: int) -> psutil.Process:
    return next(one for one in descendants(pid) if one.name().startswith("chromedriver"))


def browser_of(pid: int) -> psutil.Process:
    (browser,) = driver_of(pid).children()
    return browser


async def kill_driver(pid: int) -> None:
    driver_of(pid).kill()


async def kill_browser(pid: int) -> None:
    browser_of(pid).kill()


async def crash_tab(pid: int) -> None:
    await crash(browser_of(pid), is_participant)


async def crash_mapper(pid: int) -> None:
    await crash(browser_of(pid), is_mapper)


@pytest.mark.parametrize(
    ("part", "kill", "disturbed"),
    [
        ("Chromium", kill_browser, lambda seats: seats > 1),
        ("one tab", crash_tab, lambda seats: seats == 1),
        ("ChromeDriver", kill_driver, lambda seats: seats > 1),
        ("ChromeDriver's page", crash_mapper, lambda seats: seats > 1),
    ],
    ids=["Chromium", "tab", "ChromeDriver", "page of ChromeDriver"],
)
async def test_a_part_that_is_killed_in_mid_round_takes_no_decision_with_it(
    market_server: OTreeServer,
    tmp_path: Path,
    told: Callable[[Lost], None],
    part: str,
    kill: Callable[[int], Awaitable[None]],
    disturbed: Callable[[int], bool],
) -> None:
    lost = await lose(market_server, tmp_path, part, kill)

    told(lost)
    lost.check(disturbed=disturbed)
