"""The collector of cycles, kept from going again and again through much that has none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collector() -> Iterator[None]:
    """Make many values at once, such as a journal's events, none of which is part of a cycle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def keep_to_the_end() -> None:
    """Take all that is there now to be kept until the process ends, so that the collector passes over it."""
    gc.freeze()
