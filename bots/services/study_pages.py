"""A page for each market of a study, by which its report leads to any decision."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from bots.adapters.run_folder import replace_file
from bots.services.study_pool import processes, processors

_MARKETS_A_PROCESS = 4  # fewer are written sooner than a process starts


def write_pages(folders: Sequence[Path], most: int) -> None:
    """Write the brief report of markets that have none, `most` of them, on all processors.

    A finished market does not change, so that what has been written stays; `bots report` writes it whole.

    Raises:
        UserMustMend: a folder is no run, or cannot be read.
    """
    lacking = [folder for folder in folders if not (folder / "report.html").exists()][:most]
    count = min(processors(), len(lacking) // _MARKETS_A_PROCESS)
    with processes(count) if count > 1 else nullcontext() as pool:
        for _ in (pool.map if pool else map)(write_page, lacking):
            pass


def write_page(folder: Path) -> None:
    """Write a market's brief report into its run folder."""
    from bots.analysis.collector import without_collector
    from bots.analysis.report import run_page
    from bots.analysis.runs import open_run

    with without_collector():
        run = open_run(folder)
    replace_file(folder / "report.html", run_page(run, brief=True)[0])
