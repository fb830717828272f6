"""Which traders of a run are paused: their pages go to the declared fallback, and nobody waits for them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection


class Pauses:
    """Says which seats are paused; a decision that is being made when its seat is paused ends at once."""

    def __init__(self) -> None:
        self._paused: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    @property
    def seats(self) -> Collection[int]:
        """The seats that are paused now."""
        return {seat for seat, paused in self._paused.items() if paused.is_set()}

    def pause(self, seat: int) -> None:
        """Let the seat's fallback decide from now on."""
        self._paused[seat].set()

    def resume(self, seat: int) -> None:
        """Let the seat's own decision maker decide again, from the next page on."""
        self._paused[seat].clear()

    async def until_paused(self, seat: int) -> None:
        """Return once the seat is paused."""
        await self._paused[seat].wait()
