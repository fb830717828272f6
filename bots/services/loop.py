"""Runs what a verb does in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from bots.adapters.guard import secrets_kept_back
from bots.services.interrupt import interruptible
from bots.services.room import Room
from bots.services.terminal import progress_printer, say_warning

EXIT_INTERRUPTED = 130
EXIT_UNDECIDED = 6
"""Where every decision of some trader failed."""


def in_loop(work: Callable[[Room], Coroutine[Any, Any, int]]) -> None:
    """Run `work` with settings read and signals handled; leave with its exit code.

    Raises:
        typer.Exit: always, with the code that `work` returned, or 130 where a signal ended it.
    """
    from bots.services.configuration import environment, readable_by_others

    console = progress_printer()
    if (file := readable_by_others()) is not None:
        say_warning(f"{file}: other users of this machine can read it. Close it with chmod 600 {file}.")

    settings = environment()

    async def guarded() -> int:
        with interruptible() as interrupt, secrets_kept_back():
            try:
                return await work(Room(settings, console, interrupt))
            except asyncio.CancelledError:
                if not interrupt.happened:
                    raise
                return EXIT_INTERRUPTED

    raise typer.Exit(asyncio.run(guarded()))
