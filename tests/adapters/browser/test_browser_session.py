"""What a session in Chromium promises beyond the contract of all: scripts run, and losses are mended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator

import psutil
import pytest
from aiohttp import web

from bots.adapters.web_driver import Browser, BrowserSession, BrowserSettings, open_browser
from bots.domain.errors import LedAway, SessionLost
from bots.domain.pages import Page, SendLive, SubmitForm
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import ANSWERS, STORED, advance, say, soon

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


@contextlib.asynccontextmanager
async def seated(browser: Browser, link: str) -> AsyncIterator[tuple[BrowserSession, Page]]:
    """Someone at the first page of a link, in a tab that tests may harm."""
    session = await browser.open_session(link)
    try:
        yield session, await session.look()
    finally:
        await session.close()


async def test_hidden_fields_are_filled_by_the_page_s_own_script(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    code, [link] = neutral_server.session("questions", scripted=True)
    async with seated(browser, link) as (session, _):
        page = await advance(session)
        assert page.form is not None
        assert (await session.act(SubmitForm(ANSWERS, page.form.buttons[1]), soon())).accepted
    [row] = neutral_server.stored(code)
    stored = STORED | {"moved": "35", "colours": "rb"}
    assert {name: row[f"questions.1.player.{name}"] for name in stored} == stored


async def test_what_the_page_s_script_writes_is_read(browser: Browser, neutral_server: NeutralServer) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        await session.act(say("hello"), soon())
        assert "Heard: hello" in (await session.look()).text


async def test_browser_says_who_refused_to_connect(browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with seated(browser, f"http://127.0.0.1:{port}/InitializeParticipant/abc") as (_, page):
        assert "refused to connect" in page.text


AWAY = {
    "redirect": "",
    "form": '<form id="form" method="post" action="http://OTHER/take"><button>Next</button></form>',
    "script": "<script>setTimeout(() => { location = 'http://OTHER/take?who=abc'; }, 50);</script>",
    "refresh": '<meta http-equiv="refresh" content="0; url=http://OTHER/take?who=abc">',
}


@pytest.mark.parametrize("way", AWAY)
async def test_page_that_leads_to_another_host_is_not_followed(browser: Browser, way: str) -> None:
    """The same server under its other name: whatever came there is seen."""
    came: list[str] = []

    async def page(request: web.Request) -> web.Response:
        other = f"localhost:{request.url.port}"
        if way == "redirect":
            raise web.HTTPFound(f"http://{other}/take?who=abc")
        frame = f'<iframe src="http://{other}/frame"></iframe>'
        html = f"<h1>Survey</h1>{AWAY[way].replace('OTHER', other)}{frame}"
        return web.Response(text=html, content_type="text/html")

    async def take(request: web.Request) -> web.Response:
        came.append(request.path)
        return web.Response(text="taken")

    app = web.Application()
    app.add_routes([web.get("/page", page), web.route("*", "/take", take), web.get("/frame", take)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "localhost", 0).start()
    session = await browser.open_session(f"http://127.0.0.1:{runner.addresses[0][1]}/page")

    async def go_on() -> None:
        shown = await session.look()
        if way == "form":
            await session.act(SubmitForm({}), soon())
        await session.wait(shown, soon())

    with pytest.raises(LedAway, match=r"another host \(localhost\)"):
        await go_on()
    await session.close()
    await runner.cleanup()

    assert ("/take" in came) is (way == "redirect")  # of the experiment's own server, which may


async def test_page_whose_script_holds_the_form_back_says_why(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel", quiz=True)) as (session, _):
        await advance(session)
        answer = await session.act(SubmitForm({"sum": "5"}), soon())
        assert (answer.accepted, answer.words) == (False, ("That is not the sum.",))
        assert (await session.act(SubmitForm({"sum": "4"}), soon())).accepted


async def test_tab_that_was_closed_is_opened_again_from_the_link(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, page):
        woken = asyncio.create_task(session.wait(page, soon()))
        await asyncio.sleep(0)
        assert session._tab is not None
        await session._tab.close()
        after = await woken
        assert after is not None
        assert (after.location, after.visit != page.visit) == (page.location, True)
        assert (await session.act(say("back"), soon())).accepted


async def test_tab_that_crashed_is_opened_again_while_an_act_is_under_way(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, page):
        unanswered = asyncio.create_task(
            session.act(SendLive({"type": "say", "text": "", "ref": "a"}, "b"), soon())
        )
        await asyncio.sleep(0.1)
        crash = asyncio.create_task(crash_tab(session))
        with pytest.raises(TimeoutError, match="the tab was lost"):
            await unanswered
        crash.cancel()
        after = await session.wait(page, soon())
        assert after is not None
        assert (after.location, after.visit != page.visit) == (page.location, True)


async def crash_tab(session: BrowserSession) -> None:
    tab = session._tab
    assert tab is not None
    debugger = await tab._connection.command("goog:cdp.getSession", {"context": tab._context})
    crash = {"method": "Page.crash", "session": debugger["session"]}
    await tab._connection.command("goog:cdp.sendCommand", crash)  # never answered


def programs_below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("program", ["chromium", "chromedriver"])
async def test_browser_that_dies_is_replaced_and_its_participants_go_on(
    neutral_server: NeutralServer, program: str
) -> None:
    _, links = neutral_server.session("channel", 2)
    before = {one.pid for one in programs_below(os.getpid())}
    async with open_browser(BrowserSettings.find()) as browser, contextlib.AsyncExitStack() as seats:
        seated_here = [await seats.enter_async_context(seated(browser, link)) for link in links]
        woken = [asyncio.create_task(session.wait(page, soon())) for session, page in seated_here]
        ours = [one for one in programs_below(os.getpid()) if one.pid not in before]
        main = next(one for one in ours if one.name() == program and "--type" not in " ".join(one.cmdline()))
        main.send_signal(signal.SIGKILL)
        for (_, page), after in zip(seated_here, await asyncio.gather(*woken), strict=True):
            assert after is not None
            assert (after.location, after.visit != page.visit) == (page.location, True)
        for session, _ in seated_here:
            assert (await session.act(say("back"), soon())).accepted


async def test_browser_that_keeps_dying_is_a_lost_session(neutral_server: NeutralServer) -> None:
    found = BrowserSettings.find()
    settings = BrowserSettings(found.browser, found.driver, restarts=0)
    async with (
        open_browser(settings) as browser,
        seated(browser, neutral_server.link("channel")) as (session, page),
    ):
        await browser.close()
        with pytest.raises(SessionLost):
            await session.wait(page, soon())
