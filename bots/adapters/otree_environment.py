"""The environment that the shipped oTree project runs in: where it is, and how it is made.

oTree pins old versions of what the bots use too, so it has an environment of its own: in a checkout the one
that `make setup` makes, elsewhere one in the user's data folder that `bots setup` makes from the same lock.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs
from filelock import FileLock

from bots.domain.errors import UserMustMend

ROOT: Final = Path(__file__).resolve().parents[2]  # the checkout, or where the packages are installed
SHIPPED_PROJECT: Final = ROOT / "otree_project"
_RULES: Final = ROOT / "markets"
_LOCK: Final = SHIPPED_PROJECT / "requirements.lock"
_PYTHON: Final = Path("Scripts/python.exe") if sys.platform == "win32" else Path("bin/python")
_COMPLETE: Final = "complete"  # a file that is written last: an environment cut short is never taken for one
_LAST_LINES: Final = 8


def otree_python(python: Path | None = None) -> Path:
    """Return the interpreter of oTree's environment: the one named, a checkout's, or the user's.

    Raises:
        UserMustMend: there is none.
    """
    users = users_environment()
    if python is not None:
        found = python if python.exists() else None
    elif (checkouts := ROOT / ".venv-otree" / _PYTHON).exists():
        found = checkouts
    else:
        found = users / _PYTHON if (users / _COMPLETE).exists() else None
    if found is None:
        raise UserMustMend(
            "the environment of the oTree server is missing",
            where="OTREE_PYTHON" if python else str(users),
            mend="Run `bots setup` (in a checkout `make setup`), or set OTREE_PYTHON to a Python that has "
            "otree_project/requirements.txt and the package markets.",
        )
    return found


@cache
def users_environment() -> Path:
    """Return the folder of the user's environment for this version of the lock and of the rules."""
    contents = hashlib.sha256(_LOCK.read_bytes())
    for file in sorted(_RULES.glob("*.py")):
        contents.update(file.name.encode() + b"\0" + file.read_bytes())
    name = f"otree-{contents.hexdigest()[:12]}-py{sys.version_info[0]}{sys.version_info[1]}"
    return platformdirs.user_data_path("llm-trading-agents", appauthor=False) / name


def make_otree_environment() -> Path:
    """Make the user's environment unless there is one; return its interpreter. Takes a minute.

    Raises:
        UserMustMend: it cannot be written, or its packages cannot be installed.
    """
    folder = users_environment()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock")):
            if not (folder / _COMPLETE).exists():
                _fill(folder)
    except OSError as error:
        raise UserMustMend(
            f"oTree's environment cannot be made there ({error.strerror or error})",
            where=str(folder),
            mend="Make the folder writable, or set OTREE_PYTHON to an environment of your own.",
        ) from error
    return folder / _PYTHON


def _fill(folder: Path) -> None:
    venv.create(folder, clear=True, with_pip=True)
    pip: list[str | Path] = [folder / _PYTHON, "-m", "pip", "install", "--quiet"]
    # The lock names every package and its hash: nothing is resolved anew.
    done = subprocess.run(
        [*pip, "--no-deps", "--require-hashes", "-r", _LOCK],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise UserMustMend(
            "\n    ".join(["oTree's packages cannot be installed; pip says:", *_last_lines(done.stderr)]),
            where=str(folder),
            mend="See that the package index can be reached, then run `bots setup` again.",
        )
    site = next(folder.glob("[Ll]ib/**/site-packages"))
    shutil.copytree(_RULES, site / "markets", ignore=shutil.ignore_patterns("__pycache__", "*.toml", "build"))
    (folder / _COMPLETE).touch()


def _last_lines(text: str) -> list[str]:
    return text.strip().splitlines()[-_LAST_LINES:]
