"""LLM agents and people trading in one experimental asset market served by oTree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bots.analysis.runs import Run

__all__ = ["open_run"]


def open_run(folder: str | Path) -> Run:
    """Open a run folder as tables.

        import bots
        run = bots.open_run("bot-data/debug-runs/run-3")
        run.prices, run.orders, run.forecasts, run.measures

    Raises:
        bots.domain.errors.UserMustMend: it is no run folder, or cannot be read.
    """
    from bots.analysis.runs import open_run as open_folder

    return open_folder(folder)
