"""What a session in Chromium promises beyond the contract of all: scripts run, and losses are mended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from aiohttp import web

from bots.adapters.bidi_tabs import BidiTab
from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.web_driver import Browser, BrowserSession, BrowserSettings, open_browser
from bots.domain.errors import LedAway, PageOverdue, SessionLost
from bots.domain.pages import Page, SendLive, SubmitForm
from tests.adapters.browser.devtools import crash, is_mapper
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import ANSWERS, STORED, advance, say, soon
from tests.adapters.small_server import free_port, served
from tests.end_to_end.command import descendants

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


async def test_browser_says_who_does_not_answer(browser: Browser) -> None:
    port = free_port()
    async with seated(browser, f"http://127.0.0.1:{port}/InitializeParticipant/abc") as (_, page):
        assert f"127.0.0.1:{port}" in page.text or "refused to connect" in page.text


AWAY = {
    "redirect": "",
    "answer": '<form id="form" method="post" action="/answer"><button>Next</button></form>',
    "form": '<form id="form" method="post" action="http://OTHER/take"><button>Next</button></form>',
    "script": "<script>setTimeout(() => { location = 'http://OTHER/take?who=abc'; }, 50);</script>",
    "refresh": '<meta http-equiv="refresh" content="0; url=http://OTHER/take?who=abc">',
}


@contextlib.asynccontextmanager
async def two_hosts(
    browser: Browser, html: str, *, redirects: bool = False, leads_to: str = "/take?who=abc"
) -> AsyncIterator[tuple[BrowserSession, list[str]]]:
    """A participant at a page of 127.0.0.1, and what came to the same server under its name localhost."""
    came: list[str] = []

    def other(request: web.Request) -> str:
        return f"localhost:{request.url.port}"

    async def page(request: web.Request) -> web.Response:
        if redirects:
            return await answer(request)
        frame = f'<iframe src="http://{other(request)}/frame"></iframe>'
        text = f"<h1>Survey</h1>{html.replace('OTHER', other(request))}{frame}"
        return web.Response(text=text, content_type="text/html")

    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound(leads_to if "://" in leads_to else f"http://{other(request)}{leads_to}")

    async def take(request: web.Request) -> web.Response:
        came.append(request.path)
        return web.Response(text="taken")

    routes = [web.get("/page", page), web.route("*", "/answer", answer)]
    routes += [web.route("*", "/take", take), web.get("/frame", take)]
    async with served(routes, host="localhost") as url:
        session = await browser.open_session(f"{url}/page")
        try:
            yield session, came
        finally:
            await session.close()


@pytest.mark.parametrize("way", AWAY)
async def test_page_that_leads_to_another_host_is_not_followed(browser: Browser, way: str) -> None:
    async def go_on(session: BrowserSession) -> None:
        shown = await session.look()
        if way in ("form", "answer"):
            await session.act(SubmitForm({}), soon())
        await session.wait(shown, soon())

    async with two_hosts(browser, AWAY[way], redirects=way == "redirect") as (session, came):
        with pytest.raises(LedAway, match=r"another host \(localhost\)"):
            await go_on(session)

    assert "/take" not in came


WINDOWS = """<a href="http://OTHER/take" target="_blank">on</a>
<a href="http://OTHER/take" target="_blank" rel="noopener">on</a>
<form action="http://OTHER/take" target="_blank"></form>
<script>
    setTimeout(async () => {
        open("http://OTHER/take?who=abc");
        open("/answer");
        for (const link of document.links) link.click();
        document.forms[0].submit();
        for (let time = 0; time < 10; time++) await fetch("/frame");
        location = "/clicked";
    }, 50);
