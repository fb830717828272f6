"""Participants without browsers: pages over HTTP, live messages and waiting over the pages' own sockets.

    async with open_http(HttpSettings()) as http:
        session = await http.open_session("http://localhost:8000/InitializeParticipant/abc123")
        page = await session.look()

A page goes on by itself as in a browser: at the end of a wait, when an experimenter moves the participant on,
and when its time is over (its form is then sent as it stands, marked as timed out). Nothing polls. Pages that
only their own script can use are recognised; see `bots.domain.errors.NeedsBrowser`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import weakref
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from bots.adapters.answers import (
    MOVED_ON,
    NO_CHANNEL,
    NO_FORM,
    NO_SCRIPTS,
    REACTION_SECONDS,
    answering,
    by_field,
    form_answer,
    live_answer,
)
from bots.adapters.entry import way_back
from bots.adapters.http_client import HttpClient, HttpSettings, LeadsAway, TooLong, Unreachable, nothing_there
from bots.adapters.http_forms import Filled
from bots.adapters.http_page import Leaving, OpenPage
from bots.adapters.http_scripts import Need
from bots.adapters.http_sending import Request
from bots.adapters.page_readers import Snapshot
from bots.domain.errors import LedAway, NeedsBrowser, PageOverdue, PageTooLong, SessionLost
from bots.domain.pages import Act, Answer, Page, PageKind, SendLive, SubmitForm, UseControl

__all__ = ["Http", "HttpSession", "HttpSettings", "open_http"]

_CONNECTION_LOST = "The connection was lost before the server answered, and the page is still due."


@contextlib.asynccontextmanager
async def open_http(settings: HttpSettings | None = None) -> AsyncIterator[Http]:
    """Open connections for many participants; end them, and their sessions, at the exit."""
    async with HttpClient.open(settings or HttpSettings()) as client:
        http = Http(client)
        try:
            yield http
        finally:
            await asyncio.shield(http.close())


class Http:
    """What participants without browsers share. Get it from `open_http`."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._sessions: weakref.WeakSet[HttpSession] = weakref.WeakSet()

    async def open_session(self, link: str) -> HttpSession:
        """Return a session for a participant's link. The link is opened at the first look."""
        session = HttpSession(self._client, link)
        self._sessions.add(session)
        return session

    async def close(self) -> None:
        """Close all sessions."""
        for session in list(self._sessions):
            await session.close()


