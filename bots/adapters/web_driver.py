"""Participants in real browsers: Selenium owns the browser, each has a tab, and pages tell what happens.

    async with open_browser(BrowserSettings.find()) as browser:
        session = await browser.open_session("http://localhost:8000/InitializeParticipant/abc123")
        page = await session.look()

A page pushes itself once it can be read, and live frames as they come; nothing polls. One act is one call
into the page. A tab or browser that dies is replaced, and its participants go on from their links.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final
from urllib.parse import urlsplit

from bots.adapters.answers import (
    MOVED_ON,
    NO_CHANNEL,
    REACTION_SECONDS,
    answering,
    by_field,
    form_answer,
    live_answer,
)
from bots.adapters.bidi import NoBidi
from bots.adapters.browser_settings import BrowserSettings
from bots.adapters.entry import is_shared, way_back
from bots.adapters.one_browser import OneBrowser
from bots.adapters.page_functions import answered, ask_once, called
from bots.adapters.page_readers import Snapshot, read_page
from bots.adapters.tab import BrowserRefused, DocumentGone, Loaded, Tab, TabLost
from bots.domain.errors import PageOverdue, PageTooLong, SessionLost, UserMustMend
from bots.domain.pages import (
    Act,
    Answer,
    Inquirer,
    Page,
    PageKind,
    SendLive,
    Speaker,
    SubmitForm,
    UseControl,
)

__all__ = ["Browser", "BrowserSession", "BrowserSettings", "open_browser"]

_HELD_SECONDS: Final = 3.0  # for a page whose own script stopped the form and may yet send it by itself
_LOSSES: Final = 3  # tabs one participant may lose while one page is being opened
_START_HERE: Final = "`bots doctor` tries it too. Or play without a browser: --transport http."
_START_ON_A_GRID: Final = (
    "See that a node of the hub offers this browser; the node's log says why it does not start. "
    "One that runs as root needs --no-sandbox: docs/browsers.md."
)


@contextlib.asynccontextmanager
async def open_browser(settings: BrowserSettings) -> AsyncIterator[Browser]:
    """Start a browser for many participants; end it, and its driver and profile, at the exit.

    Where settings let fewer share one, further browsers start when they are needed.

    Raises:
        UserMustMend: it did not start, or cannot be driven as the settings say.
    """
    browser = Browser(settings)
    try:
        await browser.start()
        yield browser
    finally:
        await asyncio.shield(browser.close())


class Browser:
    """The browser in which many participants sit, or several of them. Get it from `open_browser`."""

    def __init__(self, settings: BrowserSettings) -> None:
        self._settings = settings
        self._starting = asyncio.Semaphore(settings.starting_at_once)
        self._browsers = [OneBrowser(settings, self._starting)]
        self._seated = 0

    async def start(self) -> None:
        """Start the first browser now, so that one that cannot start is known before anybody plays.

        Raises:
            UserMustMend: it did not start, or cannot be driven as the settings say.
        """
        where = "--grid" if self._settings.grid else "--browser"
        try:
            await self._browsers[0].running(at_once=True)
        except NoBidi as error:
            raise UserMustMend(
                f"{self._settings.name} does not speak WebDriver BiDi",
                where=where,
                mend="Play with --classic: over classic WebDriver alone, with a browser for each bot.",
            ) from error
        except SessionLost as error:
            mend = _START_ON_A_GRID if self._settings.grid else _START_HERE
            raise UserMustMend(str(error), where=where, mend=mend) from error

    async def open_session(self, link: str) -> BrowserSession:
        """Return a session for a participant's link. The link is opened at the first look."""
        most = self._settings.bots_per_browser
        if most is not None and self._seated == most * len(self._browsers):
            self._browsers.append(OneBrowser(self._settings, self._starting))
        self._seated += 1
        return BrowserSession(self._browsers[-1], link)

    async def close(self) -> None:
        """End all browsers; their sessions can do nothing any more."""
        await asyncio.gather(*(browser.close() for browser in self._browsers))


