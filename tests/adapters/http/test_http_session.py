"""What a session without a browser promises beyond the contract of all."""

from __future__ import annotations

import asyncio
import gzip
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from bots.adapters.http_script_files import ScriptFiles, script_files
from bots.adapters.http_scripts import Does, Need, Sockets, does, need_of_browser, sockets
from bots.adapters.http_session import Http, HttpSession, HttpSettings, open_http
from bots.adapters.page_readers import Document, Snapshot, read_document
from bots.domain.errors import LedAway, NeedsBrowser, PageOverdue, PageTooLong, SessionLost
from bots.domain.pages import PageKind, SubmitForm
from tests.adapters.http.broken_line import BrokenLine, broken_line
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import advance, say, seated, soon
from tests.adapters.small_server import served

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def line(neutral_server: NeutralServer) -> AsyncIterator[BrokenLine]:
    async with broken_line(urlsplit(neutral_server.url).port or 0) as line:
        yield line


def over(line: BrokenLine, link: str) -> str:
    return f"http://127.0.0.1:{line.port}{urlsplit(link).path}"


async def test_form_whose_answer_was_lost_is_not_sent_again(
    http: Http, neutral_server: NeutralServer, line: BrokenLine
) -> None:
    async with seated(http, over(line, neutral_server.link("channel"))) as (session, _):
        line.break_after = "POST"
        answer = await session.act(SubmitForm({}), soon())
        assert answer.accepted
        assert answer.page is not None
        assert answer.page.name == "Failing"
    assert sum(request.startswith("POST") for request in line.requests) == 1


async def test_form_that_never_arrived_is_told_as_not_accepted_and_not_sent_again(
    http: Http, neutral_server: NeutralServer, line: BrokenLine
) -> None:
    async with seated(http, over(line, neutral_server.link("channel"))) as (session, page):
        line.break_before = "POST"
        answer = await session.act(SubmitForm({}), soon())
        assert (answer.accepted, len(answer.words)) == (False, 1)
        assert "connection was lost" in answer.words[0]
        assert answer.page is not None
        assert (answer.page.name, answer.page.visit != page.visit) == ("Live", True)
        assert sum(request.startswith("POST") for request in line.requests) == 1
        line.break_before = "\0"
        assert (await session.act(SubmitForm({}), soon())).accepted


async def test_line_that_stays_broken_is_a_broken_page_until_the_server_is_back(
    http: Http, neutral_server: NeutralServer, line: BrokenLine
) -> None:
    async with seated(http, over(line, neutral_server.link("channel"))) as (session, _):
        line.break_before = ""
        answer = await session.act(SubmitForm({}), soon())
        assert not answer.accepted
        assert answer.page is not None
        assert answer.page.kind is PageKind.BROKEN
        assert "127.0.0.1 cannot be reached" in answer.words[0]
        assert (await session.look()).kind is PageKind.BROKEN
        line.break_before = "\0"
        assert (await session.look()).name == "Live"


async def test_socket_that_broke_is_opened_again(
    http: Http, neutral_server: NeutralServer, line: BrokenLine
) -> None:
    line.break_before = "GET /live"
    async with seated(http, over(line, neutral_server.link("channel"))) as (session, _):
        spoken = asyncio.create_task(session.act(say("at last"), soon()))
        await line.broken.wait()
        assert not spoken.done()
        line.break_before = "\0"
        assert (await spoken).accepted


@pytest.mark.parametrize(
    ("config", "fields", "pages", "need"),
    [
        ("questions", {"scripted": True}, 1, Need.HIDDEN),
        ("channel", {"quiz": True}, 1, Need.CHECKED),
        ("channel", {"quiz": "in a file"}, 1, Need.CHECKED),
    ],
)
async def test_page_that_its_script_must_use_asks_for_a_browser(
    http: Http, neutral_server: NeutralServer, config: str, fields: dict[str, Any], pages: int, need: Need
) -> None:
    async with seated(http, neutral_server.link(config, **fields)) as (session, _):
        with pytest.raises(NeedsBrowser, match=need.value):
            await session.act(SubmitForm({}), soon())
        with pytest.raises(NeedsBrowser):
            await session.look()


NEXT = "<button class='otree-btn-next'>Next</button>"


