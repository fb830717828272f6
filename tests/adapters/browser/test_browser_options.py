"""Which browsers participants sit in, and what they share."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import psutil
import pytest

from bots.adapters.browser_settings import BrowserOptions, Screenshots
from bots.adapters.web_driver import Browser, BrowserSettings, open_browser
from bots.domain.errors import UserMustMend
from bots.services.plan import RunPlan, Transport
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import advance, say, seated, soon

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


def drivers() -> set[psutil.Process]:
    return {one for one in psutil.Process().children(recursive=True) if one.name() == "chromedriver"}


@pytest.mark.browser
@pytest.mark.server
async def test_bots_with_a_browser_each_do_not_feel_the_end_of_another_s(
    neutral_server: NeutralServer,
) -> None:
    _, links = neutral_server.session("channel", 2)
    before = drivers()
    settings = BrowserSettings.find(BrowserOptions(bots_per_browser=1))
    async with open_browser(settings) as browser, contextlib.AsyncExitStack() as seats:
        (one, page), (other, still) = [
            await seats.enter_async_context(seated(browser, link)) for link in links
        ]
        first, second = sorted(drivers() - before, key=lambda driver: driver.create_time())
        woken = asyncio.create_task(one.wait(page, soon()))
        first.kill()
        after = await woken
        assert after is not None
        assert (after.location, after.visit != page.visit) == (page.location, True)
        assert (await other.look()).visit == still.visit
        assert second.is_running()
        assert (await one.act(say("back"), soon())).accepted
    assert drivers() == before


@pytest.mark.browser
@pytest.mark.server
async def test_participants_of_a_session_wide_link_are_two_in_one_browser_and_stay_who_they_are(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    code, link = neutral_server.wide_link("channel", 2)
    async with seated(browser, link) as (one, page), seated(browser, link) as (_, other):
        assert page.location != other.location
        assert (await one.act(say("mine"), soon())).accepted
        await one._tab.close()  # type: ignore[attr-defined]
        back = await one.look()
        assert (back.location, back.visit != page.visit) == (page.location, True)
        await advance(one)
    heard = {row["participant.code"]: row["channel.1.player.heard"] for row in neutral_server.stored(code)}
    assert heard[page.location.split("/")[2]] == "mine"
    assert heard[other.location.split("/")[2]] == ""


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"bots_per_browser": 0}, "--bots-per-browser"),
        ({"classic": True, "bots_per_browser": 2}, "--classic, --bots-per-browser"),
        ({"grid": "hub:4444"}, "--grid"),
        ({"grid": "http://me:secret@hub:4444"}, "--grid"),
    ],
)
async def test_option_that_makes_no_sense_is_named(given: dict[str, Any], where: str) -> None:
    with pytest.raises(UserMustMend) as caught:
        BrowserOptions(**given)
    assert caught.value.where == where


async def test_options_of_browsers_need_one() -> None:
    with pytest.raises(UserMustMend, match="without a browser"):
        RunPlan(
            "http://localhost/SessionStartLinks/a", "hold",
            transport=Transport.HTTP, browser=BrowserOptions(screenshots=Screenshots.ERROR),
        )  # fmt: skip
