"""Keys pressed in the terminal while a view is shown there. POSIX terminals; elsewhere there are none."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_KEY = re.compile(r"\x1b[\[O]([A-D])|[^\x1b]")
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}


@contextmanager
def keys_pressed(pressed: Callable[[str], None]) -> Iterator[bool]:
    """Call `pressed` with each key, at once, while the body runs: a character, or up, down, left, right.

    Yields whether there is a terminal to press them in. Ctrl-C stays a signal. When the body
    ends, the terminal is as it was before.
    """
    terminal = _own_terminal()
    if sys.platform == "win32" or terminal is None:
        yield False
        return
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    loop = asyncio.get_running_loop()

    def read() -> None:
        typed = _read(terminal)
        if typed is None:
            loop.remove_reader(terminal)
        for key in keys_in(typed or ""):
            pressed(key)

    tty.setcbreak(terminal, termios.TCSANOW)
    loop.add_reader(terminal, read)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSANOW, before)


def keys_in(typed: str) -> Iterator[str]:
    """Yield the keys of what a terminal sent."""
    for found in _KEY.finditer(typed):
        yield _ARROWS[found[1]] if found[1] else found[0]


def _own_terminal() -> int | None:
    """Return the descriptor of the terminal this process reads; None where it has none, or runs behind."""
    if sys.platform == "win32" or not sys.stdin or not sys.stdin.isatty():
        return None
    terminal = sys.stdin.fileno()
    try:
        in_front = os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it controls no processes, so nobody is behind
        in_front = True
    return terminal if in_front else None


def _read(terminal: int) -> str | None:
    """Return what was typed; None where the terminal has gone."""
    try:
        return os.read(terminal, 1024).decode("utf-8", "ignore") or None
    except OSError:
        return None