class BrowserSession:
    """A participant in a tab; a `bots.domain.ports.ParticipantSession`. Get it from `Browser.open_session`.

    Besides what the port says, each method may raise PageOverdue (a page that was asked for did not come),
    UnexpectedPage (a page is not as it should be), PageTooLong and LedAway.
    """

    def __init__(self, browser: OneBrowser, link: str) -> None:
        self._browser = browser
        self._link = link
        self._tab: Tab | None = None
        self._story: dict[str, Any] = {}  # of readers whose pages do not repeat themselves
        self._speaker: Speaker | None = None  # of the page that was returned last
        self._backs: Sequence[int | None] = ()  # places of its buttons that lead back
        self._shown = ""  # visit of the page that was returned last: acts are meant for it
        self._opening = asyncio.Lock()
        self._asked = ""  # visit on which the server was asked what it holds
        self._closed = False

    async def look(self) -> Page:
        """Return the present page, read anew. A second look at a broken page opens the link again.

        Raises:
            SessionLost: the browser is gone for good.
        """
        page = await self._read_present()
        if page.kind is PageKind.BROKEN and page.visit == self._shown:
            await self._leave_tab()
            page = await self._read_present()
        return await self._show(page)

    async def act(self, act: Act, until: float) -> Answer:
        """Send a form or a live message, if the page that was returned last is still there.

        Returns:
            What the server answered. It is not accepted where the page had moved on, or where the browser or
            the page's own script did not let a form go: `words` say so and `page` is the present page.

        Raises:
            TimeoutError: no answer by `until`, or the tab was lost; the act may have reached the server.
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
                tab = await self._at_page()
                await tab.until(lambda: _is_news(tab, seen) or None)
        except TimeoutError:
            return None
        except TabLost:
            return await self._show(await self._read_present())
        # A new document has just been pushed; frames change a page that was pushed long ago.
        fresh = tab.loaded is not None and tab.loaded.visit != seen.visit
        return await self._show(self._read(tab.snapshot()) if fresh else await self._read_present())

    async def screenshot(self) -> bytes:
        """Return what the participant sees, the whole page, as a PNG image.

        Raises:
            TabLost, BrowserRefused: there is no picture to be had.
        """
        return await (await self._at_page()).screenshot()

    async def close(self) -> None:
        """Close the participant's tab; safe to call twice."""
        self._closed = True
        await self._leave_tab()
        await self._browser.left()

    async def _submit(self, act: SubmitForm) -> Answer:
        tab, document = await self._shown_document()
        if document is None:
            return await self._not_sent(MOVED_ON)
        speaker = self._speaker
        words = await called(tab, document, speaker.calls(act)) if speaker is not None else ()
        if not words and (speaker is None or speaker.submits()):
            sent = act if speaker is None else replace(act, values={})
            words = await self._fill_and_submit(tab, document, sent)
        if words:
            return await self._not_sent(*words)
        try:
            await _next_document(tab, document)
            page = self._read(tab.snapshot())
        except TabLost:
            page = await self._read_present()
        return form_answer(_path(document), await self._show(page))

    async def _fill_and_submit(self, tab: Tab, document: Loaded, act: SubmitForm) -> Sequence[str]:
        """Send the form off; return why it did not go; nothing where only the next page can tell."""
        prompts = len(tab.prompts)
        try:
            told = await tab.ask(document, "submit", _filling(act, self._backs))
            if told["held"] and len(tab.prompts) == prompts:
                async with asyncio.timeout(_HELD_SECONDS):
                    await _next_document(tab, document)
        except TimeoutError:
            return tab.prompts[prompts:] or ["The page's own script did not let the form go."]
        except BrowserRefused as error:
            return [f"The page's own script failed: {error.message}"]
        except DocumentGone as gone:
            return [] if gone.asked else [MOVED_ON]
        except TabLost:
            return []
        if told["held"] and tab.loaded is document:
            return tab.prompts[prompts:]
        problems = [(problem["name"], problem["words"]) for problem in told["problems"]]
        return by_field(problems, self._read(tab.snapshot())) if problems else []

    async def _say(self, tab: Tab, document: Loaded, speaker: Speaker, act: SendLive) -> Answer:
        """Send a live message in the page's own way, and return what the server said to it."""
        known = len(tab.frames)
        if words := await called(tab, document, speaker.calls(act)):
            return await self._not_sent(*words)
        try:
            return await answered(tab, document, known, speaker, act)
        except DocumentGone as gone:
            raise TimeoutError("the page was left before the server answered") from gone
        except TabLost as lost:
            raise TimeoutError("the tab was lost before the server answered") from lost

    async def _informed(self, page: Page) -> Page:
        """Return a page with what the server tells on being asked, once a visit; without it if none comes."""
        speaker, tab = page.speaker, self._tab
        if not isinstance(speaker, Inquirer) or self._asked == page.visit or tab is None:
            return page
        document, self._asked = tab.loaded, page.visit
        if document is None or document.visit != page.visit or not speaker.asks():
            return page
        await ask_once(tab, document, speaker)
        return await self._read_present()

    async def _send(self, act: SendLive) -> Answer:
        tab, document = await self._shown_document()
        if document is None:
            return await self._not_sent(MOVED_ON)
        if self._speaker is not None and self._speaker.calls(act):
            return await self._say(tab, document, self._speaker, act)
        known = len(tab.frames)
        try:
            if not await tab.ask(document, "send", act.message):
                return await self._not_sent(NO_CHANNEL)
            frame = await tab.until(lambda: _answer_among(tab, document, known, act.ref))
        except BrowserRefused as error:
            return await self._not_sent(f"The page's own script failed: {error.message}")
        except DocumentGone as gone:
            if not gone.asked:
                return await self._not_sent(MOVED_ON)
            raise TimeoutError("the page was left before the server answered") from gone
        except TabLost as lost:
            raise TimeoutError("the tab was lost before the server answered") from lost
        return live_answer(frame)

    async def _use(self, act: UseControl) -> Answer:
        """Press a control and give the page time to react; what it then shows is the answer."""
        tab, document = await self._shown_document()
        if document is None:
            return await self._not_sent(MOVED_ON)
        known, prompts = len(tab.frames), len(tab.prompts)
        values = {name: [one] if isinstance(one, str) else list(one) for name, one in act.values.items()}
        told = {"place": act.control.place, "label": act.control.label, "values": values}
        try:
            problems = await tab.ask(document, "use", told)
            if problems:
                return await self._not_sent(*problems)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REACTION_SECONDS):
                    await tab.until(lambda: _reaction(tab, document, known))
        except BrowserRefused as error:
            return await self._not_sent(f"The page's own script failed: {error.message}")
        except DocumentGone as gone:
            if not gone.asked:
                return await self._not_sent(MOVED_ON)
        except TabLost as lost:
            raise TimeoutError("the tab was lost before the page reacted") from lost
        words = tuple(tab.prompts[prompts:]) if tab.loaded is document else ()
        page = await self._show(await self._read_present())
        frame = page.frames[known] if page.visit == document.visit and len(page.frames) > known else None
        return Answer(accepted=True, words=words, page=page, frame=frame)

    async def _not_sent(self, *words: str) -> Answer:
        return Answer(accepted=False, words=words, page=await self._show(await self._read_present()))

    async def _shown_document(self) -> tuple[Tab, Loaded | None]:
        """Return the tab, and its document unless another was shown last.

        Raises:
            TimeoutError: the tab was lost before anything was sent; by now there is a new one.
        """
        lost = self._tab is not None and self._tab.lost
        try:
            tab = await self._at_page()
            if lost:
                raise TabLost
            await tab.catch_up()
        except TabLost as error:
            raise TimeoutError("the tab was lost before anything was sent") from error
        same = tab.loaded is not None and self._shown in {"", tab.loaded.visit}
        return tab, tab.loaded if same else None

    async def _read_present(self) -> Page:
        """Return the present page as its scripts have made it by now; open the link where there is no tab."""
        for _ in range(_LOSSES):
            with contextlib.suppress(TabLost):
                return self._read(await self._read_anew(await self._at_page()))
        raise SessionLost(f"the tab of {self._link} was lost {_LOSSES} times in a row")

    async def _read_anew(self, tab: Tab) -> Snapshot:
        try:
            async with asyncio.timeout(self._browser.page_seconds):
                while (document := tab.loaded) is not None:
                    with contextlib.suppress(DocumentGone):
                        heard = len(tab.frames)
                        anew = await tab.ask(document, "snapshot", self._browser.page_bytes)
                        if anew is None:
                            raise PageTooLong(_path(document), self._browser.page_bytes)
                        if tab.loaded is document:
                            return tab.snapshot(anew, heard)
                    await _next_document(tab, document)
        except TimeoutError as error:
            raise PageOverdue(f"the page after {_path(document)} did not come") from error
        raise TabLost

    async def _at_page(self) -> Tab:
        """Return the tab with a document in it; open the link where there is none or it was lost."""
        async with self._opening:
            if self._closed:
                raise SessionLost(f"the session of {self._link} is closed")
            if self._tab is None or self._tab.lost:
                if self._tab is not None and self._tab.loaded is not None:
                    self._link = way_back(self._link, self._tab.loaded.address)
                self._tab = await self._browser.open_tab(self._link, isolated=is_shared(self._link))
            return self._tab

    async def _leave_tab(self) -> None:
        if self._tab is not None:
            await self._tab.close()

    def _read(self, snapshot: Snapshot) -> Page:
        return read_page(snapshot, story=self._story)

    async def _show(self, page: Page) -> Page:
        page = await self._informed(page)
        self._shown, self._speaker = page.visit, page.speaker
        self._backs = [button.place for button in page.form.buttons if button.back] if page.form else []
        return page


async def _next_document(tab: Tab, before: Loaded) -> Loaded:
    return await tab.until(lambda: tab.loaded if tab.loaded is not before else None)


def _is_news(tab: Tab, seen: Page) -> bool:
    return tab.loaded is not None and (tab.loaded.visit, len(tab.frames)) != (seen.visit, seen.revision)


def _path(document: Loaded | None) -> str:
    return urlsplit(document.address).path if document else "the start"


def _filling(act: SubmitForm, backs: Sequence[int | None]) -> Mapping[str, object]:
    button = act.button
    return {
        "values": {
            name: [value] if isinstance(value, str) else list(value) for name, value in act.values.items()
        },
        "button": asdict(button) if button else None,
        "backs": list(backs),
        "timedOut": act.timed_out,
    }


def _reaction(tab: Tab, document: Loaded, known: int) -> bool | None:
    return True if tab.loaded is not document or len(tab.frames) > known else None


def _answer_among(tab: Tab, document: Loaded, known: int, ref: str | None) -> Mapping[str, Any] | None:
    """Return the answer that has come by now, of those after the `known` first frames."""
    if tab.loaded is not document:
        raise DocumentGone(asked=True)
    return answering(tab.frames[known:], ref)
