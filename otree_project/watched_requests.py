"""A server that no longer answers says where it stands: what it is doing goes to its log.

oTree answers one request at a time, so whatever one waits for, everybody waits for. Where a request takes
longer than any should, what each task waits for is logged, once a request; where the whole process stands
still, so that no task can run, the stacks of its threads are.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 30.0  # a page takes some 50 ms, a large session or export some seconds

logger = logging.getLogger("serve")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class WatchedRequests:
    """An ASGI app that logs where it stands when it does not answer.

    Args:
        app: the app inside.
        seconds: after which a request is overdue.
    """

    def __init__(self, app: App, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds
        self._under_way = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        overdue = asyncio.get_running_loop().call_later(self._seconds, self._tell, scope)
        self._changed(+1)
        try:
            await self._app(scope, receive, send)
        finally:
            overdue.cancel()
            self._changed(-1)

    def _changed(self, number: int) -> None:
        """Start the watch over the whole process anew, or end it with the last request."""
        self._under_way += number
        if self._under_way:
            faulthandler.dump_traceback_later(2 * self._seconds, file=sys.stderr)
        else:
            faulthandler.cancel_dump_traceback_later()

    def _tell(self, scope: Message) -> None:
        waiting = [" < ".join(reversed([*_frames(task.get_coro())])) for task in asyncio.all_tasks()]
        what = f"{scope['method']} {scope['path']}"
        told = "\n".join(f"    {one}" for one in waiting)
        logger.error("%s has taken %g s; the tasks wait in:\n%s", what, self._seconds, told)


def _frames(waiting: Any) -> Iterator[str]:
    """Yield where a coroutine stands, from the outermost call to the innermost."""
    while waiting is not None:
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(waiting, f"{kind}_frame")), None)
        if kind is None:
            return
        frame = getattr(waiting, f"{kind}_frame")
        if frame is not None:
            yield f"{frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"
        waiting = getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
