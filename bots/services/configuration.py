"""What `bots/config/` says. Read once, by the composition root, and passed on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

CONFIG = Path(__file__).resolve().parent.parent / "config"


def environment(config: Path = CONFIG) -> Mapping[str, str]:
    """Return the settings of `.env` with those of the process's environment over them."""
    from_file = {
        key: value for key, value in dotenv_values(config / ".env", interpolate=False).items() if value
    }
    from_process = {key: value for key, value in os.environ.items() if value}
    return {**from_file, **from_process}


def readable_by_others(config: Path = CONFIG) -> bool:
    """Tell whether other users of the machine can read `.env`."""
    path = config / ".env"
    return os.name == "posix" and path.exists() and bool(path.stat().st_mode & 0o077)
