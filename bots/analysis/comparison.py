"""Many runs side by side: treatments by the model name they were started with, the market as the unit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl

from bots.analysis.charts import Chart, Paths, comparison_chart
from bots.analysis.endowments import is_reference_design, panel_of
from bots.analysis.guide import checklist
from bots.analysis.inference import Difference, Effect, Pooled, effect, holm, permutation_test, pool
from bots.analysis.kinds import compared_over_markets, outcomes_of
from bots.analysis.market_measures import OfRow, counted_rows, measure_markets
from bots.analysis.measures import MEASURES, measures_told, unit_of
from bots.analysis.over_periods import quiet
from bots.analysis.panel import Floats, Measured, Panel
from bots.analysis.pictures import Picture, picture
from bots.analysis.report import render
from bots.analysis.runs import Run

TESTED = ("rad", "rd", "gad", "rdmax", "turnover")
"""Measures on which treatments are tested against each other."""

TESTED_OF_UNITS = ("efficiency", "smith_alpha_trades", "mean_price_volume_weighted", "total_volume")
"""The same where units have values and costs."""

TESTED_OF_FORECASTS = ("rad", "rd", "gad", "mse_fundamental")
"""The same where forecasts alone make the price."""


@dataclass(frozen=True, slots=True)
class Test:
    """One measure in two treatments; `adjusted` is Holm's p over the pairs of this measure."""

    measure: str
    first: str
    second: str
    outcome: Difference
    size: Effect
    adjusted: float


def comparison_page(
    runs: Sequence[Run],
    *,
    beside: Path = Path(),
    tested: Sequence[str] = (),
    notes: Sequence[str] = (),
    of: OfRow = "all",
) -> tuple[str, list[Chart]]:
    """Return the page that compares runs, and the charts on it.

    Args:
        beside: folder that the page is written to: from there it leads to the runs' own reports.
        tested: measures on which treatments are tested against each other; none: `TESTED`, or those of units.
        notes: what a reader has to know of the runs, such as those left out.
        of: which of several markets in a row the measures are of.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.manifest.model, []).append(run)
    panels = {name: panel_of([run.played for run in own]) for name, own in groups.items()}
    results = {name: measure_markets([run.played for run in own], of) for name, own in groups.items()}
    pooled = {name: pool(own) for name, own in results.items()}
    human = all(run.rules is not None and is_reference_design(run.rules) for run in runs)
    units = all(run.rules is not None and run.rules.induced for run in runs)
    alone = all(run.rules is not None and run.rules.forecasts_alone for run in runs)
    relative = not units and _values_differ(panels.values())
    level = _equilibrium(panels.values()) if units else _fundamental(panels.values())
    chart = comparison_chart(
        {name: _paths(panels[name], own, of, relative=relative) for name, own in groups.items()},
        np.ones(len(level)) if relative else level,
        human=human,
        units=units,
        relative=relative,
        traded=not alone,
    )
    pictured: Picture = picture(chart)
    page = render(
        "comparison.html",
        heading=_heading(runs, groups),
        runs=[_run_row(run, beside) for run in runs],
        treatments=list(groups),
        markets={name: len(own["rad"]) for name, own in results.items()},
        prices=pictured,
        human=human,
        units=units,
        alone=alone,
        relative=relative,
        rows=_rows(pooled, {name: unit_of(name, units=units, forecasts=alone) for name in _told(runs)}),
        tests=_tests(results, tested or _tested(units=units, alone=alone)),
        notes=notes,
        traders=_traders(runs),
        versus=compared_over_markets(_outcomes(runs)),
        checklist=checklist([run.played for run in runs]),
    )
    return page, [chart]


def _heading(runs: Sequence[Run], treatments: Iterable[str]) -> str:
    """Return the name of the study where all runs are of one, else what is compared."""
    studies = {run.manifest.configuration.get("study", {}).get("name") for run in runs}
    study = studies.pop() if len(studies) == 1 else None
    return study or ", ".join(treatments)


def _told(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the measures that say something of any of the runs."""
    kinds = {
        (bool(run.rules and run.rules.induced), bool(run.rules and run.rules.forecasts_alone)) for run in runs
    }
    wanted = {name for units, alone in kinds for name in measures_told(units=units, forecasts=alone)}
    return tuple(name for name in MEASURES if name in wanted)


def _tested(*, units: bool, alone: bool) -> tuple[str, ...]:
    if alone:
        return TESTED_OF_FORECASTS
    return TESTED_OF_UNITS if units else TESTED


