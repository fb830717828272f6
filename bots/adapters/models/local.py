"""SmolLM2-135M in llama.cpp, served beside us on loopback for as long as it is needed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bots.adapters.guard import Guarded
from bots.domain.errors import SessionLost, UserMustMend

LOCAL_MODEL = "SmolLM2-135M-Instruct"
_REPOSITORY = Path(__file__).resolve().parents[3]
_PROGRAM = Path(__file__).with_name("local_server.py")
_START_SECONDS = 90.0


def local_model_python(environment: Mapping[str, str]) -> Path:
    """Return the interpreter of the local model's environment: LOCAL_MODEL_PYTHON, or what `make` installs.

    Raises:
        UserMustMend: there is none.
    """
    named = environment.get("LOCAL_MODEL_PYTHON")
    place = Path("Scripts/python.exe") if sys.platform == "win32" else Path("bin/python")
    found = Path(named) if named else _REPOSITORY / ".venv-local-model" / place
    if not found.exists():
        raise UserMustMend(
            "the local model is not installed",
            where="LOCAL_MODEL_PYTHON" if named else str(found),
            mend="Run `make local-model`, or set LOCAL_BASE_URL to a server of your own.",
        )
    return found


@asynccontextmanager
async def served(
    python: Path, *, slots: int = 2, threads: int = 1, log: Path | None = None
) -> AsyncIterator[str]:
    """Serve the model and yield its OpenAI-compatible address; it ends with the context or with this process.

    Raises:
        SessionLost: it did not start; the log says why.
    """
    guarded = Guarded.start(
        [python, _PROGRAM, f"--slots={slots}", f"--threads={threads}"], env={}, log=log, read_output=True
    )
    try:
        yield await _address(guarded, log)
    finally:
        await asyncio.to_thread(guarded.stop)


async def _address(guarded: Guarded, log: Path | None) -> str:
    try:
        async with asyncio.timeout(_START_SECONDS):
            line = await asyncio.to_thread(guarded.output.readline)
    except TimeoutError:
        line = ""
    if not line.startswith("{"):
        raise SessionLost(f"the local model did not start{f'; see {log}' if log else ''}")
    return str(json.loads(line)["url"])
