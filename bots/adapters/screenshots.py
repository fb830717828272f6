"""Pictures of the pages that participants see, kept in the run's folder; for who sits in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from bots.adapters.browser_settings import Screenshots
from bots.adapters.tab import BrowserRefused, TabLost
from bots.domain.errors import SeatError
from bots.domain.pages import Act, Answer, Page, PageKind
from bots.domain.ports import ParticipantSession

_log = logging.getLogger(__name__)
_SECONDS: Final = 5.0  # longest wait for one picture
_TRIES: Final = 4
_NEXT_PAGE_SECONDS: Final = 0.5
_NO_NAME: Final = re.compile(r"[^\w-]+")


@runtime_checkable
class Pictured(Protocol):
    """A session that can be photographed."""

    async def screenshot(self) -> bytes | None:
        """Return what the participant sees as a PNG image; None where nothing is drawn."""


class Camera:
    """Takes the pictures of a run.

    Args:
        folder: of the pictures; made with the first. Each seat has a folder in it.
        when: which are taken without being asked for.
        now: time of day, for their names.
    """

    def __init__(self, folder: Path, when: Screenshots, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self.when = when
        self._now = now
        self._sitting: dict[int, Photographed] = {}
        self._asked: set[asyncio.Task[None]] = set()

    def facing(self, seat: int, session: ParticipantSession) -> Photographed:
        """Return a seat's session, photographed from now on."""
        self._sitting[seat] = Photographed(seat, session, self)
        return self._sitting[seat]

    async def take(self, seat: int, session: ParticipantSession, name: str) -> None:
        """Take one picture; what prevents it is logged and prevents nothing else."""
        if not isinstance(session, Pictured):
            return
        for left in reversed(range(_TRIES)):
            try:
                async with asyncio.timeout(_SECONDS):
                    image = await session.screenshot()
                if image is not None:
                    await asyncio.to_thread(_keep, self._path(seat, name), image)
            except (TabLost, BrowserRefused, SeatError, OSError, TimeoutError) as error:
                # A page that is just being left cannot be photographed, the next one can.
                if left and isinstance(error, BrowserRefused | TimeoutError):
                    await asyncio.sleep(_NEXT_PAGE_SECONDS)
                    continue
                _log.warning("seat %d could not be photographed at %s: %r", seat, name, error)
            return

    async def take_all(self) -> None:
        """Take a picture of each seat as it is now."""
        await asyncio.gather(*(one.take("asked") for one in self._sitting.values()))

    @contextlib.contextmanager
    def on_demand(self) -> Iterator[None]:
        """Take a picture of each seat whenever the process gets SIGUSR1, where the system has that signal."""
        number = getattr(signal, "SIGUSR1", None)
        loop = asyncio.get_running_loop()
        try:
            if number is not None:
                loop.add_signal_handler(number, self._asked_for)
        except (NotImplementedError, RuntimeError, ValueError):  # no such signals here, or no main thread
            number = None
        try:
            yield
        finally:
            if number is not None:
                loop.remove_signal_handler(number)

    def _asked_for(self) -> None:
        task = asyncio.get_running_loop().create_task(self.take_all())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    def _path(self, seat: int, name: str) -> Path:
        time = self._now()
        stamp = f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03}"
        return self._folder / f"seat-{seat}" / f"{stamp}-{_NO_NAME.sub('-', name).strip('-')}.png"


class Photographed:
    """A participant before a camera; a `bots.domain.ports.ParticipantSession`. Made by `Camera.facing`."""

    def __init__(self, seat: int, session: ParticipantSession, camera: Camera) -> None:
        self._seat = seat
        self._session = session
        self._camera = camera
        self._visit = ""
        self._name = "start"

    async def look(self) -> Page:
        """Return the present page."""
        async with self._watched():
            page = await self._session.look()
        await self._see(page)
        return page

    async def act(self, act: Act, until: float) -> Answer:
        """Send what the page accepts and return what the server answered."""
        async with self._watched():
            answer = await self._session.act(act, until)
        if not answer.accepted and self._camera.when is not Screenshots.NEVER:
            await self.take("refused")
        if answer.page is not None:
            await self._see(answer.page)
        return answer

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the present page once it is another than `seen`."""
        async with self._watched():
            page = await self._session.wait(seen, until)
        if page is not None:
            await self._see(page)
        return page

    async def close(self) -> None:
        """Give the seat up; safe to call twice."""
        await self._session.close()

    async def take(self, why: str = "") -> None:
        """Take a picture of the present page."""
        await self._camera.take(self._seat, self._session, f"{self._name}-{why}" if why else self._name)

    async def _see(self, page: Page) -> None:
        """Take a picture of a page that is new, if pictures of such pages are wanted."""
        if page.visit == self._visit:
            return
        self._visit, self._name = page.visit, page.name
        broken = page.kind is PageKind.BROKEN
        if self._camera.when is Screenshots.PAGE or (broken and self._camera.when is Screenshots.ERROR):
            await self.take("broken" if broken else "")

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        try:
            yield
        except SeatError:
            if self._camera.when is not Screenshots.NEVER:
                await self.take("failed")
            raise


def _keep(path: Path, image: bytes) -> None:
    """Write a picture, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(image)
    part.replace(path)
