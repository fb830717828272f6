"""Who a wait page is waiting for: the participants that oTree has on an earlier page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from bots.adapters.links import Credentials, SessionLinks
from bots.adapters.otree_server import OTreeRest
from bots.domain.errors import UserMustMend

Rows = list[dict[str, str]]
_MOST_NAMED: Final = 12
_AT_THE_END: Final = 5.0


class Awaited:
    """Asks the server itself, which tells only with its REST key where its pages are protected."""

    def __init__(self, links: SessionLinks, credentials: Credentials) -> None:
        self._links = links
        self._credentials = credentials
        self._asking: asyncio.Task[Rows] | None = None

    async def named_at_the_end(self, reason: str, waiting: str) -> str:
        """Return what `named` does where the run ends, though the seat be cut short meanwhile."""
        naming = asyncio.create_task(self.named(reason, waiting, _AT_THE_END))
        try:
            return await asyncio.shield(naming)
        except asyncio.CancelledError:
            return await naming

    async def named(self, reason: str, waiting: str, seconds: float | None = None) -> str:
        """Return why the participant `waiting` ended, and who is on an earlier page, if the server tells.

        Args:
            reason: as a clause.
            seconds: that the server is given; None for as long as it takes with an export.
        """
        try:
            async with asyncio.timeout(seconds):
                behind = list(_behind(await self._rows(), waiting))
        except TimeoutError:
            behind = []
        more = f" and {len(behind) - _MOST_NAMED} more" if len(behind) > _MOST_NAMED else ""
        return f"{reason}. Waited for: {', '.join(behind[:_MOST_NAMED])}{more}." if behind else f"{reason}."

    async def _rows(self) -> Rows:
        """Return where everybody is; seats that ask at the same time, as at a run's end, share an answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> Rows:
        if self._links.session_code is None:
            return []
        try:
            rest = OTreeRest(self._links.server, self._credentials.rest_key)
            return await rest.export_wide(self._links.session_code)
        except UserMustMend:  # no key, no such interface (oTree 5), or no server any more
            return []


def _behind(rows: Rows, waiting: str) -> Iterator[str]:
    places = {row["participant.code"]: _place(row) for row in rows}
    for row in rows:
        if _place(row) < places.get(waiting, 0):
            page = row.get("participant._current_page_name") or ""
            on = f"on {page}" if page else "not begun"
            number = row.get("participant.id_in_session")
            yield f"participant {number} ({row['participant.code']}, {on})"


def _place(row: Mapping[str, str]) -> int:
    text = row.get("participant._index_in_pages") or "0"
    return int(text) if text.isdecimal() else 0