@pytest.mark.parametrize(
    ("html", "need"),
    [
        (f"<form id='form'>{NEXT}</form>", None),
        (f"<form id='form'>{NEXT}</form><script>function readPage() {{}}</script>", Need.READ_PAGE),
        (f"<form id='form'>{NEXT}</form><script>window.readPage = () => 1</script>", Need.READ_PAGE),
        (f"<form id='form'>We say: function readPage {NEXT}</form>", None),
        (f"<form id='form' action='javascript:void(0);'>{NEXT}</form>", Need.TRIALS),
        (f"<form id='form'>{NEXT}</form><script>f.addEventListener('submit', g)</script>", Need.CHECKED),
        (
            f"<form id='form'>{NEXT}</form><script data-bots-ignore>f.addEventListener('submit', g)</script>",
            None,
        ),
        (f"<form id='form' onsubmit='return ok()'>{NEXT}</form>", Need.CHECKED),
        (f"<form id='form'><input type='hidden' name='x'>{NEXT}</form>", Need.HIDDEN),
        (f"<form id='form'><input type='hidden' name='x' value='1'>{NEXT}</form>", None),
        ("<form id='form'><button type='button'>Send</button></form>", Need.BUTTONS),
        (f"<form id='form'><button type='button'>Calculator</button>{NEXT}</form>", None),
    ],
)
async def test_need_of_a_browser_is_read_from_the_page(html: str, need: Need | None) -> None:
    document = Document(Snapshot("v", "http://localhost/p/abc/app/Page/1", html, 0.0))
    assert need_of_browser(document, read_document(document)) is need


@pytest.mark.parametrize(
    ("source", "need"),
    [
        ("function readPage() { return {}; }", Need.READ_PAGE),
        ("form.addEventListener('submit', check)", Need.CHECKED),
        ("console.log('what we draw')", None),
    ],
)
async def test_need_of_a_browser_is_read_from_script_files_too(source: str, need: Need | None) -> None:
    html = f"<form id='form'>{NEXT}</form><script src='/static/own.js'></script>"
    document = Document(Snapshot("v", "http://localhost/p/abc/app/Page/1", html, 0.0))
    assert need_of_browser(document, read_document(document), does(source)) is need


async def test_script_files_are_those_of_the_page_s_own_server_without_otree_s() -> None:
    page = """<script src="/static/otree/js/live.js"></script>
    <script defer SRC='own.js?v=1&amp;w=2#top'></script>
    <!-- <script src="/static/old.js"></script> --><script>const src = "/static/text.js";</script>
    <script src=//elsewhere.example/far.js></script><script src="http://[broken/x.js"></script>
    <script src="/static/line.js" data-bots-ignore></script>
    <script type="module" src=/static/plot.js></script><script src="data:text/javascript,1"></script>"""
    assert script_files(page, "http://localhost:8000/p/abc/app/Page/1") == (
        "http://localhost:8000/p/abc/app/Page/own.js?v=1&w=2",
        "http://localhost:8000/static/plot.js",
    )


