"""What `.env` and `models.toml` say. Read once, by the composition root, and passed on.

Both are looked for in the folder a command runs in, as `bots init` writes it, then in `bots/config/`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr

from bots.domain.errors import UserMustMend

CONFIG = Path(__file__).resolve().parent.parent / "config"
SETTINGS, MODELS, LINKS, PLAN = ".env", "models.toml", "bot-links.cfg", "study.toml"


def models_file(config: Path = CONFIG) -> Path:
    """Return the file of models: `models.toml` of this folder where there is one, else of `config`."""
    here = Path(MODELS)
    return here if here.is_file() else config / MODELS


def settings_files(config: Path = CONFIG) -> Sequence[Path]:
    """Return the files of settings that exist; those of an earlier one go before those of a later one."""
    return [path for path in (Path(SETTINGS), config / SETTINGS) if path.is_file()]


def settings_file(config: Path = CONFIG) -> Path:
    """Return the file to put a setting into, as this folder would name it; it need not exist yet."""
    existing = settings_files(config)
    if existing:
        return as_seen_from_here(existing[0])
    in_checkout = config.is_relative_to(Path.cwd())
    return as_seen_from_here(config / SETTINGS) if in_checkout else Path(SETTINGS)


class Settings(Mapping[str, str]):
    """Settings whose text, in a log or a traceback, shows none of their values: keys are among them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = {name: SecretStr(value) for name, value in values.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name].get_secret_value()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Settings({len(self)} values)"


def environment(config: Path = CONFIG) -> Settings:
    """Return the settings of the files with those of the process's environment over them.

    Raises:
        UserMustMend: a file cannot be read.
    """
    found: dict[str, str] = {}
    for path in reversed(settings_files(config)):
        found |= _settings_in(path)
    return Settings({**found, **{key: value for key, value in os.environ.items() if value}})


def _settings_in(path: Path) -> dict[str, str]:
    try:
        return {key: value for key, value in dotenv_values(path, interpolate=False).items() if value}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UserMustMend(
            f"the settings cannot be read ({reason})",
            where=str(as_seen_from_here(path)),
            mend="Write it as plain text, with lines such as OPENAI_API_KEY=your key.",
        ) from None  # the error itself would show what stands in the file


def readable_by_others(config: Path = CONFIG) -> Path | None:
    """Return the file of settings that other users of the machine can read; None where there is none."""
    if os.name != "posix":
        return None
    open_to_others = (path for path in settings_files(config) if path.stat().st_mode & 0o077)
    return next(map(as_seen_from_here, open_to_others), None)


def as_seen_from_here(path: Path) -> Path:
    """Return a path relative to the folder a command runs in where it lies in it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
