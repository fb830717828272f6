"""Ctrl-C and friends: the first asks the run to end in order, the second ends it now."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


class Interrupt:
    """Turns signals into the end of the present task.

    While `gently` is entered, a first signal sets `stop` and lets the run record its own end; otherwise, and
    on a second signal, the task is cancelled and its clean-up runs.
    """

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.stop = asyncio.Event()
        self.happened = False
        self._task = task
        self._gentle = False

    @contextmanager
    def gently(self) -> Iterator[asyncio.Event]:
        self._gentle = True
        try:
            yield self.stop
        finally:
            self._gentle = False

    def signalled(self) -> None:
        gentle = self._gentle and not self.happened
        self.happened = True
        if gentle:
            self.stop.set()
        else:
            self._task.cancel()


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Handle signals for the present task; outside the main thread signals stay as they are."""
    task = asyncio.current_task()
    assert task is not None
    interrupt = Interrupt(task)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        try:
            loop.add_signal_handler(number, interrupt.signalled)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(interrupt.signalled))
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, handler)
