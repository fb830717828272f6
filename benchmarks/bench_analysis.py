"""How long reading runs takes: python benchmarks/bench_analysis.py

report        one run of 24 traders and 33 rounds, to report.html and its figures
  of auction  the same of a double auction
  forecasting the same of 24 forecasters and 50 rounds
export        200 runs as the first, joined, as Parquet and CSV
measures      prices of 10,000 markets of 30 rounds, `bots measures --reference human --json`

The runs are of the in-process market with six strategies in turn; one journal stands for all that are
exported. Each command is a process of its own, start included, as a user would call it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench_in_process import STRATEGIES, cell_of, play

from bots.adapters.run_folder import JournalWriter, write_manifest
from bots.domain.experiment import Seat
from bots.domain.records import RunOutcome
from tests.manifests import manifest_of

TRADERS, RUNS, MARKETS, PERIODS = 24, 200, 10_000, 30


@dataclass(frozen=True, slots=True)
class Target:
    """A command with what it may take: seconds by the clock, and megabytes of any of its processes."""

    name: str
    arguments: tuple[str, ...]
    seconds: float
    megabytes: float = float("inf")


def make_run(folder: Path, **market: str | int) -> Path:
    """Play one market and keep it as a run folder."""
    folder.mkdir()
    cell = cell_of(TRADERS, **market)
    with JournalWriter(folder / "journal.jsonl", durable=False) as journal:
        play(cell, journal)
    seats = [
        Seat(number, f"trader{number}", "", STRATEGIES[number % len(STRATEGIES)], number)
        for number in range(1, TRADERS + 1)
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    ended = manifest_of(seats, run=1, run_id="bench", started=now, ended=now, outcome=RunOutcome.FINISHED)
    write_manifest(folder, ended)
    return folder


def copies(run: Path, count: int) -> list[str]:
    """Return folders of `count` runs that share one journal."""
    folders = []
    for number in range(1, count + 1):
        folder = run.parent / f"run-{number}"
        folder.mkdir()
        (folder / "journal.jsonl").symlink_to(run / "journal.jsonl")
        shutil.copy(run / "manifest.json", folder)
        folders.append(str(folder))
    return folders


def make_prices(file: Path) -> Path:
    """Write prices of many markets."""
    draw = random.Random(1)
    with file.open("w") as stream:
        stream.write("market,period,price,volume,shares\n")
        for market in range(MARKETS):
            for period in range(1, PERIODS + 1):
                stream.write(f"m{market},{period},{draw.uniform(8, 40):.2f},{draw.randrange(30)},96\n")
    return file


def measure(arguments: Sequence[str]) -> tuple[float, float, float]:
    """Run the console script; return seconds by the clock, seconds of CPU, and megabytes at most."""
    script = "import sys; from bots.services.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", script, *arguments]
    started = time.perf_counter()
    quiet = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=[quiet])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"bots {arguments[0]} failed")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="runs to export")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = make_run(folder / "run")
        auction = make_run(folder / "auction", preset="ssw1988", practice_rounds=3, paid_rounds=30)
        forecasting = make_run(folder / "forecasting", preset="ltf-positive")
        prices = make_prices(folder / "prices.csv")
        targets = (
            Target("report", ("report", str(run)), 10),
            Target("  of auction", ("report", str(auction)), 10),
            Target("  forecasting", ("report", str(forecasting)), 10),
            Target("export", ("export", *copies(run, runs), "--out", str(folder / "tables")), 60, 2000),
            Target(
                "measures",
                ("measures", str(prices), "--fundamental", "14", "--reference", "human", "--json"),
                2,
            ),
        )
        print(f"{'':14}{'seconds':>9}{'of CPU':>9}{'MB':>8}   target")
        for target in targets:
            seconds, cpu, megabytes = measure(target.arguments)
            limit = f"{target.seconds:g} s" + (f", {target.megabytes:g} MB" if target.megabytes < 1e9 else "")
            print(f"{target.name:14}{seconds:9.1f}{cpu:9.1f}{megabytes:8.0f}   {limit}")


if __name__ == "__main__":
    main()
