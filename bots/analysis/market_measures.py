"""Measures of the markets of runs, one value for each market that is independent of the others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

import numpy as np

from bots.analysis.endowments import markets_in_a_row, panel_of
from bots.analysis.measures import measure_all
from bots.analysis.panel import Measured
from bots.analysis.played import PlayedRun

OfRow = Literal["all", "first", "last"]
"""Which of several markets in a row a measure is of: all, by their mean, or one of them."""


def measure_markets(runs: Sequence[PlayedRun], of: OfRow = "all") -> dict[str, Measured]:
    """Return every measure of every market, run by run.

    Several markets in a row have the same traders and are no independent observations: they count as one,
    with the mean of those in which a measure is defined, or with the first or the last of them.

    Args:
        of: which markets of a row count.
    """
    results = measure_all(panel_of(runs))
    parts = counted_rows(runs, of)
    if all(part.stop - part.start == 1 for part in parts) and len(parts) == len(results["rad"]):
        return results
    return {name: _joined(one, parts) for name, one in results.items()}


def counted_rows(runs: Sequence[PlayedRun], of: OfRow) -> list[slice]:
    """Return for each market of `panel_of(runs)`, those in a row as one, the rows that count for it."""
    sizes = [markets_in_a_row(run) for run in runs for _ in run.markets]
    ends = accumulate(sizes)
    return [_counted(end - size, end, of) for size, end in zip(sizes, ends, strict=True)]


def _counted(start: int, end: int, of: OfRow) -> slice:
    match of:
        case "first":
            return slice(start, start + 1)
        case "last":
            return slice(end - 1, end)
        case _:
            return slice(start, end)


def _joined(one: Measured, parts: Sequence[slice]) -> Measured:
    known = [one.values[part][~np.isnan(one.values[part])] for part in parts]
    values = np.array([own.mean() if len(own) else np.nan for own in known])
    kept = zip(known, parts, strict=True)
    reasons = tuple("" if len(own) else one.reasons[part.start] for own, part in kept)
    return Measured(values, reasons)
