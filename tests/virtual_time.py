"""Time in which waiting takes none: what a test says of deadlines holds on a machine of any speed."""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, ParamSpec

P = ParamSpec("P")


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop, and its clock, that goes to the next timer once nothing else is to be done.

    For what waits on timers and on itself alone: an answer from outside the loop would come late.
    """

    def __init__(self) -> None:
        self._virtual = 1000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual

    def monotonic(self) -> float:
        return self._virtual

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._virtual, UTC)

    def jump(self, seconds: float) -> None:
        self._virtual += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._loop.jump(timeout or 0.0)
        return super().select(0)


def clock() -> VirtualTime:
    """Return the clock of the virtual time that a test runs in."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTime)
    return loop


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test in a loop of its own whose time is virtual."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=VirtualTime) as runner:
            runner.run(test(*args, **kwargs))

    return run
