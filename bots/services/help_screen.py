"""`bots --help`: every verb and a few examples on one screen of 80 × 24."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from typer.core import TyperGroup

_ABOUT: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "init": "write a folder to work in",
        "setup": "install what a server needs",
        "doctor": "tell what is missing",
        "demo": "a short market without keys",
    },
    "Play": {
        "serve": "the shipped oTree project",
        "run": "bots take a session's links",
        "resume": "go on with a run",
        "replay": "play a run again, compare",
        "study": "many markets, by a plan",
        "try": "see a page as a bot does",
    },
    "Look": {
        "show": "a run in the terminal",
        "report": "a run as one HTML file",
        "export": "tables as Parquet and CSV",
        "measures": "RAD, RD … of any prices",
        "people": "fetch oTree's data of people",
        "codebook": "what every column means",
        "rebuild": "files of a run, made anew",
    },
}
_EXAMPLES = """\
Examples
  bots demo "3 x fundamentalist, 3 x zero-intelligence"
  bots run http://127.0.0.1:8000/SessionStartLinks/CODE gpt-4o --num-bots 4
  bots report bot-data/debug-runs/run-1

Help on a verb: bots VERB --help. Every verb knows --plain, --quiet, --verbose.
Completion in your shell: bots --install-completion. Version: bots --version.
"""
_COLUMN, _NAME = 40, 9


class FirstScreen(TyperGroup):
    """The console script's verbs, grouped by when one needs them."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the screen."""
        formatter.write("Usage: bots VERB [OPTIONS] …\n\n")
        formatter.write(f"{self.help}\n")
        for title, verbs in self._groups():
            formatter.write(f"{title}\n")
            half = -(-len(verbs) // 2)
            for left, right in zip_longest(verbs[:half], verbs[half:], fillvalue=""):
                formatter.write(f"{left:<{_COLUMN}}{right}".rstrip() + "\n")
        formatter.write(_EXAMPLES)

    def _groups(self) -> Iterator[tuple[str, Sequence[str]]]:
        listed = {name for verbs in _ABOUT.values() for name in verbs}
        width = _COLUMN - _NAME - 4
        others = {
            name: verb.get_short_help_str(width) for name, verb in self.commands.items() if name not in listed
        }
        for title, verbs in {**_ABOUT, "More": others}.items():
            there = [f"  {name:<{_NAME}} {about}" for name, about in verbs.items() if name in self.commands]
            if there:
                yield title, there
