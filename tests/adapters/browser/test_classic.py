"""Browsers that are driven over classic WebDriver alone: what is theirs beyond the contract of all."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from aiohttp import web

from bots.adapters.browser_settings import BrowserOptions, BrowserSettings, Family
from bots.adapters.web_driver import Browser, BrowserSession, open_browser
from bots.domain.errors import LedAway, UserMustMend
from bots.domain.pages import SubmitForm
from tests.adapters.browser.plain_hub import plain_hub
from tests.adapters.browser.test_browser_session import AWAY, seated, two_hosts
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import advance, say, soon
from tests.adapters.small_server import served
from tests.end_to_end.command import descendants

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


def classic_settings(**options: str) -> BrowserSettings:
    return BrowserSettings.find(BrowserOptions(classic=True, **options))  # type: ignore[arg-type]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def classic() -> AsyncIterator[Browser]:
    async with open_browser(classic_settings()) as browser:
        yield browser


@pytest.mark.parametrize("refuses", [False, True])
async def test_hub_that_speaks_no_bidi_is_told_with_the_option_that_does_without(refuses: bool) -> None:
    async with plain_hub(refuses=refuses) as hub:
        with pytest.raises(
            UserMustMend, match=r"does not speak WebDriver BiDi\. Play with --classic"
        ) as told:
            async with open_browser(BrowserSettings.find(BrowserOptions(grid=hub))):
                pass
    assert told.value.where == "--grid"


async def test_participants_sit_in_browsers_of_a_hub_that_speaks_no_bidi(
    neutral_server: NeutralServer,
) -> None:
    _, links = neutral_server.session("channel", 2)
    async with plain_hub(refuses=True) as hub, open_browser(classic_settings(grid=hub)) as browser:
        for link in links:
            async with seated(browser, link) as (session, _):
                assert (await session.act(say("here"), soon())).accepted
                assert (await advance(session)).name == "Failing"


async def test_missing_geckodriver_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "firefox").write_text("#!/bin/sh\n")
    (tmp_path / "firefox").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserMustMend, match="geckodriver is not installed"):
        BrowserSettings.find(BrowserOptions(Family.FIREFOX, classic=True))


@pytest.mark.parametrize("way", AWAY)
async def test_page_that_leads_to_another_host_ends_the_seat(classic: Browser, way: str) -> None:
    async def go_on(session: BrowserSession) -> None:
        shown = await session.look()
        if way in ("form", "answer"):
            await session.act(SubmitForm({}), soon())
        await session.wait(shown, soon())

    async with two_hosts(classic, AWAY[way], redirects=way == "redirect") as (session, came):
        with pytest.raises(LedAway, match=r"another host \(localhost\)"):
            await go_on(session)
    if way == "form":  # what a bot does on a page it has read is held back in time
        assert "/take" not in came


async def test_dialog_of_the_page_is_answered_and_its_words_are_told(
    classic: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(classic, neutral_server.link("channel", quiz=True)) as (session, _):
        await advance(session)
        answer = await session.act(SubmitForm({"sum": "5"}), soon())
        assert (answer.accepted, answer.words) == (False, ("That is not the sum.",))
        assert (await session.act(SubmitForm({"sum": "4"}), soon())).accepted


RECONNECTING = "/static/otree/js/reconnecting-websocket-iife.min.js"
CHANNELS = {
    "oTree keeps it": "var liveSocket = new ReconnectingWebSocket(`ws://${location.host}/live`);",
    "the page keeps it, and uses it": """
        const socket = new WebSocket(`ws://${location.host}/chat`);
        setInterval(() => { if (socket.readyState === 1) socket.send("I am here"); }, 100);""",
    "the page keeps it, and it opens only then": """
        (() => new ReconnectingWebSocket(`ws://${location.host}/late/chat`))();""",
}


@pytest.mark.parametrize("kept", CHANNELS)
async def test_channel_that_was_made_before_anybody_looked_is_heard(
    classic: Browser, neutral_server: NeutralServer, kept: str
) -> None:
    opened, told, looked, times = asyncio.Event(), asyncio.Event(), asyncio.Event(), []

    async def page(_: web.Request) -> web.Response:
        tells = "addEventListener('load', () => setTimeout(() => fetch('/loaded'), 200));"
        library = f'<script src="{neutral_server.url}{RECONNECTING}"></script>'
        html = f"<h1>Channel</h1>{library}<script>{CHANNELS[kept]}{tells}</script>"
        return web.Response(text=html, content_type="text/html")

    async def loaded(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        told.set()
        return web.Response()

    async def channel(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        if request.path == "/late/chat":
            opened.set()
            await looked.wait()
        await socket.prepare(request)
        opened.set()
        while not socket.closed:
            await socket.send_json({"type": "news"})
            with contextlib.suppress(TimeoutError):
                await socket.receive(0.1)
        return socket

    pages = {"/page": page, "/loaded": loaded, "/live": channel, "/chat": channel, "/late/chat": channel}
    routes = [web.get(path, answer) for path, answer in pages.items()]
    async with served(routes) as url, seated(classic, f"{url}/page") as (session, _):
        assert session._tab is not None
        await asyncio.gather(opened.wait(), told.wait())
        for event in (opened, told):
            event.clear()
        await session._tab._navigate(f"{url}/page")  # nobody listens now
        await asyncio.gather(opened.wait(), told.wait())
        late = await session.look()
        looked.set()
        assert session._tab.snapshot().loaded_at < times[1], "its timers run since it was loaded"
        after = await session.wait(late, soon())
        assert after is not None
        assert (after.visit, after.frames[-1]) == (late.visit, {"type": "news"})


@pytest.mark.parametrize("program", ["chromium", "chromedriver"])
async def test_browser_that_dies_is_replaced_its_participant_goes_on_and_none_is_left_behind(
    neutral_server: NeutralServer, program: str
) -> None:
    before = {one.pid for one in descendants(os.getpid())}

    def ours() -> list[psutil.Process]:
        running = descendants(os.getpid())
        return [one for one in running if one.pid not in before and one.status() != psutil.STATUS_ZOMBIE]

    async with (
        open_browser(classic_settings()) as browser,
        seated(browser, neutral_server.link("channel")) as (session, page),
    ):
        woken = asyncio.create_task(session.wait(page, soon()))
        await asyncio.sleep(0.3)
        main = {one.name(): one for one in ours() if "--type" not in " ".join(one.cmdline())}
        main[program].send_signal(signal.SIGKILL)
        after = await woken
        assert after is not None
        assert (after.location, after.visit != page.visit) == (page.location, True)
        assert (await session.act(say("back"), soon())).accepted
        assert (await session.screenshot()).startswith(b"\x89PNG")
        await session.close()
        assert not {one.name() for one in ours()} & {"chromium", "chromedriver"}