class HttpSession:
    """A participant without a browser; a `bots.domain.ports.ParticipantSession`. Made by `Http.open_session`.

    `link` leads to the page that is due, for whoever opens it.

    Besides what the port says, each method may raise PageOverdue (a page that was asked for did not come),
    UnexpectedPage (a page is not as it should be), PageTooLong, LedAway and NeedsBrowser.
    """

    def __init__(self, client: HttpClient, link: str) -> None:
        self._client = client
        self.link = link
        self._page: OpenPage | None = None  # None: the server knows which page is due, we do not
        self._shown = ""  # visit of the page that was returned last: acts are meant for it
        self._moving = asyncio.Lock()  # held by whoever changes the page
        self._pulse = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._closed = False

    async def look(self) -> Page:
        """Return the present page. A second look at a broken page opens the link again.

        Raises:
            SessionLost: the session is closed.
        """
        page = self._read(await self._at_page())
        if page.kind is PageKind.BROKEN and page.visit == self._shown:
            async with self._moving:
                self._leave()
            page = self._read(await self._at_page())
        return self._show(page)

    async def act(self, act: Act, until: float) -> Answer:
        """Send a form or a live message, if the page that was returned last is still there.

        Returns:
            What the server answered. It is not accepted where the page had moved on, or where a browser would
            not have let the form go: `words` say so and `page` is the present page.

        Raises:
            TimeoutError: no answer by `until`; the act may have reached the server.
            SessionLost: as for `look`.
        """
        try:
            async with asyncio.timeout_at(until):
                if isinstance(act, UseControl):
                    return await self._use(act)
                return await (self._submit(act) if isinstance(act, SubmitForm) else self._send(act))
        except TimeoutError as error:
            raise TimeoutError(str(error) or "the server did not answer in time") from error

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the present page once it is another than `seen` or has had more live frames.

        Raises:
            SessionLost: as for `look`.
        """
        try:
            async with asyncio.timeout_at(until):
                page = await self._at_page()
                while (page.visit, len(page.frames)) == (seen.visit, seen.revision):
                    await self._pulse.wait()
                    page = await self._at_page()
        except TimeoutError:
            return None
        return self._show(self._read(page))

    async def close(self) -> None:
        """Leave the page and its sockets; safe to call twice."""
        self._closed = True
        self._leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _submit(self, act: SubmitForm) -> Answer:
        page = await self._shown_page()
        if page is None:
            return await self._not_sent(MOVED_ON)
        filled = page.filled(act)
        if filled is None:
            return await self._not_sent(NO_FORM)
        if filled.problems:
            return await self._not_sent(*by_field(filled.problems, self._read(page)))
        request = _request(page, filled)
        try:
            answered, after = await self._exchange(page, request)
        except NeedsBrowser as need:
            raise NeedsBrowser(need.where, need.reason, left=page.location) from need
        if after is None:
            return await self._not_sent(MOVED_ON)
        answer = form_answer(page.location, self._show(after))
        still_due = answer.page is not None and answer.page.location == page.location
        return answer if answered or not still_due else dataclasses.replace(answer, words=(_CONNECTION_LOST,))

    async def _exchange(self, page: OpenPage, request: Request) -> tuple[bool, Page | None]:
        """Send a form if its page is still there; return whether it was answered, and the page after it."""
        async with self._moving:
            if self._page is not page:
                return False, None
            answered = await self._post(page, request)
        return answered, self._read(await self._at_page())

    async def _send(self, act: SendLive) -> Answer:
        page = await self._shown_page()
        if page is None:
            return await self._not_sent(MOVED_ON)
        if page.sockets.live is None:
            return await self._not_sent(NO_CHANNEL)
        known = len(page.frames)
        try:
            await page.send(act.message)
        except ConnectionError as error:
            raise TimeoutError("the live channel broke before the server answered") from error
        while (frame := answering(page.frames[known:], act.ref)) is None:
            if self._page is not page:
                raise TimeoutError("the page was left before the server answered")
            await self._pulse.wait()
        return live_answer(frame)

    async def _use(self, act: UseControl) -> Answer:
        """Say something in a chat of the page; its other controls need its scripts."""
        page = await self._shown_page()
        if page is None:
            return await self._not_sent(MOVED_ON)
        chat = page.chat_at(act.control)
        if chat is None:
            return await self._not_sent(NO_SCRIPTS)
        known, words = len(page.frames), act.values.get(chat.input, "")
        if words := words if isinstance(words, str) else "".join(words[:1]):
            try:
                await page.say(chat, words)
            except ConnectionError as error:
                raise TimeoutError("the chat broke before it was heard") from error
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REACTION_SECONDS):
                    while self._page is page and len(page.frames) == known:
                        await self._pulse.wait()
        present = self._show(self._read(await self._at_page()))
        heard = present.frames[known:] if present.visit == page.visit else ()
        return Answer(accepted=True, page=present, frame=next(iter(heard), None))

    async def _not_sent(self, *words: str) -> Answer:
        page = self._show(self._read(await self._at_page()))
        return Answer(accepted=False, words=words, page=page)

    async def _shown_page(self) -> OpenPage | None:
        """Return the present page, None where another was shown last."""
        page = await self._at_page()
        return page if self._shown in {"", page.visit} else None

    async def _at_page(self) -> OpenPage:
        """Return the present page; open the link where it is not known which one that is."""
        async with self._moving:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise SessionLost(f"the session of {self.link} is closed")
            if self._page is not None:
                return self._page
            try:
                async with asyncio.timeout(self._page_seconds):
                    return self._enter(await self._get(self.link))
            except TimeoutError as error:
                raise PageOverdue(
                    f"{self.link} showed nothing for {self._page_seconds:g} s; is the server overloaded?"
                ) from error

    async def _follow(self, page: OpenPage) -> None:
        """Go where the page goes by itself."""
        leaving = await page.until_it_leaves()
        async with self._moving:
            if self._page is not page:
                return
            try:
                async with asyncio.timeout(self._page_seconds):
                    if leaving is Leaving.TIME_OVER:
                        await self._post(page, _request(page, page.timed_out()))
                    else:
                        self._enter(await self._get(page.address))
            except TimeoutError:
                self._enter(nothing_there(page.address, f"no answer within {self._page_seconds:g} s"))

    async def _get(self, address: str) -> Snapshot:
        try:
            return await self._client.get(address)
        except Unreachable as error:
            return nothing_there(address, str(error))
        except LeadsAway as away:
            raise LedAway(urlsplit(address).path, away.host, away.path) from away
        except TooLong as error:
            raise PageTooLong(urlsplit(address).path, self._client.settings.page_bytes) from error

    async def _post(self, page: OpenPage, request: Request) -> bool:
        """Send a form and go to the page that followed; return whether the server answered.

        A form is never sent twice: where the connection broke, the page that is due says what became of it.
        """
        self._leave()
        try:
            snapshot = await self._client.send(request, page.address)
        except Unreachable:
            self._enter(await self._get(self.link))
            return False
        except LeadsAway as away:
            raise LedAway(page.location, away.host, away.path) from away
        except TooLong as error:
            raise PageTooLong(page.location, self._client.settings.page_bytes) from error
        self._enter(snapshot)
        return True

    def _enter(self, snapshot: Snapshot) -> OpenPage:
        self._leave()
        self.link = way_back(self.link, snapshot.address)
        page = self._page = OpenPage(snapshot, self._client, self._changed)
        if page.goes_on:
            self._following = asyncio.create_task(self._follow(page))
            self._tasks.add(self._following)
            self._following.add_done_callback(self._followed)
        self._changed()
        return page

    def _leave(self) -> None:
        if self._following is not None and self._following is not asyncio.current_task():
            self._following.cancel()
        self._following = self._page = None
        self._changed()

    def _followed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()  # whoever asks for the page next is told
            self._changed()

    def _changed(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()

    def _read(self, page: OpenPage) -> Page:
        seen, need = page.read()
        if need is not None:
            raise NeedsBrowser(seen.location, need.value)
        return seen

    def _show(self, page: Page) -> Page:
        self._shown = page.visit
        return page

    @property
    def _page_seconds(self) -> float:
        return self._client.settings.page_seconds


def _request(page: OpenPage, filled: Filled) -> Request:
    """Return what a form asks of the server.

    Raises:
        NeedsBrowser: it asks nothing of a server.
    """
    request = filled.way.request(page.address, filled.pairs)
    if request is None:
        raise NeedsBrowser(page.location, Need.UNSENT.value)
    return request