def _fundamental(panels: Iterable[Panel]) -> Floats:
    """Return the fundamental value by paid round, of the longest market; empty where none is known."""
    values = max(panels, key=lambda panel: panel.prices.shape[1]).fundamentals
    known = values[~np.isnan(values).all(axis=1)]
    return known[0] if len(known) else np.array([])


def _values_differ(panels: Iterable[Panel]) -> bool:
    """Tell whether fundamental values differ between treatments: their prices have no common scale then."""
    paths = [_fundamental([panel]) for panel in panels]
    common = min(map(len, paths))
    return common > 0 and any(
        not np.allclose(path[:common], paths[0][:common], equal_nan=True) for path in paths
    )


def _paths(panel: Panel, runs: Sequence[Run], of: OfRow, *, relative: bool) -> Paths:
    """Return prices and volumes of a treatment's markets; several in a row as one, as in the measures."""
    parts = counted_rows([run.played for run in runs], of)
    prices = panel.prices / panel.fundamentals if relative else panel.prices

    def of_markets(values: Floats) -> Floats:
        with quiet():
            return np.array([np.nanmean(values[part], axis=0) for part in parts])

    return Paths(of_markets(prices), of_markets(panel.volumes))


def _equilibrium(panels: Iterable[Panel]) -> Floats:
    """Return the equilibrium price by paid round where all markets have the same; else empty."""
    told = list(panels)
    known = {float(price) for panel in told if panel.gains for price in panel.gains.equilibrium}
    periods = max(panel.prices.shape[1] for panel in told)
    return np.full(periods, known.pop()) if len(known) == 1 else np.array([])


def _outcomes(runs: Sequence[Run]) -> pl.DataFrame:
    return pl.concat([outcomes_of(run.traders, run.trader_rounds, run.forecasts) for run in runs])


def _rows(pooled: Mapping[str, Mapping[str, Pooled]], units: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row a measure of `units`, which tells the unit of each."""
    return [
        {"label": MEASURES[name].label, "unit": unit, "of": [own[name] for own in pooled.values()]}
        for name, unit in units.items()
    ]


def _tests(results: Mapping[str, Mapping[str, Measured]], tested: Sequence[str]) -> list[Test]:
    tests: list[Test] = []
    for measure in tested:
        pairs = list(combinations(results, 2))
        outcomes = [
            permutation_test(results[one][measure].values, results[other][measure].values)
            for one, other in pairs
        ]
        adjusted = holm(np.array([outcome.p for outcome in outcomes], dtype=np.float64))
        tests += [
            Test(MEASURES[measure].label, *pair, outcome, _size(results, measure, pair), float(p))
            for pair, outcome, p in zip(pairs, outcomes, adjusted, strict=True)
        ]
    return tests


def _size(results: Mapping[str, Mapping[str, Measured]], measure: str, pair: tuple[str, str]) -> Effect:
    first, second = (results[name][measure].values for name in pair)
    return effect(first, second)


def _run_row(run: Run, beside: Path) -> dict[str, Any]:
    traders = run.traders
    report = run.folder / "report.html"
    return {
        "name": run.name,
        "link": _way(report, beside) if report.exists() else "",
        "manifest": run.manifest,
        "people": traders.height - int(traders["is_bot"].sum()),
        "fallbacks": traders["fallbacks"].sum(),
        "cost": traders["cost_usd"].sum() if traders["cost_usd"].drop_nulls().len() else None,
    }


def _way(report: Path, beside: Path) -> str:
    """Return the address of a report for a page in `beside`, so that both can be moved together."""
    try:
        return quote(Path(os.path.relpath(report.resolve(), beside.resolve())).as_posix())
    except ValueError:  # on another drive
        return report.resolve().as_uri()


def _traders(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Describe final wealth by kind of trader: the mean of each market first, then over markets.

    Where nothing is held, what forecasts earned.
    """
    by_name: dict[str, list[float]] = {}
    seats: dict[str, int] = {}
    for run in runs:
        alone = run.rules is not None and run.rules.forecasts_alone
        held = pl.col("final_wealth") - pl.col("expected_wealth")
        gained = (pl.col("forecast_earnings") if alone else held).alias("gain")
        known = run.traders.with_columns(gained).drop_nulls("gain")
        for (name, _), own in known.group_by("trader", "market", maintain_order=True):
            gain = own["gain"].to_numpy().mean()
            by_name.setdefault(str(name), []).append(float(gain))
            seats[str(name)] = seats.get(str(name), 0) + own.height
    measured = {name: Measured(np.array(own), ("",) * len(own)) for name, own in sorted(by_name.items())}
    return [
        {"name": name, "seats": seats[name], "gain": pool({"gain": own})["gain"]}
        for name, own in measured.items()
    ]
