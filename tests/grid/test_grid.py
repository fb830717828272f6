"""Browsers of a real Selenium Grid: driven by events through its hub, and replaced when their node goes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bots.adapters.browser_settings import BrowserOptions, Family
from bots.adapters.otree_server import OTreeServer
from bots.adapters.web_driver import BrowserSettings, open_browser
from bots.domain.errors import UserMustMend
from bots.domain.pages import SubmitForm
from bots.domain.records import ActSent, DecisionMade, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import advance, say, seated
from tests.adapters.small_server import free_port
from tests.end_to_end.command import acts, end, start
from tests.faults.mid_round import Lost, lose
from tests.grid.selenium_grid import Grid

pytestmark = [pytest.mark.browser, pytest.mark.server]


def later() -> float:
    return time.monotonic() + 90


def kill(grid: Grid) -> None:
    """Kill a node with everything it runs, as a machine that loses its power."""
    node = next(iter(grid.nodes.values()))
    for one in psutil.Process(node.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it went with the one before it
            one.kill()


@pytest.mark.parametrize("classic", [False, True])
async def test_traders_of_a_node_that_is_lost_go_on_and_the_others_are_undisturbed(
    grid: Grid, neutral_server: NeutralServer, classic: bool
) -> None:
    code, links = neutral_server.session("channel", 2)
    settings = BrowserSettings.find(BrowserOptions(grid=grid.url, bots_per_browser=1, classic=classic))
    async with open_browser(settings) as browser, contextlib.AsyncExitStack() as seats:
        both = [await seats.enter_async_context(seated(browser, link)) for link in links]
        assert grid.browsers() == 2
        for session, _ in both:
            assert (await session.act(say("before"), later())).accepted
        pages = [await session.look() for session, _ in both]
        woken = [
            asyncio.create_task(session.wait(page, later()))
            for (session, _), page in zip(both, pages, strict=True)
        ]
        kill(grid)
        done, waiting = await asyncio.wait(woken, timeout=90, return_when=asyncio.FIRST_COMPLETED)
        (moved,), (still,) = done, waiting
        lost = woken.index(moved)
        after = moved.result()
        assert after is not None
        assert (after.location, after.visit != pages[lost].visit) == (pages[lost].location, True)
        assert not still.done()
        still.cancel()
        assert (await both[1 - lost][0].look()).visit == pages[1 - lost].visit
        for session, _ in both:
            assert (await session.act(say("after"), later())).accepted
            await advance(session)
            assert (await session.act(SubmitForm({}), later())).accepted
    assert "chromedriver" not in grid.programs(), "browsers of a grid end with the run"
    assert {row["channel.1.player.heard"] for row in neutral_server.stored(code)} == {"beforeafter"}


async def test_a_run_on_a_grid_loses_no_decision_with_a_node(
    grid: Grid, neutral_server: NeutralServer, tmp_path: Path
) -> None:
    code, _ = neutral_server.session("questions", 2)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    process = await start(
        tmp_path, url, "hold", "--grid", grid.url, "--bots-per-browser", "1", "--timeout-minutes", "3"
    )
    await acts(tmp_path, 1)
    kill(grid)
    ended = await end(process, tmp_path)
    assert (ended.code, ended.manifest.outcome) == (0, RunOutcome.FINISHED), ended.output
    assert ended.manifest.configuration["options"]["browser"]["grid"] == grid.url
    decided = {event.decision for event in ended.events if isinstance(event, DecisionMade)}
    sent = {event.decision for event in ended.events if isinstance(event, ActSent) and event.decision}
    assert decided == sent


async def test_a_node_that_is_killed_in_mid_round_takes_no_decision_with_it(
    grid: Grid, market_server: OTreeServer, tmp_path: Path, told: Callable[[Lost], None]
) -> None:
    async def kill_node(pid: int) -> None:
        kill(grid)

    lost = await lose(
        market_server, tmp_path, "a node of a grid", kill_node, "--grid", grid.url, "--bots-per-browser", "3"
    )

    told(lost)
    lost.check(disturbed=lambda seats: 1 < seats <= 3)


async def test_participants_sit_in_a_firefox_of_a_grid(
    firefox_grid: Grid, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("channel", 2)
    settings = BrowserSettings.find(BrowserOptions(Family.FIREFOX, grid=firefox_grid.url))
    async with open_browser(settings) as browser, contextlib.AsyncExitStack() as seats:
        for session, _ in [await seats.enter_async_context(seated(browser, link)) for link in links]:
            assert (await session.act(say("here"), later())).accepted
            await advance(session)
            assert (await session.act(SubmitForm({}), later())).accepted
    assert "geckodriver" not in firefox_grid.programs(), "browsers of a grid end with the run"
    assert {row["channel.1.player.heard"] for row in neutral_server.stored(code)} == {"here"}


async def test_participants_sit_in_browsers_of_a_grid_without_bidi_if_that_is_asked_for(
    classic_grid: Grid, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("channel", 2)
    with pytest.raises(UserMustMend, match="Play with --classic"):
        async with open_browser(BrowserSettings.find(BrowserOptions(grid=classic_grid.url))):
            pass
    settings = BrowserSettings.find(BrowserOptions(grid=classic_grid.url, classic=True))
    async with open_browser(settings) as browser, contextlib.AsyncExitStack() as seats:
        for session, _ in [await seats.enter_async_context(seated(browser, link)) for link in links]:
            assert (await session.act(say("here"), later())).accepted
            await advance(session)
            assert (await session.act(SubmitForm({}), later())).accepted
    async with asyncio.timeout(10):
        while classic_grid.browsers() > 0:  # noqa: ASYNC110 - a node tells the hub a moment after it ended one
            await asyncio.sleep(0.1)
    assert {row["channel.1.player.heard"] for row in neutral_server.stored(code)} == {"here"}


async def test_hub_that_is_not_there_is_told() -> None:
    settings = BrowserSettings.find(BrowserOptions(grid=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(UserMustMend, match=r"chromium on http://127.0.0.1:.* did not start"):
        async with open_browser(settings):
            pass
