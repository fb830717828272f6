"""What a run ran on: package versions, commit, machine, oTree server. For the manifest."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import bots
from bots.adapters.links import Credentials, SessionLinks
from bots.adapters.otree_server import OTreeRest
from bots.domain.errors import UserMustMend

_SERVER_SECONDS = 15.0  # for what is only noted


def package_versions() -> dict[str, str]:
    """Return the version of Python and of every package installed beside it, by name."""
    found = dict(filter(None, map(_name_and_version, metadata.distributions())))
    return {"python": platform.python_version(), **dict(sorted(found.items()))}


def _name_and_version(package: metadata.Distribution) -> tuple[str, str] | None:
    """Return what a package's metadata begins with; parsing all of it takes each run 0.1 s."""
    head = (package.read_text("METADATA") or package.read_text("PKG-INFO") or "").partition("\n\n")[0]
    told = dict(line.partition(": ")[::2] for line in head.splitlines())
    return (told["Name"].lower(), told["Version"]) if told.keys() >= {"Name", "Version"} else None


async def server_state(links: SessionLinks, credentials: Credentials) -> dict[str, Any]:
    """Return {"url", "otree", "session", "config"}: the server's version, the session and its configuration.

    What the server does not tell is left out, and "untold" says why. The REST key is sent only to a server
    that asks for it.
    """
    state: dict[str, Any] = {"url": links.server} | (
        {"session": links.session_code} if links.session_code else {}
    )
    try:
        async with asyncio.timeout(_SERVER_SECONDS):
            try:
                return state | await _told(OTreeRest(links.server), links.session_code)
            except UserMustMend:
                if credentials.rest_key is None:
                    raise
                return state | await _told(OTreeRest(links.server, credentials.rest_key), links.session_code)
    except UserMustMend as error:
        return state | {"untold": error.what}
    except (TimeoutError, KeyError, TypeError) as error:
        return state | {"untold": f"no answer as of oTree's REST interface ({type(error).__name__})"}


async def _told(rest: OTreeRest, session: str | None) -> dict[str, Any]:
    told: dict[str, Any] = {"otree": await rest.version()}
    return told | ({"config": (await rest.get_session(session))["config"]} if session else {})


def git_state() -> dict[str, Any]:
    """Return {"commit", "dirty"} of the checkout this package runs from; empty outside a checkout."""
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return {}
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(bots.__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def machine() -> dict[str, Any]:
    """Return system, processor count and architecture; no host or user name."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
    }
