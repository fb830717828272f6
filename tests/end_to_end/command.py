"""Runs the documented command as a user would: a process of its own, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import zipfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bots.domain.records import Event, RunManifest, parse_journal

ROOT = Path(__file__).resolve().parents[2]

_AT_DEBUG_LEVEL = """
import logging, sys
from bots.services import terminal
from bots.services.cli import run_main
log_from = terminal._log_from
terminal._log_from = lambda level: log_from(logging.DEBUG)
sys.exit(run_main())
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command left: exit code, everything it printed, and its folder."""

    code: int
    output: str
    folder: Path

    @property
    def run(self) -> Path:
        """The folder of the one run."""
        (run,) = self.folder.glob("bot-data/*-runs/run-*")
        return run

    @property
    def manifest(self) -> RunManifest:
        return RunManifest.model_validate_json((self.run / "manifest.json").read_text())

    @property
    def events(self) -> tuple[Event, ...]:
        return parse_journal((self.run / "journal.jsonl").read_text(encoding="utf-8")).events


async def start(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, report: bool = False
) -> Process:
    """Start `python -m bots.main ARGUMENTS` in `folder`; with figure and report if a test is about them."""
    drawn = [] if report else ["--no-report"]
    return await _start(folder, ["-m", "bots.main", *arguments, *drawn], environment)


async def resume(folder: Path, run: Path | str, environment: Mapping[str, str] | None = None) -> Process:
    """Start `bots resume RUN` in `folder`, without figure and report."""
    return await start_verb(folder, "resume", str(run), "--no-report", environment=environment)


async def start_verb(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Process:
    """Start the console script, `bots ARGUMENTS`, in `folder`."""
    script = "import sys; from bots.services.cli import main; sys.exit(main())"
    return await _start(folder, ["-c", script, *arguments], environment)


async def start_at_debug_level(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Process:
    """Start the documented command with all that any library logs on its standard error."""
    return await _start(folder, ["-c", _AT_DEBUG_LEVEL, *arguments], environment)


async def _start(folder: Path, arguments: list[str], environment: Mapping[str, str] | None) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONFAULTHANDLER": "1",
            "COLUMNS": "140",
            **(environment or {}),
        },
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )


async def end(process: Process, folder: Path, seconds: float = 120) -> Ended:
    """Wait for the command's end; one that does not end is made to say where it stands, and ended."""
    reading = asyncio.create_task(process.communicate())
    done, _ = await asyncio.wait({reading}, timeout=seconds)
    if not done:
        process.send_signal(signal.SIGABRT)
    output = (await reading)[0].decode()
    assert done, f"the command did not end within {seconds:g} s:\n{output}"
    assert process.returncode is not None
    return Ended(process.returncode, output, folder)


async def run(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, report: bool = False
) -> Ended:
    """Run the command to its end."""
    return await end(await start(folder, *arguments, environment=environment, report=report), folder)


async def shared(ended: Ended) -> Path:
    """Return the run's folder in the archive that `bots export --share` writes, unpacked."""
    archive = ended.folder / "shared.zip"
    words = ("export", "--share", str(ended.run), "--out", str(archive))
    told = await end(await start_verb(ended.folder, *words), ended.folder)
    assert told.code == 0, told.output
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(ended.folder / "shared")
    return ended.folder / "shared" / "runs" / ended.run.name


async def line_with(process: Process, text: str, seconds: float = 60) -> str:
    """Read what the command prints up to the first line with `text`."""
    assert process.stdout is not None
    async with asyncio.timeout(seconds):
        while line := await process.stdout.readline():
            if text in line.decode():
                return line.decode()
    raise AssertionError(f"the command ended without saying {text!r}")


async def acts(folder: Path, count: int, seconds: float = 60) -> None:
    """Wait until the journal of the one run under `folder` has so many acts."""
    await _lines_of(folder, b'"event":"act_sent"', count, seconds)


async def wait_pages(folder: Path, count: int, seconds: float = 60) -> None:
    """Wait until the journal of the one run under `folder` has so many wait pages."""
    await _lines_of(folder, b'"kind":"wait"', count, seconds)


async def _lines_of(folder: Path, words: bytes, count: int, seconds: float) -> None:
    def found() -> int:
        return sum(
            one.read_bytes().count(words) for one in folder.glob("bot-data/*-runs/run-*/journal.jsonl")
        )

    async with asyncio.timeout(seconds):
        while found() < count:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


async def failed_requests(folder: Path, count: int, seconds: float = 60) -> None:
    """Wait until the journal of the one run under `folder` has so many requests that a model failed."""
    await _lines_of(folder, b'"failure":"', count, seconds)


def descendants(pid: int) -> list[psutil.Process]:
    """Return everything a process has started."""
    return psutil.Process(pid).children(recursive=True)


async def gone(processes: Iterable[psutil.Process], seconds: float = 15) -> bool:
    """Whether all of them end within so many seconds."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, list(processes), timeout=seconds)
    return not alive
