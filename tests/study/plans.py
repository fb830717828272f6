"""Plans of small studies, and what became of them."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from bots.adapters.models.catalogue import load_catalogue
from bots.domain.records import RunManifest
from bots.services.configuration import CONFIG
from bots.services.interrupt import Interrupt
from bots.services.room import Room
from bots.services.study_folder import cell_runs
from bots.services.study_plan import Study, read_plan, resolve_study
from bots.services.study_report import read_market
from bots.services.study_run import Spread, run_study

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("study_program.py")

SMALL = """
name = "small"
repetitions = 2
traders = 3
seats = "zero-intelligence"

[market]
practice_rounds = 1
paid_rounds = 3

[treatments.alone]
[treatments.mixed]
seats = "2 x zero-intelligence, 1 x fundamentalist"
"""

ASKING = """
name = "asking"
repetitions = 3
seats = "1 x local, 2 x zero-intelligence"
market = { practice_rounds = 0, paid_rounds = 3, forecast_horizons = "", rationing = "pro_rata" }
[treatments.remembers]
[treatments.forgets]
memory_window = 0
"""
"""Two treatments in which one trader of three is a local model."""

Prices = Mapping[tuple[str, int], tuple[str, ...]]


def plan_file(folder: Path, text: str = SMALL) -> Path:
    """Write a plan."""
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def study_of(path: Path) -> Study:
    """Read and resolve a plan."""
    return resolve_study(read_plan(path), path, load_catalogue(CONFIG / "models.toml"))


def the_folder(data: Path) -> Path:
    """Return the folder of the only study there is."""
    (folder,) = (data / "studies").iterdir()
    return folder


async def play(
    plan: Path,
    data: Path,
    *,
    jobs: int | None = 1,
    environment: Mapping[str, str] | None = None,
    spread: Spread | None = None,
) -> tuple[int, str]:
    """Do `bots study run PLAN` in this process; return the exit code and what it printed."""
    out = io.StringIO()
    task = asyncio.current_task()
    assert task is not None
    room = Room(environment or {}, Console(file=out, width=200), Interrupt(task))
    return await run_study(plan, data, spread or Spread(jobs), room), out.getvalue()


async def start(
    plan: Path, data: Path, *options: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Process:
    """Start `bots study run PLAN` in a process of its own."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), "study", "run", str(plan), "--data-dir", str(data), *options),
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )


async def end(process: Process) -> tuple[int, str]:
    """Wait for a study's end; return its exit code and what it printed."""
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def play_in_both_places(text: str, folder: Path, server: str) -> tuple[Path, Path]:
    """Play a plan in process and on a server; return the folder that each has its data in."""
    here, there = folder / "here", folder / "there"
    for place, plan in ((here, text), (there, f'place = "server"\n{text}')):
        place.mkdir()
        code, told = await play(plan_file(place, plan), place, spread=Spread(server=server))
        assert code == 0, told
    return here, there


def asked_by_cell(folder: Path) -> Mapping[tuple[str, int], int]:
    """Count the requests to models that are on record, by market."""
    journals = {key: run.folder / "journal.jsonl" for key, run in cell_runs(folder).items()}
    return {key: path.read_bytes().count(b'"event":"model_asked"') for key, path in journals.items()}


def prices(folder: Path) -> Prices:
    """Return every finished market's prices and volumes, round by round."""
    return {key: _path(run.folder, run.manifest) for key, run in cell_runs(folder).items() if run.finished}


def _path(folder: Path, manifest: RunManifest) -> tuple[str, ...]:
    history = read_market(folder, manifest).history(1)
    return tuple(f"{past.phase} {past.number}: {past.volume} at {past.price}" for past in history.values())