</script>"""


async def test_pages_open_no_windows_in_which_nobody_would_look(browser: Browser) -> None:
    async with two_hosts(browser, WINDOWS) as (session, came):
        after = await session.wait(await session.look(), soon())

    assert after is not None
    assert after.location == "/clicked"
    assert set(came) == {"/frame"}  # which a page may hold, as it may hold a picture


async def test_end_of_a_session_at_the_service_that_recruited_is_told_as_such(browser: Browser) -> None:
    completion = "https://app.prolific.com/submissions/complete?cc=C0DE"
    async with two_hosts(browser, AWAY["answer"], leads_to=completion) as (session, _):
        await session.look()
        with pytest.raises(LedAway) as away:
            await session.act(SubmitForm({}), soon())

    assert (away.value.host, away.value.path) == ("app.prolific.com", "/submissions/complete")
    assert away.value.completes
    assert "C0DE" not in str(away.value)


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
    code, [link] = neutral_server.session("channel", 1)
    async with seated(browser, link) as (session, page):
        unanswered = asyncio.create_task(
            session.act(SendLive({"type": "say", "text": "a", "ref": "a"}, "b"), soon())
        )
        while neutral_server.stored(code)[0]["channel.1.player.heard"] != "a":  # noqa: ASYNC110 - a server's
            await asyncio.sleep(0.01)
        crash = asyncio.create_task(crash_tab(session))
        with pytest.raises(TimeoutError, match="the tab was lost"):
            await unanswered
        crash.cancel()
        after = await session.wait(page, soon())
        assert after is not None
        assert (after.location, after.visit != page.visit) == (page.location, True)


async def crash_tab(session: BrowserSession) -> None:
    await debug(session, "Page.crash")  # never answered


async def debug(session: BrowserSession, method: str) -> Mapping[str, Any]:
    """Ask Chromium about a participant's tab."""
    tab = session._tab
    assert isinstance(tab, BidiTab)
    debugger = await tab._connection.command("goog:cdp.getSession", {"context": tab._context})
    asked = {"method": method, "session": debugger["session"]}
    answer = await tab._connection.command("goog:cdp.sendCommand", asked)
    return cast("Mapping[str, Any]", answer["result"])


async def test_pages_that_were_left_are_not_kept_in_memory(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    link = neutral_server.link("channel")
    async with seated(browser, link) as (session, _):
        for _ in range(8):
            assert session._tab is not None
            await session._tab.open(link)
        await debug(session, "HeapProfiler.collectGarbage")
        assert (await debug(session, "Memory.getDOMCounters"))["documents"] <= 2


async def test_pages_of_many_bots_are_not_drawn_as_nobody_looks_at_them(browser: Browser) -> None:
    seen = "<p id=seen></p><script>seen.textContent = `It is ${document.visibilityState}.`</script>"
    async with two_hosts(browser, seen), two_hosts(browser, seen) as (session, _):
        assert "It is hidden." in (await session.look()).text
        assert (await session.screenshot()).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "program", ["Chromium", "ChromeDriver", "ChromeDriver's page", "ChromeDriver's page beside windows"]
)
async def test_browser_that_dies_is_replaced_and_its_participants_go_on(
    neutral_server: NeutralServer, program: str
) -> None:
    _, links = neutral_server.session("channel", 2)
    found = BrowserSettings.find()
    if program.endswith("beside windows"):
        found = replace(found, browser=BrowserSettings.find(BrowserOptions(classic=True)).browser)
    before = {one.pid for one in descendants(os.getpid())}
    async with open_browser(found) as browser, contextlib.AsyncExitStack() as seats:
        seated_here = [await seats.enter_async_context(seated(browser, link)) for link in links]
        woken = [asyncio.create_task(session.wait(page, soon())) for session, page in seated_here]
        ours = [one for one in descendants(os.getpid()) if one.pid not in before]
        main = {one.name(): one for one in ours if "--type" not in " ".join(one.cmdline())}
        assert found.browser is not None
        chromium = main[found.browser.name]
        if program.startswith("ChromeDriver's page"):
            await crash(chromium, is_mapper)
        else:
            (chromium if program == "Chromium" else main["chromedriver"]).send_signal(signal.SIGKILL)
        for (_, page), after in zip(seated_here, await asyncio.gather(*woken), strict=True):
            assert after is not None
            assert (after.location, after.visit != page.visit) == (page.location, True)
        for session, _ in seated_here:
            assert (await session.act(say("back"), soon())).accepted


async def test_browser_that_answers_nothing_any_more_holds_nobody_back_who_leaves_or_comes(
    neutral_server: NeutralServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.adapters.bidi_tabs._CLOSE_SECONDS", 0.2)
    _, links = neutral_server.session("channel", 2)
    before = {one.pid for one in descendants(os.getpid())}
    async with (
        open_browser(settings := BrowserSettings.find()) as browser,
        seated(browser, links[0]) as (session, _),
    ):
        late = await browser.open_session(links[1])
        late._browser._settings = replace(settings, page_seconds=0.2)
        chromium = [one for one in descendants(os.getpid()) if one.pid not in before]
        for one in chromium:
            one.suspend()
        try:
            await session.close()
            with pytest.raises(PageOverdue):
                await late.look()
        finally:
            for one in chromium:
                one.resume()


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
