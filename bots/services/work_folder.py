"""A folder to work in, with settings, models, links and a plan; nothing there is ever overwritten."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bots.domain.errors import UserMustMend
from bots.services.configuration import CONFIG, LINKS, MODELS, PLAN, SETTINGS

IGNORED = ".gitignore"
_PLAN_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_BARE = re.compile(r"[A-Za-z0-9_./:+=@-]*")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user answered.

    Attributes:
        study: name of the study in the plan.
        seats: who trades in it, as a plan's `seats`.
        settings: values of `.env`, by name.
    """

    study: str
    seats: str = "zero-intelligence"
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    """Which files were written, and which were there and left as they are."""

    new: tuple[Path, ...]
    kept: tuple[Path, ...]


def study_name(folder: Path) -> str:
    """Return a name for the study of a folder."""
    return _PLAN_NAME.sub("-", folder.resolve().name).strip("-.")[:60] or "my-study"


def write_folder(folder: Path, wishes: Wishes) -> Written:
    """Write the files that are not there yet; `.env` so that its owner alone can read it.

    Raises:
        UserMustMend: the folder cannot be written.
    """
    new: list[Path] = []
    kept: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in _files(wishes).items():
            (new if _write(folder / name, text) else kept).append(folder / name)
    except OSError as error:
        raise UserMustMend(
            f"the folder cannot be written ({error.strerror})",
            where=str(folder),
            mend="Name another place: bots init FOLDER.",
        ) from error
    return Written(tuple(new), tuple(kept))


def _write(path: Path, text: str) -> bool:
    """Write a file that is not there; return whether it was written."""
    mode = 0o600 if path.name == SETTINGS else 0o644
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return False
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    return True


def _files(wishes: Wishes) -> Mapping[str, str]:
    return {
        SETTINGS: _settings(wishes.settings),
        MODELS: _template(MODELS),
        LINKS: _commented(_template(f"{LINKS}.example")),
        PLAN: _plan(wishes),
        IGNORED: f"{SETTINGS}\nbot-data/\n",
    }


def _template(name: str) -> str:
    return (CONFIG / name).read_text(encoding="utf-8")


def _settings(values: Mapping[str, str]) -> str:
    lines = []
    for line in _template(f"{SETTINGS}.example").splitlines():
        name = line.partition("=")[0]
        lines.append(f"{name}={_quoted(values[name])}" if values.get(name) else line)
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """Return a value as `.env` holds it.

    Raises:
        UserMustMend: it has a line's end or both kinds of quotes, and cannot be a key.
    """
    if _BARE.fullmatch(value):
        return value
    if "\n" in value or "'" in value or "\\" in value:
        raise UserMustMend(
            "this is no key", where=SETTINGS, mend="Leave it empty and write it there yourself."
        )
    return f"'{value}'"


def _commented(text: str) -> str:
    return "".join(f"# {line}" if line[:1].isdigit() else line for line in text.splitlines(keepends=True))


def _plan(wishes: Wishes) -> str:
    text = _template(f"{PLAN}.example")
    text = text.replace('"my-study"', f'"{wishes.study}"', 1)
    return text.replace('seats = "zero-intelligence"', f'seats = "{wishes.seats}"', 1)
