"""`python -m bots.main URL MODEL_NAME [options]`: the documented command; and the console script `bots`."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Modules, and what a run keeps, are many values that are hardly ever part of a cycle. At its usual pace the
# collector, which looks for cycles, takes a tenth of the time that a command needs to start.
_CYCLES = (20_000, 20, 20)


def verbs() -> int:
    """Run the console script `bots` and return its exit code."""
    gc.set_threshold(*_CYCLES)
    with _ended_at_once():
        from bots.services.cli import main
    return main()


def documented_command() -> int:
    """Run `python -m bots.main`, which is `bots run`, and return its exit code."""
    gc.set_threshold(*_CYCLES)
    with _ended_at_once():
        from bots.services.cli import run_main
    return run_main()


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """While modules load there is nothing to end in order: let Ctrl-C end the process without a word."""
    usual = signal.signal(signal.SIGINT, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, usual)


if __name__ == "__main__":
    sys.exit(documented_command())
