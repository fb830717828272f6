"""Participants without a browser until a page needs one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from bots.adapters.auto_session import Auto, AutoSession, open_auto
from bots.adapters.http_scripts import Need
from bots.adapters.web_driver import BrowserSettings
from bots.domain.errors import NeedsBrowser, SessionLost
from bots.domain.pages import SubmitForm
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import ANSWERS, STORED, advance, say, seated, soon

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


def browsers() -> set[int]:
    below = psutil.Process().children(recursive=True)
    return {one.pid for one in below if one.name() == "chromedriver"}


async def test_page_that_needs_a_browser_is_handed_to_one_in_mid_session(
    neutral_server: NeutralServer,
) -> None:
    code, links = neutral_server.session("questions", 2, scripted=True)
    before, told = browsers(), []
    async with open_auto(BrowserSettings.find(), lambda *what: told.append(what)) as auto:
        for number, link in enumerate(links):
            async with seated(auto, link) as (session, start):
                assert len(browsers() - before) == min(number, 1), "started when needed first, and once"
                page = await advance(session)
                assert (start.name, page.name) == ("Start", "Form")
                assert page.form is not None
                assert (await session.act(SubmitForm(ANSWERS, page.form.buttons[1]), soon())).accepted
    stored = STORED | {"moved": "35", "colours": "rb"}
    for row in neutral_server.stored(code):
        assert {name: row[f"questions.1.player.{name}"] for name in stored} == stored
    assert [(link, need.reason) for link, need in told] == [(link, Need.HIDDEN.value) for link in links]
    assert all(need.where.endswith("/questions/Form/2") for _, need in told)
    assert browsers() == before


async def test_who_waits_is_woken_by_a_page_that_needs_a_browser(neutral_server: NeutralServer) -> None:
    code, [link] = neutral_server.session("channel", quiz="in a file")
    async with open_auto(BrowserSettings.find()) as auto, seated(auto, link) as (session, page):
        woken = asyncio.create_task(session.wait(page, soon()))
        await asyncio.sleep(0)
        await asyncio.to_thread(neutral_server.advance, code, link)
        after = await woken
        assert after is not None
        assert after.name == "Held"
        answer = await session.act(SubmitForm({"sum": "5"}), soon())
        assert (answer.accepted, answer.words) == (False, ("That is not the sum.",))


async def moved_on_by_an_experimenter(auto: Auto, neutral_server: NeutralServer) -> AutoSession:
    """Someone who last saw the first page and is on one that needs a browser."""
    code, [link] = neutral_server.session("channel", quiz=True)
    session = await auto.open_session(link)
    await session.look()
    await asyncio.to_thread(neutral_server.advance, code, link)
    session._seat._leave()  # type: ignore[union-attr]  # as if its page had just been found gone
    return session


@pytest.mark.parametrize("act", [SubmitForm({}), say("late")])
async def test_act_for_a_page_that_was_left_for_one_that_needs_a_browser_was_not_sent(
    neutral_server: NeutralServer, act: SubmitForm
) -> None:
    async with open_auto(BrowserSettings.find()) as auto:
        session = await moved_on_by_an_experimenter(auto, neutral_server)
        answer = await session.act(act, soon())
        assert (answer.accepted, answer.words) == (False, ("The page had moved on before this was sent.",))
        assert answer.page is not None
        assert answer.page.name == "Held"
        await session.close()


async def test_without_a_browser_such_a_page_says_what_it_needs(neutral_server: NeutralServer) -> None:
    link = neutral_server.link("questions", scripted=True)
    async with open_auto(None) as auto, seated(auto, link) as (session, _):
        with pytest.raises(NeedsBrowser, match=Need.HIDDEN.value):
            await session.act(SubmitForm({}), soon())


async def test_browser_that_does_not_start_is_tried_once(
    neutral_server: NeutralServer, tmp_path: Path
) -> None:
    _, links = neutral_server.session("questions", 2, scripted=True)
    broken, starts = tmp_path / "chromium", tmp_path / "starts"
    broken.write_text(f"#!/bin/sh\necho start >> {starts}\nexit 3\n")
    broken.chmod(0o755)
    async with open_auto(BrowserSettings(broken, BrowserSettings.find().driver)) as auto:
        for link in links:
            async with seated(auto, link) as (session, _):
                with pytest.raises(SessionLost, match="did not start"):
                    await session.act(SubmitForm({}), soon())
    assert starts.read_text().count("start") == 1
