"""How progress is shown: a live table in a terminal, plain lines now and then without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from rich.console import Console, RenderableType
from rich.live import Live

from bots.services.terminal import say, stamped

_PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal


class View(Protocol):
    """What can be shown while work goes on."""

    def render(self) -> RenderableType:
        """Return the table as it stands now."""

    def line(self) -> str:
        """Return the same in one line."""


@asynccontextmanager
async def shown(view: View, console: Console) -> AsyncIterator[None]:
    """Show a view while the body runs; its last line stays."""
    if console.quiet:
        yield
        return
    if console.is_terminal and not console.is_dumb_terminal:
        with Live(get_renderable=view.render, console=console, refresh_per_second=4):
            yield
        return
    lines = asyncio.create_task(_lines(view, console))
    try:
        yield
    finally:
        lines.cancel()
        with suppress(asyncio.CancelledError):
            await lines
        _print(view.line(), console)


async def _lines(view: View, console: Console) -> None:
    said = ""
    while True:
        await asyncio.sleep(_PLAIN_EVERY)
        if (line := view.line()) != said:
            _print(line, console)
            said = line


def _print(line: str, console: Console) -> None:
    say(console, stamped(line))
