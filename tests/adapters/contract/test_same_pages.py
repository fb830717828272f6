"""Two participants walk a session side by side, one in a browser and one without: they see the same pages."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import AsyncIterator, Mapping

import pytest

from bots.adapters.http_session import Http
from bots.adapters.otree_server import OTreeServer
from bots.adapters.web_driver import Browser
from bots.agents.forms import plain_answers
from bots.domain.pages import Act, Page, PageKind, SendLive, SubmitForm
from bots.domain.ports import ParticipantSession
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import ANSWERS, seated, soon

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]

Values = Mapping[str, str | tuple[str, ...]]


def essence(page: Page) -> Page:
    """Return a page without what no two can share: visit, time, participant's code, numbers of orders."""
    view = page.market
    if view is not None:
        orders = tuple(order.model_copy(update={"order_id": 0}) for order in view.open_orders)
        view = view.model_copy(update={"open_orders": orders})
    return dataclasses.replace(
        page,
        visit="",
        location=re.sub(r"/(p|OutOfRangeNotification)/\w+", r"/\1", page.location),
        expires_at=None if page.expires_at is None else 0.0,
        seconds=None if page.seconds is None else 0.0,
        frames=tuple({"type": frame.get("type"), "ref": frame.get("ref")} for frame in page.frames),
        market=view,
    )


class SideBySide:
    """Two who do the same. `page` is what the one in the browser sees; each new page is compared."""

    def __init__(self, one: ParticipantSession, other: ParticipantSession) -> None:
        self._sessions = one, other
        self.page: Page

    async def look(self) -> Page:
        return self._compare(*[await session.look() for session in self._sessions])

    async def submit(self, values: Values) -> Page:
        answers = [await session.act(SubmitForm(values), soon()) for session in self._sessions]
        pages = [answer.page for answer in answers if answer.page is not None]
        assert answers[0].accepted == answers[1].accepted
        if [page.kind for page in pages].count(PageKind.WAIT) == 1:  # the other's form has ended this wait
            return await self.pass_wait()
        return self._compare(*pages)

    async def pass_wait(self) -> Page:
        """Wait until neither waits any more."""
        pages = []
        for session in self._sessions:
            page = await session.look()
            while page.kind is PageKind.WAIT:
                after = await session.wait(page, soon())
                assert after is not None
                page = after
            pages.append(page)
        return self._compare(*pages)

    async def say(self, *acts: Act) -> Page:
        """Send live messages; return the page they leave."""
        for act in acts:
            answers = [await session.act(act, soon()) for session in self._sessions]
            assert (answers[0].accepted, answers[0].words) == (answers[1].accepted, answers[1].words)
        return await self.look()

    async def cancel(self, ref: str) -> Page:
        """Cancel each one's first open order."""
        for session in self._sessions:
            view = (await session.look()).market
            assert view is not None
            order_id = view.open_orders[0].order_id
            message = {"type": "cancel", "order_id": order_id, "ref": ref}
            assert (await session.act(SendLive(message, ref), soon())).accepted
        return await self.look()

    def _compare(self, one: Page, other: Page) -> Page:
        assert essence(one) == essence(other)
        self.page = one
        return one


@contextlib.asynccontextmanager
async def side_by_side(
    browser: Browser, http: Http, in_browser: str, without: str
) -> AsyncIterator[SideBySide]:
    """Seat two at their links, and compare their first pages."""
    async with seated(browser, in_browser) as (one, _), seated(http, without) as (other, _):
        both = SideBySide(one, other)
        await both.look()
        yield both


@pytest.mark.parametrize("app", ["questions", "channel"])
async def test_pages_of_one_are_the_same(
    browser: Browser, http: Http, neutral_server: NeutralServer, app: str
) -> None:
    _, links = neutral_server.session(app, 2)
    async with side_by_side(browser, http, *links) as both:
        while both.page.kind is not PageKind.END:
            values = ANSWERS if both.page.name == "Form" else {}
            if values:
                await both.submit(dict(values) | {"age": "5"})
                await both.submit(dict(values) | {"age": "42"})
            await both.submit(values)


async def test_pages_of_a_pair_are_the_same(
    browser: Browser, http: Http, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("pairs", 4)
    async with side_by_side(browser, http, links[0], links[2]) as both:
        assert (await both.submit({})).kind is PageKind.WAIT
        async with side_by_side(browser, http, links[1], links[3]) as partners:
            await partners.submit({})
        await both.pass_wait()
        while both.page.kind is not PageKind.END:
            await both.submit({})


async def test_error_pages_are_the_same(browser: Browser, http: Http, neutral_server: NeutralServer) -> None:
    nobody = f"{neutral_server.url}/InitializeParticipant/nobody"
    async with side_by_side(browser, http, nobody, nobody) as both:
        assert both.page.kind is PageKind.BROKEN


def place(ref: str, quantity: int) -> SendLive:
    return SendLive({"type": "place", "side": "buy", "quantity": quantity, "limit": "13.50", "ref": ref}, ref)


async def test_pages_of_the_market_are_the_same_as_orders_come_and_go(
    browser: Browser, http: Http, market_server: OTreeServer
) -> None:
    rules = {"practice_rounds": 1, "paid_rounds": 2, "forecast_horizons": "0, 1"}
    made = await market_server.rest.create_session("demo", 2, modified=rules)
    people = (await market_server.rest.get_session(made["code"]))["participants"]
    links = [f"{market_server.url}/InitializeParticipant/{one['code']}" for one in people]
    seen: list[str] = []
    async with side_by_side(browser, http, *links) as both:
        while both.page.kind is not PageKind.END:
            seen.append(both.page.name)
            if both.page.name == "trade":
                await both.say(place("a", 1), place("b", 2), place("b", 2), place("c", 99))
                view = (await both.cancel("d")).market
                assert view is not None
                assert [(order.ref, order.quantity) for order in view.open_orders] == [("b", 2)]
            values = plain_answers(both.page.form) if both.page.form else {}
            if both.page.name == "forecast" and both.page.form:
                values = {field.name: "14" for field in both.page.form.fields}
            await both.submit(values)
            await both.pass_wait()
    assert [seen.count(name) for name in ("trade", "forecast", "results", "final")] == [3, 3, 3, 2]
