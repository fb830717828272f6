"""What a participant session promises, in Chromium against a real oTree server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from bots.adapters.web_driver import Browser, BrowserSession, BrowserSettings, open_browser
from bots.domain.errors import SessionLost
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm
from tests.adapters.browser.conftest import NeutralServer

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]

ANSWERS: dict[str, str | tuple[str, ...]] = {
    "age": "30",
    "offer": "3",
    "share": "0.5",
    "city": '"); alert(1); ("',
    "reason": "First line\n</textarea><script>document.title = 1</script> ${1} 日本",
    "happy": "2",
    "agree": "4",
    "country": "de",
    "news": "",
    "terms": "y",
    "member": "False",
    "slider": "35",
    "colour": ("r", "b"),
}
STORED = {  # oTree exports line ends as spaces
    "age": "30",
    "offer": "3.0",
    "share": "0.5",
    "city": '"); alert(1); ("',
    "reason": "First line  </textarea><script>document.title = 1</script> ${1} 日本",
    "happy": "2",
    "agree": "4",
    "country": "de",
    "news": "0",
    "terms": "1",
    "member": "0",
    "nick": "",
    "slider": "35",
    "moved": "35",  # by the page's script, which follows the slider
    "colours": "rb",  # by the page's script, which follows the boxes
    "choice": "leave",
}


def soon() -> float:
    return time.monotonic() + 10


@contextlib.asynccontextmanager
async def seated(browser: Browser, link: str) -> AsyncIterator[tuple[BrowserSession, Page]]:
    """Someone at the first page of a link."""
    session = await browser.open_session(link)
    try:
        yield session, await session.look()
    finally:
        await session.close()


async def advance(session: BrowserSession) -> Page:
    answer = await session.act(SubmitForm({}), soon())
    assert answer.page is not None
    assert answer.accepted, answer.words
    return answer.page


async def test_filled_form_is_stored_as_it_was_sent(browser: Browser, neutral_server: NeutralServer) -> None:
    code, [link] = neutral_server.session("questions")
    async with seated(browser, link) as (session, _):
        page = await advance(session)
        assert page.form is not None
        answer = await session.act(SubmitForm(ANSWERS, page.form.buttons[1]), soon())
        assert answer.accepted
        assert answer.page is not None
        assert answer.page.kind is PageKind.END
    [row] = neutral_server.stored(code)
    assert {name: row[f"questions.1.player.{name}"] for name in STORED} == STORED


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"age": "42"}, ("Please fix the errors.", "How old are you?: Nobody here is 42.")),
        ({"city": "Atlantis"}, ("Atlantis has sunk.",)),
    ],
)
async def test_refusal_of_the_server_comes_in_its_own_words(
    browser: Browser, neutral_server: NeutralServer, wrong: dict[str, str], words: tuple[str, ...]
) -> None:
    async with seated(browser, neutral_server.link("questions")) as (session, _):
        page = await advance(session)
        answer = await session.act(SubmitForm(ANSWERS | wrong), soon())
        assert not answer.accepted
        assert answer.words == words
        assert answer.page is not None
        assert answer.page.location == page.location
        assert answer.page.visit != page.visit
        assert answer.page.errors == words


async def test_refusal_of_the_browser_names_each_field(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("questions")) as (session, _):
        page = await advance(session)
        wrong = {"age": "5", "happy": "9", "offer": "three", "slider": "33", "nothing": "1"}
        answer = await session.act(SubmitForm(ANSWERS | wrong), soon())
        assert not answer.accepted
        assert set(answer.words) == {
            "How old are you?: Value must be greater than or equal to 18.",
            'How happy are you?: There is no choice "9".',
            'Your offer: "three" cannot be entered here.',
            'Slider: "33" cannot be entered here.',
            "nothing: There is no such field on this page.",
        }
        assert answer.page is not None
        assert answer.page.visit == page.visit
        assert (await session.act(SubmitForm(ANSWERS), soon())).accepted


async def test_wait_page_wakes_both_of_a_group_by_event(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("pairs", 2)
    async with seated(browser, links[0]) as (one, _), seated(browser, links[1]) as (other, _):
        waiting = await advance(one)
        assert waiting.kind is PageKind.WAIT
        woken = asyncio.create_task(one.wait(waiting, soon()))
        assert await one.wait(waiting, time.monotonic() + 0.2) is None
        theirs = await advance(other)
        mine = await woken
        assert mine is not None
        if theirs.kind is PageKind.WAIT:
            theirs = await other.wait(theirs, soon()) or theirs
        assert (mine.name, theirs.name) == ("Timed", "Timed")


async def at_timed_page(one: BrowserSession, other: BrowserSession) -> Page:
    waiting = await advance(one)
    await advance(other)
    page = await one.wait(waiting, soon())
    assert page is not None
    assert page.name == "Timed"
    return page


async def test_timer_of_the_page_is_its_deadline(browser: Browser, neutral_server: NeutralServer) -> None:
    _, links = neutral_server.session("pairs", 2, timer=40)
    async with seated(browser, links[0]) as (one, _), seated(browser, links[1]) as (other, _):
        page = await at_timed_page(one, other)
        assert page.expires_at is not None
        assert 38 < page.expires_at - time.monotonic() <= 40
        again = await one.look()
        assert (again.visit, again.expires_at) == (page.visit, page.expires_at)
        quiet = await advance(one)
        assert (quiet.name, quiet.kind) == ("Quiet", PageKind.FORM)
        assert (await advance(one)).kind is PageKind.FORM


async def test_act_for_a_page_whose_timer_ended_is_not_sent_to_the_next(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2, timer=1)
    async with seated(browser, links[0]) as (one, _), seated(browser, links[1]) as (other, _):
        page = await at_timed_page(one, other)
        tab = one._tab
        assert tab is not None
        await asyncio.wait_for(tab.until(lambda: (tab.loaded and tab.loaded.visit != page.visit) or None), 10)
        answer = await one.act(SubmitForm({"note": "too late"}), soon())
        assert not answer.accepted
        assert answer.words == ("The page had moved on before this was sent.",)
        assert answer.page is not None
        assert answer.page.name == "Quiet"
    assert neutral_server.stored(code)[0]["pairs.1.player.timed_out"] == "1"


async def test_timed_out_form_is_marked_and_not_checked(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2, timer=1.9)
    async with seated(browser, links[0]) as (one, _), seated(browser, links[1]) as (other, _):
        await at_timed_page(one, other)
        answer = await one.act(SubmitForm({"note": "in time"}, timed_out=True), soon())
        assert answer.accepted
    row = neutral_server.stored(code)[0]
    assert (row["pairs.1.player.note"], row["pairs.1.player.timed_out"]) == ("in time", "1")


def say(text: str) -> SendLive:
    return SendLive({"type": "say", "text": text, "ref": text}, text)


async def test_live_message_is_answered_by_the_frame_with_its_name(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, page):
        assert page.live
        answer = await session.act(say("hello"), soon())
        assert answer == Answer(True, frame={"type": "placed", "ref": "hello", "heard": "hello"})
        after = await session.look()
        assert (after.visit, after.revision) == (page.visit, 1)
        assert after.frames == (answer.frame,)
        assert "Heard: hello" in after.text


async def test_refused_live_message_has_the_reasons_as_words(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        answer = await session.act(SendLive({"type": "refuse", "ref": "r"}, "r"), soon())
        assert not answer.accepted
        assert answer.words == ("The price is not on the tick.",)


async def test_live_message_that_the_server_fails_at_is_refused(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        answer = await session.act(SendLive({"type": "crash", "ref": "c"}, "c"), soon())
        assert not answer.accepted
        assert (await session.act(say("still here"), soon())).accepted


async def test_live_frames_wake_who_waits(browser: Browser, neutral_server: NeutralServer) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, page):
        woken = asyncio.create_task(session.wait(page, soon()))
        await session.act(say("news"), soon())
        after = await woken
        assert after is not None
        assert (after.visit, after.revision) == (page.visit, 1)


async def test_live_message_to_a_page_without_a_channel_is_refused(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("questions")) as (session, _):
        assert (await session.act(say("hello"), soon())).words == ("This page takes no live messages.",)


async def test_unanswered_live_message_times_out(browser: Browser, neutral_server: NeutralServer) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        with pytest.raises(TimeoutError, match="did not answer"):
            await session.act(SendLive({"type": "say", "text": "x", "ref": "a"}, "b"), time.monotonic() + 0.3)


async def test_page_whose_script_holds_the_form_back_says_why(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        await advance(session)
        answer = await session.act(SubmitForm({"sum": "5"}), soon())
        assert (answer.accepted, answer.words) == (False, ("That is not the sum.",))
        assert (await session.act(SubmitForm({"sum": "4"}), soon())).accepted


async def test_failing_server_shows_a_broken_page_and_a_second_look_goes_on_from_the_link(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    async with seated(browser, neutral_server.link("channel", fail=True)) as (session, _):
        await advance(session)
        await session.act(SubmitForm({"sum": "4"}), soon())
        answer = await session.act(SubmitForm({}), soon())
        assert not answer.accepted
        assert answer.page is not None
        assert answer.page.kind is PageKind.BROKEN
        assert "500" in answer.words[0] or "error" in answer.words[0].lower()
        assert (await session.look()).name == "Failing"


async def test_unknown_participant_is_a_broken_page(browser: Browser, neutral_server: NeutralServer) -> None:
    async with seated(browser, f"{neutral_server.url}/InitializeParticipant/nobody") as (_, page):
        assert page.kind is PageKind.BROKEN


async def test_server_that_is_not_there_is_a_broken_page(browser: Browser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with seated(browser, f"http://127.0.0.1:{port}/InitializeParticipant/abc") as (_, page):
        assert page.kind is PageKind.BROKEN
        assert "refused to connect" in page.text


async def test_after_the_last_page_comes_the_end(browser: Browser, neutral_server: NeutralServer) -> None:
    async with seated(browser, neutral_server.link("channel")) as (session, _):
        await advance(session)
        await session.act(SubmitForm({"sum": "4"}), soon())
        await advance(session)
        assert (await advance(session)).kind is PageKind.END


async def test_participants_of_one_browser_do_not_disturb_each_other(
    browser: Browser, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("channel", 8)

    async def chat(link: str, words: str) -> None:
        async with seated(browser, link) as (session, _):
            for word in words:
                assert (await session.act(say(word), soon())).accepted

    texts = ["".join(chr(97 + (seat + step) % 26) for step in range(6)) for seat in range(8)]
    await asyncio.gather(*(chat(link, text) for link, text in zip(links, texts, strict=True)))
    assert [row["channel.1.player.heard"] for row in neutral_server.stored(code)] == texts


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


async def test_session_that_was_closed_is_lost(browser: Browser, neutral_server: NeutralServer) -> None:
    session = await browser.open_session(neutral_server.link("channel"))
    await session.close()
    await session.close()
    with pytest.raises(SessionLost):
        await session.look()


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
