"""What `bots measures` prints: a table, or one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bots.analysis.inference import CONFIDENCE, RESAMPLES, Pooled
from bots.analysis.measures import MEASURES
from bots.analysis.panel import Measured, Panel
from bots.analysis.shown_numbers import plain
from bots.services.terminal import say

_SIDE_BY_SIDE = 4  # markets that get a column each
_MOST_ROWS = 40  # markets that get a row each
_IN_ROWS = ("rad", "rd", "rdmax", "gad", "gd", "amplitude", "duration", "turnover", "haessel_r2")

Results = Mapping[str, Measured]


def as_json(panel: Panel, results: Results, pooled: Mapping[str, Pooled], seed: int) -> str:
    """Return one JSON object: each market's measures, and those pooled over markets with their intervals.

    A measure that is not defined is null, and `undefined` says why.
    """
    columns = {name: one.values.tolist() for name, one in results.items()}
    periods = np.sum(~np.isnan(panel.prices), axis=1).tolist()
    markets = [
        {
            "market": name,
            "periods": periods[number],
            **{key: _number(column[number]) for key, column in columns.items()},
            "undefined": {key: one.reasons[number] for key, one in results.items() if one.reasons[number]},
        }
        for number, name in enumerate(panel.names)
    ]
    over_markets = {
        "markets": len(panel),
        "bootstrap": {
            "unit": "market",
            "method": "percentile",
            "confidence": CONFIDENCE,
            "resamples": RESAMPLES,
            "seed": seed,
        },
        **{name: _pooled(one) for name, one in pooled.items()},
    }
    return json.dumps({"markets": markets, "pooled": over_markets}, ensure_ascii=False, allow_nan=False)


def _pooled(one: Pooled) -> dict[str, Any]:
    told = {"mean": _number(one.mean), "low": _number(one.low), "high": _number(one.high)}
    return {**told, "markets": one.markets, **({"undefined": one.reason} if one.reason else {})}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def print_measures(console: Console, panel: Panel, results: Results, pooled: Mapping[str, Pooled]) -> None:
    """Print few markets side by side, many as rows; below them what is pooled, and what is not defined.

    A measure that is defined in no market has no row: why it is not stands at the end.
    """
    defined = {name: one for name, one in results.items() if "" in one.reasons}
    if len(panel) <= _SIDE_BY_SIDE:
        _print_side_by_side(console, panel, defined, pooled)
    else:
        _print_rows(console, panel, results)
        console.print()
        _print_pooled(console, {name: pooled[name] for name in defined})
    _print_reasons(console, results)


def _print_side_by_side(
    console: Console, panel: Panel, results: Results, pooled: Mapping[str, Pooled]
) -> None:
    """Print measures down, markets across, and as much of formula and unit as there is room for."""
    unlimited = console.options.update(max_width=10_000)
    for details in (("Formula", "Unit"), ("Unit",), ()):
        table = _side_by_side(panel, results, pooled, details)
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
    console.print(table)


def _side_by_side(
    panel: Panel, results: Results, pooled: Mapping[str, Pooled], details: Sequence[str]
) -> Table:
    table = _table("Measure", *details, left=1 + len(details))
    for name in panel.names:
        table.add_column(escape(name), justify="right")
    if len(panel) > 1:
        table.add_column("Mean", justify="right")
        table.add_column("95 % interval", justify="right", no_wrap=True)
    for name, one in results.items():
        described = MEASURES[name]
        about = {"Formula": described.formula, "Unit": described.unit}
        cells = [described.label, *(about[detail] for detail in details)]
        cells += [plain(value) for value in one.values.tolist()]
        if len(panel) > 1:
            cells += [plain(pooled[name].mean), interval(pooled[name])]
        table.add_row(*map(escape, cells))
    return table


def _print_rows(console: Console, panel: Panel, results: Results) -> None:
    table = _table("Market", left=1)
    for key in _IN_ROWS:
        table.add_column(MEASURES[key].label, justify="right")
    for number, name in enumerate(panel.names[:_MOST_ROWS]):
        table.add_row(escape(name), *(plain(float(results[key].values[number])) for key in _IN_ROWS))
    console.print(table)
    if len(panel) > _MOST_ROWS:
        say(console, f"… and {len(panel) - _MOST_ROWS} more markets; --json has them all")


def _print_pooled(console: Console, pooled: Mapping[str, Pooled]) -> None:
    table = _table("Pooled over markets", "Unit", left=2)
    for name in ("Mean", "95 % interval", "Markets"):
        table.add_column(name, justify="right")
    for name, one in pooled.items():
        described = MEASURES[name]
        numbers = (plain(one.mean), interval(one), str(one.markets))
        table.add_row(*map(escape, (described.label, described.unit, *numbers)))
    console.print(table)


def _print_reasons(console: Console, results: Results) -> None:
    """Say why measures are missing, one line a reason."""
    missing: dict[str, list[str]] = {}
    for name, one in results.items():
        for reason in dict.fromkeys(one.reasons):
            if reason:
                missing.setdefault(reason, []).append(MEASURES[name].label)
    for reason, labels in missing.items():
        say(console, f"– {reason}: {'; '.join(labels)}")


def _table(*names: str, left: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="left" if number < left else "right", no_wrap=True)
    return table


def interval(one: Pooled) -> str:
    """Return a pooled measure's interval as text."""
    return "–" if math.isnan(one.low) else f"[{plain(one.low)}, {plain(one.high)}]"
