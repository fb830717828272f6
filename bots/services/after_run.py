"""What is derived from a run's journal when it ends: the tables printed, the figure drawn."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from bots.adapters.guard import environment_without_secrets
from bots.analysis.figures import price_and_volume
from bots.analysis.model_use import ModelMeter
from bots.analysis.played import PlayedRun
from bots.analysis.reading import read_run
from bots.analysis.run_data import TraderResult, read_journal, trader_results
from bots.services.runner import RunReport
from bots.services.summary import print_ends, print_market, print_models, print_traders, print_undecided
from bots.services.terminal import say

_WRITE_REPORT = """
import sys
from pathlib import Path
from bots.analysis.collector import keep_to_the_end, without_collector
from bots.analysis.report import write_report
from bots.analysis.runs import open_run
folder = Path(sys.argv[1])
with without_collector():
    run = open_run(folder)
    keep_to_the_end()
write_report([run], folder / "report.html")
"""


def show_and_draw(console: Console, report: RunReport, *, drawn: bool = True) -> tuple[TraderResult, ...]:
    """Print the market's and the traders' tables, say where the run is, draw the figure into its folder.

    Args:
        console: where it is told.
        report: of the run that ended.
        drawn: make figure and report too; else the command that makes them is told.

    Returns:
        How each trader did.
    """
    if console.quiet:
        print(report.folder)
    events, run = read_journal(report.folder).events, read_run(report.folder)
    console.print()
    print_market(console, run)
    manifest = run.manifest
    results = trader_results(events)
    print_traders(console, results)
    print_models(console, ModelMeter(events), manifest)
    console.print()
    reason = f": {report.end.reason}" if report.end.reason else ""
    print_ends(console, manifest)
    say(console, f"Run {report.end.outcome.value}{reason}")
    say(console, f"Run folder: {report.folder}")
    if drawn:
        _draw(console, run, report.folder)
    else:
        say(console, f"Figure and report: bots rebuild {report.folder}")
    print_undecided(console, results, manifest.fallback)
    return results


def _draw(console: Console, run: PlayedRun, folder: Path) -> None:
    if any(run.history(market) for market in run.markets):
        _make(console, "Figure", folder, lambda: price_and_volume(run, folder)[0])
    _make(console, "Report", folder, lambda: _report(folder))


def _report(folder: Path) -> Path:
    """Write the report in a process of its own: its libraries end theirs where memory is short.

    Raises:
        RuntimeError: it was not written; says how its process ended.
    """
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_REPORT, str(folder)],
        env=environment_without_secrets(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise RuntimeError(f"its process ended with code {done.returncode} and said last: {said[-1][:200]}")
    return folder / "report.html"


def _make(console: Console, what: str, folder: Path, make: Callable[[], Path]) -> None:
    """Make a file; whatever goes wrong is told, and the run is as good as before."""
    try:
        told = f"{what}:".ljust(12) + str(make())
    except Exception as error:  # noqa: BLE001 - the run is over and kept; all its files can be made again
        told = f"Warning: no {what.lower()} ({type(error).__name__}: {error}). Try: bots rebuild {folder}"
    say(console, told)
