"""What a trader does where nothing can be done: a server that shows nothing or errors, a page of waiting."""

from __future__ import annotations

import asyncio
import logging

from bots.agents.sitting import Sitting
from bots.domain.errors import PageOverdue, SeatError, SessionLost, TimeIsOver, WaitedTooLong
from bots.domain.pages import Page, Trouble

_log = logging.getLogger(__name__)


class Waiting:
    """One trader's patience; it begins anew with each page that is not broken."""

    def __init__(self, sitting: Sitting) -> None:
        self._sitting = sitting
        self._waiting = ("", 0.0)  # on which page, and since when
        self._broken = 0

    def is_over(self) -> None:
        """Take in that the server shows pages again."""
        self._broken = 0

    async def look(self) -> Page:
        """Return the present page; a server that shows nothing is given time, to the run's end.

        Raises:
            PageOverdue: the run's time is over.
        """
        while True:
            try:
                return await self._sitting.session.look()
            except PageOverdue as error:
                if self._sitting.time_is_over:
                    raise
                self._sitting.interrupted = True
                await self._give_time(str(error))

    async def after_broken(self, page: Page) -> Page:
        """Give a server time to come back, longer each time, then look again.

        Raises:
            SeatError: the participant is gone, or the page stays broken.
            SessionLost: the server is still away when the run's time is over.
        """
        self._sitting.interrupted = True
        words = page.title or page.text[:200]
        if page.trouble is Trouble.AWAY:
            if self._sitting.time_is_over:
                raise SessionLost(f"the server was away when the run's time was over: {words}")
        elif page.trouble is Trouble.GONE and self._broken + 1 >= self._sitting.table.pace.gone_looks:
            raise SeatError(
                f"the server does not know participant {self._sitting.seat.participant} (any more): the "
                f"session was deleted, or the link is another server's ({words})"
            )
        elif self._broken >= len(self._sitting.table.pace.broken_waits):
            raise SessionLost(f"the server still answers with an error page: {words}")
        await self._give_time(words)
        return await self.look()

    async def _give_time(self, words: str) -> None:
        waits = self._sitting.table.pace.broken_waits
        pause = waits[min(self._broken, len(waits) - 1)]
        self._broken += 1
        _log.info("seat %s waits %g s for the server: %s", self._sitting.seat.number, pause, words)
        await asyncio.sleep(min(pause, max(0.0, self._sitting.table.until - self._sitting.now)))

    async def on_wait_page(self, page: Page) -> Page:
        """Wait until the page goes on by itself.

        Raises:
            WaitedTooLong: it stayed longer than it may.
            TimeIsOver: it stayed to the end of the run's time.
            asyncio.CancelledError: the run was cut short; says what was waited for.
        """
        location, since = self._waiting
        if location != page.location:  # a wait page that loads itself again is the same wait
            location, since = self._waiting = page.location, self._sitting.now
        limit = self._sitting.table.pace.wait_seconds
        until = self._sitting.table.until if limit is None else min(self._sitting.table.until, since + limit)
        try:
            after = await self._sitting.session.wait(page, until)
        except asyncio.CancelledError as cut_short:
            raise asyncio.CancelledError(self._waited(page, since)) from cut_short
        if after is None:
            reason = self._waited(page, since)
            raise TimeIsOver(reason) if until == self._sitting.table.until else WaitedTooLong(reason)
        return after

    def _waited(self, page: Page, since: float) -> str:
        words = " / ".join(filter(None, map(str.strip, page.text.splitlines())))[:200].rstrip(".")
        told = f"; it says: {words}" if words else ""
        return f"{page.name} did not go on for {self._sitting.now - since:.0f} s{told}"
