"""A page that is longer than a page can be stays in the browser, and it is told as without a browser."""

from __future__ import annotations

import contextlib
import dataclasses
import tracemalloc
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiohttp import web

from bots.adapters.web_driver import Browser, BrowserSettings, open_browser
from bots.domain.errors import PageTooLong
from bots.domain.pages import SubmitForm, UseControl
from tests.adapters.participants import seated, soon
from tests.adapters.small_server import served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MOST = 100_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sparing() -> AsyncIterator[Browser]:
    """A browser whose pages have 100 kB at most."""
    async with open_browser(dataclasses.replace(BrowserSettings.find(), page_bytes=MOST)) as browser:
        yield browser


@contextlib.asynccontextmanager
async def page_of(html: str, *, then: str = "", endless: bool = False) -> AsyncIterator[str]:
    """Serve a page and return its address; `then` follows its form, and one without end repeats itself."""

    async def page(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8"})
        await response.prepare(request)
        await response.write((html if request.method == "GET" else then).encode())
        while endless:
            await response.write(html.encode())
        return response

    async with served([web.route("*", "/p/long", page)]) as url:
        yield f"{url}/p/long"


@contextlib.contextmanager
def in_little_memory() -> Iterator[None]:
    """Check that less is taken than a page of five million bytes would."""
    tracemalloc.start()
    try:
        yield
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3e6


FORM = '<form id="form" method="post"><button>Next</button></form>'


@pytest.mark.parametrize(
    "html",
    [
        f"<p>{'x' * MOST}</p>",
        f"<p>{'é' * (MOST // 2)}</p>",  # two bytes each
        f"<script>readPage = () => ({{ page: 'x'.repeat({MOST}) }})</script>",
    ],
    ids=["letters", "bytes", "what it tells bots"],
)
async def test_a_page_of_too_many_bytes_is_not_read(sparing: Browser, html: str) -> None:
    async with page_of(html) as address:
        session = await sparing.open_session(address)
        with pytest.raises(PageTooLong, match=r"^/p/long has more than 0\.1 MB and was not read to its end"):
            await session.look()
        await session.close()


async def test_a_page_of_too_many_bytes_takes_no_memory_of_ours(sparing: Browser) -> None:
    async with page_of("<script>document.write('x'.repeat(5e6))</script>") as address:
        session = await sparing.open_session(address)
        with in_little_memory(), pytest.raises(PageTooLong):
            await session.look()
        await session.close()


async def test_a_page_that_has_as_many_bytes_as_it_may_is_read(sparing: Browser) -> None:
    async with page_of(f"<p>{'x' * (MOST - 100)}</p>") as address, seated(sparing, address) as (_, page):
        assert len(page.text) > MOST - 200


async def test_a_page_without_end_is_loaded_no_further(sparing: Browser) -> None:
    async with page_of("<p>More.</p>" * 1_000, endless=True) as address:
        session = await sparing.open_session(address)
        with pytest.raises(PageTooLong, match=r"/p/long has more than 0\.1 MB"):
            await session.look()
        await session.close()


async def test_a_page_that_follows_a_form_is_held_to_it_too(sparing: Browser) -> None:
    async with (
        page_of(FORM, then=f"<p>{'x' * MOST}</p>") as address,
        seated(sparing, address) as (session, _),
    ):
        with pytest.raises(PageTooLong, match=r"/p/long has more than 0\.1 MB"):
            await session.act(SubmitForm({}), soon())


GROWS = "<button type=button onclick=\"document.body.append('x'.repeat(5e6))\">Grow</button>"


async def test_a_page_that_grows_is_not_read_any_more(sparing: Browser) -> None:
    async with page_of(GROWS) as address, seated(sparing, address) as (session, page):
        with in_little_memory(), pytest.raises(PageTooLong, match=r"/p/long has more than 0\.1 MB"):
            await session.act(UseControl(page.controls[0], {}), soon())
