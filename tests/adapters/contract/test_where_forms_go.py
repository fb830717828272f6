"""A form goes where its page and the pressed button say, and as they say, whatever somebody sits in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import BodyPartReader, web

from bots.adapters.http_session import Http
from bots.domain.errors import LedAway, NeedsBrowser
from bots.domain.pages import Button, SubmitForm
from tests.adapters.participants import Transport, seated, soon
from tests.adapters.small_server import served

pytestmark = pytest.mark.asyncio(loop_scope="session")

Came = tuple[str, str, str, list[tuple[str, ...]]]
"""Method, path, media type, and names and values as they were sent."""

PAIRS = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data"
ANSWERED: list[tuple[str, ...]] = [("who", "A&B +\r\n"), ("go", "1")]


@dataclass
class Survey:
    """One page with a form, on a server that takes whatever is sent from it."""

    url: str = ""
    came: list[Came] = field(default_factory=list)


@contextlib.asynccontextmanager
async def survey(html: str) -> AsyncIterator[Survey]:
    """Serve a page; `OTHER` in it is the same server under another name of its host."""
    taken = Survey()

    async def page(request: web.Request) -> web.Response:
        text = f"<h1>Survey</h1>{html.replace('OTHER', f'localhost:{request.url.port}')}"
        return web.Response(text=text, content_type="text/html")

    async def take(request: web.Request) -> web.Response:
        taken.came.append((request.method, request.path, request.content_type, await sent(request)))
        return web.Response(text="<h1>Taken</h1>", content_type="text/html")

    routes = [web.get("/p/survey", page), web.get("/favicon.ico", page), web.route("*", "/{any:.*}", take)]
    async with served(routes, host="localhost") as url:
        taken.url = f"{url}/p/survey?from=link"
        yield taken


async def sent(request: web.Request) -> list[tuple[str, ...]]:
    if request.content_type == "text/plain":
        return [tuple(line.split("=", 1)) for line in (await request.text()).split("\r\n")]
    if request.content_type != PARTS:
        pairs = request.query if request.method == "GET" else await request.post()
        return [(name, str(value)) for name, value in pairs.items()]
    parts = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        more = () if part.filename is None else (part.filename, part.headers["Content-Type"])
        parts.append((str(part.name), (await part.read()).decode(), *more))
    return parts


FORM = '<form id="form" method="post" {}><textarea name="who"></textarea>{}</form>{}'
BUTTON = '<button name="go" value="1" {}>Go</button>'


def form(of_form: str, of_button: str = "", beside: str = "") -> str:
    return FORM.format(of_form, BUTTON.format(of_button), beside)


PLACES = {
    "nothing is said": (form(""), ("POST", "/p/survey", PAIRS, ANSWERED)),
    "the form says where": (form('action="next?a=1"'), ("POST", "/p/next", PAIRS, ANSWERED)),
    "the button says where": (
        form('action="/no"', 'formaction=" /yes#part "'),
        ("POST", "/yes", PAIRS, ANSWERED),
    ),
    "the button says here": (form('action="/no"', 'formaction=""'), ("POST", "/p/survey", PAIRS, ANSWERED)),
    "the page has another base": (
        form("", 'formaction="next"', '<base href="/b/">'),
        ("POST", "/b/next", PAIRS, ANSWERED),
    ),
    "the button asks": (
        form("", 'formmethod="get" formaction="/find?old=1"'),
        ("GET", "/find", "application/octet-stream", ANSWERED),
    ),
    "the button says nonsense": (
        form('action="/to" enctype="multipart/form-data"', 'formmethod="put" formenctype="x"'),
        ("GET", "/to", "application/octet-stream", ANSWERED),
    ),
    "in parts": (
        form("", 'formaction="/to" formenctype="multipart/form-data"'),
        ("POST", "/to", PARTS, ANSWERED),
    ),
    "in lines": (
        form('action="/to" enctype="text/plain"'),
        ("POST", "/to", "text/plain", [("who", "A&B +"), ("",), ("go", "1"), ("",)]),
    ),
    "a file is in its parts": (
        form(
            'action="/to" enctype="multipart/form-data"',
            "",
            '<input type="file" name="a &quot;b" form="form">',
        ),
        (
            "POST",
            "/to",
            PARTS,
            [*ANSWERED[:1], ("go", "1"), ("a %22b", "", "", "application/octet-stream")],
        ),
    ),
    "a file is in its pairs": (
        form('action="/to"', "", '<input type="file" name="file" form="form">'),
        ("POST", "/to", PAIRS, [*ANSWERED, ("file", "")]),
    ),
    "the button stands elsewhere": (
        FORM.format(
            "", '<button formaction="/no">Stay</button>', BUTTON.format('form="form" formaction="/yes"')
        ),
        ("POST", "/yes", PAIRS, ANSWERED),
    ),
    "the button is a picture": (
        FORM.format(
            "", "", '<input type="image" name="go" value="1" form="form" formaction="/yes" alt="Go">'
        ),
        ("POST", "/yes", PAIRS, [ANSWERED[0], ("go.x", "0"), ("go.y", "0")]),
    ),
}


@pytest.mark.parametrize("place", PLACES)
async def test_a_form_goes_where_page_and_button_say_and_as_they_say(
    transport: Transport, place: str
) -> None:
    html, expected = PLACES[place]
    async with survey(html) as taken, seated(transport, taken.url) as (session, _):
        answer = await session.act(SubmitForm({"who": "A&B +\n"}, Button("Go", "go", "1")), soon())

    assert taken.came == [expected]
    assert answer.page is not None
    assert (answer.page.title, answer.page.location) == ("Taken", expected[1])


async def test_a_button_that_sends_the_form_to_another_host_is_not_followed(transport: Transport) -> None:
    page = form("", 'formaction="http://OTHER/take?who=1"')
    async with survey(page) as taken, seated(transport, taken.url) as (session, _):
        with pytest.raises(LedAway, match=r"/p/survey leads to another host \(localhost\)") as away:
            await session.act(SubmitForm({}), soon())

    assert away.value.path == "/take"
    assert taken.came == []


@pytest.mark.parametrize(
    "of_button",
    ['formmethod="dialog"', 'formaction="javascript:void(0)"', 'formaction="http://["'],
)
async def test_a_button_that_sends_nothing_to_a_server_needs_a_browser(http: Http, of_button: str) -> None:
    async with survey(form("", of_button)) as taken, seated(http, taken.url) as (session, page):
        with pytest.raises(NeedsBrowser, match="its form goes to no server") as need:
            await session.act(SubmitForm({}), soon())
        assert await session.look() == page

    assert need.value.left is None
    assert taken.came == []
