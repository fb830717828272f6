"""How a command speaks: with colours and a live view or in plain lines, and how much of it.

`NO_COLOR` in the environment takes colours away, `TERM=dumb` the live view as well.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command speaks.

    Attributes:
        plain: no colours and no view that moves; lines with the time, for logs.
        quiet: progress and results of a run are not shown; its folder, warnings and errors are.
    """

    plain: bool = False
    quiet: bool = False


_MANNER: ContextVar[Manner] = ContextVar("manner", default=Manner())  # noqa: B039 - it is frozen


def manner() -> Manner:
    """Return how this command speaks."""
    return _MANNER.get()


def printer() -> Console:
    """Return where results are printed."""
    return Console(force_terminal=False, color_system=None) if manner().plain else Console()


def progress_printer() -> Console:
    """Return where a run is shown: nowhere in a quiet command."""
    return Console(quiet=True) if manner().quiet else printer()


def stamped(line: str) -> str:
    """Return a line of progress as this command prints it: with the time, in UTC, in plain ones."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}" if manner().plain else line


def say(console: Console, text: str) -> None:
    """Print a sentence as it is: no markup, no colours of its own, and a long line stays one line."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def say_error(text: str) -> None:
    """Print an error, in the one form errors have."""
    _errors().print(Text.assemble(("Error: ", "bold red"), text), soft_wrap=True)


def say_warning(text: str) -> None:
    """Print what the user should know and the command can do without."""
    _errors().print(Text.assemble(("Warning: ", "bold yellow"), text), soft_wrap=True)


def _errors() -> Console:
    plain = manner().plain
    return Console(
        stderr=True, force_terminal=False if plain else None, color_system=None if plain else "auto"
    )


class _StderrNow(logging.StreamHandler[Any]):
    """Writes to the standard error of the moment, which a live view takes over while it is drawn."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def _log_from(level: int) -> None:
    logging.basicConfig(
        level=level, format="%(levelname)s %(name)s: %(message)s", handlers=[_StderrNow()], force=True
    )


def begin() -> None:
    """Speak as usual until the command line says otherwise."""
    _MANNER.set(Manner())
    _log_from(logging.WARNING)


def with_manner(program: typer.Typer) -> Any:
    """Return a program's command, which takes --plain, --quiet and --verbose after every verb."""
    command = typer.main.get_command(program)
    command.context_settings = {**command.context_settings, "help_option_names": ["-h", "--help"]}
    _extend(command, typer.main.get_command(_manners).params)
    return command


def _extend(command: Any, options: Sequence[Any]) -> None:
    taken = {parameter.name for parameter in command.params}
    command.params += [option for option in options if option.name not in taken]
    for verb in getattr(command, "commands", {}).values():
        _extend(verb, options)


def _plain(value: bool) -> None:
    if value:
        _MANNER.set(replace(manner(), plain=True))


def _quiet(value: bool) -> None:
    if value:
        _MANNER.set(replace(manner(), quiet=True))


def _verbose(value: bool) -> None:
    if value:
        _log_from(logging.INFO)


_manners = typer.Typer(rich_markup_mode=None, add_completion=False)


@_manners.command()
def _options(
    plain: Annotated[
        bool,
        typer.Option(
            "--plain",
            help="No colours, no live view: lines with the time.",
            callback=_plain,
            expose_value=False,
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Show errors and the run's folder alone.",
            callback=_quiet,
            expose_value=False,
        ),
    ] = False,
    verbose: Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            help="Log what happens behind the view.",
            callback=_verbose,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Holds the options that every verb has."""