async def test_script_file_is_asked_for_once_by_all_and_again_only_if_it_did_not_come_whole() -> None:
    asked: list[str] = []

    async def file(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        if request.path == "/cut.js" and "/cut.js" not in asked[:-1]:
            cut = web.StreamResponse(headers={"Content-Length": "1000"})
            await cut.prepare(request)
            await cut.write(b"form.")
            assert request.transport is not None
            request.transport.abort()
            return cut
        return web.Response(text="form.onsubmit = check", status=404 if request.path == "/none.js" else 200)

    page = "<script src=none.js></script><script src=cut.js></script>"
    async with served([web.get("/{path:.*}", file)]) as url, aiohttp.ClientSession() as client:
        files, address = ScriptFiles(client), f"{url}/"
        await asyncio.gather(*(files.load([f"{address}own.js"]) for _ in range(5)))
        of_page = script_files(page, address)
        await files.load(of_page)
        assert files.do(of_page) is Does.NOTHING
        await files.load(of_page)
        assert files.do(of_page) is Does.CHECKS_FORM
    assert asked == ["/own.js", "/none.js", "/cut.js", "/cut.js"]


async def test_sockets_are_paths_of_the_page_s_own_server() -> None:
    html = """<div class="otree-wait-page"></div>
    <script id="otree-live" data-socket-url="//elsewhere.example/live"></script>
    <script id="websocket-redirect" data-socket-url="/auto_advance?a=1&amp;b=2"></script>
    <script>socket = makeReconnectingWebSocket("/wait_page?a=1&amp;b=2");</script>"""
    found = sockets(Document(Snapshot("v", "http://localhost/p/abc/app/Wait/1", html, 0.0)))
    assert found == Sockets(None, "/wait_page?a=1&b=2", "/auto_advance?a=1&b=2")


@cache
def packed_page() -> bytes:
    return gzip.compress(b" " * 200_000_000, compresslevel=1)


@pytest_asyncio.fixture(loop_scope="session")
async def small_server() -> AsyncIterator[str]:
    """A server that does what oTree does not."""

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://localhost:1/elsewhere")

    async def around(request: web.Request) -> web.Response:
        raise web.HTTPFound("/around")

    async def never(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    async def paid(request: web.Request) -> web.Response:
        raise web.HTTPFound("https://app.prolific.com/submissions/complete?cc=C0DE")

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html; charset=no-such-one"})
        await response.prepare(request)
        while True:
            await response.write(b"<p>More.</p>" * 10_000)

    async def packed(request: web.Request) -> web.Response:
        return web.Response(
            body=packed_page(), headers={"Content-Encoding": "gzip", "Content-Type": "text/html"}
        )

    routes = [web.get("/away", away), web.get("/around", around), web.get("/never", never)]
    routes += [web.get("/paid", paid), web.get("/endless", endless), web.get("/packed", packed)]
    async with served(routes) as url:
        yield url


async def test_redirect_to_another_host_is_not_followed(http: Http, small_server: str) -> None:
    session = await http.open_session(f"{small_server}/away")
    with pytest.raises(LedAway, match=r"/away leads to another host \(localhost\)"):
        await session.look()
    await session.close()


async def test_end_of_a_session_at_the_service_that_recruited_is_told_as_such(
    http: Http, small_server: str
) -> None:
    session = await http.open_session(f"{small_server}/paid")
    with pytest.raises(LedAway) as away:
        await session.look()
    await session.close()
    assert (away.value.host, away.value.completes) == ("app.prolific.com", True)
    assert "C0DE" not in str(away.value)


@pytest.mark.parametrize("page", ["endless", "packed"])
async def test_page_without_end_is_told_and_takes_no_memory(http: Http, small_server: str, page: str) -> None:
    packed_page()  # made before memory is counted
    session = await http.open_session(f"{small_server}/{page}")
    tracemalloc.start()
    try:
        with pytest.raises(PageTooLong, match=rf"/{page} has more than 16 MB"):
            await session.look()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await session.close()
    assert most < 120e6  # the bytes of both sides of the line; of the whole page at least 200 million


async def test_redirects_without_end_are_a_broken_page(http: Http, small_server: str) -> None:
    async with seated(http, f"{small_server}/around") as (_, page):
        assert (page.kind, page.text) == (PageKind.BROKEN, "127.0.0.1 redirected more than 10 times")


async def test_page_that_never_comes_is_overdue(small_server: str) -> None:
    async with open_http(HttpSettings(page_seconds=0.2)) as http:
        session = await http.open_session(f"{small_server}/never")
        with pytest.raises(PageOverdue, match=r"showed nothing for 0\.2 s"):
            await session.look()


async def test_more_participants_wait_than_there_are_connections(neutral_server: NeutralServer) -> None:
    _, links = neutral_server.session("channel", 6)
    async with open_http(HttpSettings(requests_at_once=2, settled_seconds=0)) as http:
        sessions = [await http.open_session(link) for link in links]
        pages = await asyncio.gather(*(session.look() for session in sessions))
        waiting = [
            session.wait(page, time.monotonic() + 0.5) for session, page in zip(sessions, pages, strict=True)
        ]
        assert await asyncio.gather(*waiting) == [None] * 6
        assert [(await advance(session)).name for session in sessions] == ["Failing"] * 6


class SlowForms:
    """A server whose every page is a form of its own, and which answers a form once it is let."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.enough = asyncio.Semaphore(0)
        self.let = asyncio.Event()

    async def _page(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            self.sent.append(request.path)
            self.enough.release()
            await self.let.wait()
        return web.Response(
            text=f"<form id='form' method='post'>{NEXT}</form>" + "<p>As before.</p>" * 500,
            content_type="text/html",
        )

    def served(self) -> AbstractAsyncContextManager[str]:
        return served([web.route("*", "/{who}", self._page)])


async def test_participants_take_turns_at_a_connection() -> None:
    server = SlowForms()
    server.let.set()

    async def play(session: HttpSession) -> None:
        await session.look()
        for _ in range(3):
            await session.act(SubmitForm({}), soon())

    async with server.served() as url, open_http(HttpSettings(requests_at_once=1)) as http:
        sessions = [await http.open_session(f"{url}/{who}") for who in ("ann", "bob", "cid")]
        await asyncio.gather(*map(play, sessions))
    assert server.sent == ["/ann", "/bob", "/cid"] * 3


async def test_participant_whose_form_is_not_answered_yet_takes_little_memory() -> None:
    server, bots = SlowForms(), 30
    async with server.served() as url, open_http(HttpSettings(requests_at_once=bots)) as http:
        sessions = [await http.open_session(f"{url}/{number}") for number in range(bots)]
        tracemalloc.start()
        try:
            await asyncio.gather(*(session.look() for session in sessions))
            acts = [asyncio.create_task(session.act(SubmitForm({}), soon())) for session in sessions]
            for _ in acts:
                await server.enough.acquire()
            taken, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        server.let.set()
        await asyncio.gather(*acts)
    assert taken / bots < 200e3  # of both sides of the line; a parsed page is a million bytes


async def test_end_of_the_connections_ends_their_sessions(neutral_server: NeutralServer) -> None:
    async with open_http() as http:
        session = await http.open_session(neutral_server.link("channel"))
        page = await session.look()
        woken = asyncio.create_task(session.wait(page, soon()))
        await asyncio.sleep(0)
    with pytest.raises(SessionLost):
        await woken
