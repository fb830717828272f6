"""Runs what a verb does in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import typer
from rich.console import Console

from bots.services.configuration import environment, readable_by_others
from bots.services.interrupt import interruptible
from bots.services.room import Room

EXIT_INTERRUPTED = 130


def in_loop(work: Callable[[Room], Coroutine[Any, Any, int]]) -> None:
    """Run `work` with settings read and signals handled; leave with its exit code.

    Raises:
        typer.Exit: always, with the code that `work` returned, or 130 where a signal ended it.
    """
    console = Console()
    if readable_by_others():
        console.print("Warning: other users can read bots/config/.env. Mend: chmod 600 bots/config/.env")

    async def guarded() -> int:
        with interruptible() as interrupt:
            try:
                return await work(Room(environment(), console, interrupt))
            except asyncio.CancelledError:
                if not interrupt.happened:
                    raise
                return EXIT_INTERRUPTED

    raise typer.Exit(asyncio.run(guarded()))
