"""What surrounds a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from bots.services.interrupt import Interrupt
from bots.services.terminal import say


@dataclass(frozen=True, slots=True)
class Room:
    """Settings as read once, where to print, and how the command is ended from outside."""

    environment: Mapping[str, str]
    console: Console
    interrupt: Interrupt

    def say(self, text: str) -> None:
        """Print a sentence as it is."""
        say(self.console, text)
