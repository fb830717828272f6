"""What a page shows is never older than the frames that it is returned with."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bots.adapters.web_driver import Browser
from bots.domain.pages import Page, SubmitForm
from tests.adapters.participants import seated, soon
from tests.adapters.small_server import served

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# A page that shows what its socket brings, as oTree's chats do; here it brings it to itself.
PAGE = """<form id="form" method="post"><p>Said: </p><button>Next</button></form><script>
const socket = new WebSocket(`ws://${location.host}/chat`);
const show = ({ said }) => document.querySelector("p").append(`(${said})`);
socket.addEventListener("message", ({ data }) => show(JSON.parse(data)));
let said = 0;
const say = () => socket.dispatchEvent(new MessageEvent("message", { data: `{ "said": ${++said} }` }));
HOW;
</script>"""


@contextlib.asynccontextmanager
async def talk(how: str, *, busy_seconds: float = 0.0) -> AsyncIterator[str]:
    """Serve the page and return its address; after its form has come this process is busy."""

    async def page(request: web.Request) -> web.Response:
        if request.method == "POST":
            asyncio.get_running_loop().call_later(0.003, time.sleep, busy_seconds)
        return web.Response(text=PAGE.replace("HOW", how), content_type="text/html")

    async with served([web.route("*", "/p/talk", page)]) as url:
        yield f"{url}/p/talk"


def unshown(page: Page) -> list[object]:
    """Return what a page's frames say and the page does not."""
    return [frame["said"] for frame in page.frames if f"({frame['said']})" not in page.text]


async def test_words_that_come_right_after_a_page_are_news_of_it_and_are_shown_then(browser: Browser) -> None:
    async with (
        talk("setTimeout(say, 20)", busy_seconds=1) as address,
        seated(browser, address) as (session, _),
    ):
        answer = await session.act(SubmitForm({}), soon())
        assert answer.page is not None
        assert unshown(answer.page) == []
        after = await session.wait(answer.page, soon())

    assert after is not None
    assert ([frame["said"] for frame in after.frames], unshown(after)) == ([1], [])


async def test_words_that_come_while_a_page_is_read_are_shown_before_they_are_told(browser: Browser) -> None:
    async with talk("setInterval(say, 1)") as address, seated(browser, address) as (session, page):
        for _ in range(100):
            after = await session.wait(page, soon())
            assert after is not None
            assert unshown(after) == []
            assert len(after.frames) >= len(page.frames)
