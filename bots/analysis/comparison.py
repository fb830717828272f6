"""Many runs side by side: treatments by the model name they were started with, the market as the unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from bots.analysis.charts import Chart, Paths, comparison_chart
from bots.analysis.endowments import is_reference_design, panel_of
from bots.analysis.guide import checklist
from bots.analysis.inference import Difference, Effect, Pooled, effect, holm, permutation_test, pool
from bots.analysis.kinds import compared_over_markets, outcomes_of
from bots.analysis.market_measures import measure_markets
from bots.analysis.measures import MEASURES
from bots.analysis.panel import Measured
from bots.analysis.report import Picture, picture, render
from bots.analysis.runs import Run

TESTED = ("rad", "rd", "gad", "rdmax", "turnover")
"""Measures on which treatments are tested against each other."""


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
    runs: Sequence[Run], *, tested: Sequence[str] = TESTED, notes: Sequence[str] = ()
) -> tuple[str, list[Chart]]:
    """Return the page that compares runs, and the charts on it.

    Args:
        tested: measures on which treatments are tested against each other.
        notes: what a reader has to know of the runs, such as those left out.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.manifest.model, []).append(run)
    panels = {name: panel_of([run.played for run in own]) for name, own in groups.items()}
    results = {name: measure_markets([run.played for run in own]) for name, own in groups.items()}
    pooled = {name: pool(own) for name, own in results.items()}
    human = all(run.rules is not None and is_reference_design(run.rules) for run in runs)
    longest = max(panels.values(), key=lambda panel: panel.prices.shape[1])
    values = longest.fundamentals
    chart = comparison_chart(
        {name: Paths(panel.prices, panel.volumes) for name, panel in panels.items()},
        values[~np.isnan(values).all(axis=1)][0] if not np.isnan(values).all() else np.array([]),
        human=human,
    )
    pictured: Picture = picture(chart)
    page = render(
        "comparison.html",
        runs=[_run_row(run) for run in runs],
        treatments=list(groups),
        markets={name: len(own["rad"]) for name, own in results.items()},
        prices=pictured,
        human=human,
        rows=_rows(pooled),
        tests=_tests(results, tested),
        notes=notes,
        traders=_traders(runs),
        versus=compared_over_markets(_outcomes(runs)),
        checklist=checklist([run.played for run in runs]),
    )
    return page, [chart]


def _outcomes(runs: Sequence[Run]) -> pl.DataFrame:
    return pl.concat([outcomes_of(run.traders, run.trader_rounds, run.forecasts) for run in runs])


def _rows(pooled: Mapping[str, Mapping[str, Pooled]]) -> list[dict[str, Any]]:
    return [
        {"label": described.label, "unit": described.unit, "of": [own[name] for own in pooled.values()]}
        for name, described in MEASURES.items()
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


def _run_row(run: Run) -> dict[str, Any]:
    traders = run.traders
    report = run.folder / "report.html"
    return {
        "name": run.name,
        "link": report.resolve().as_uri() if report.exists() else "",
        "manifest": run.manifest,
        "people": traders.height - int(traders["is_bot"].sum()),
        "fallbacks": traders["fallbacks"].sum(),
        "cost": traders["cost_usd"].sum() if traders["cost_usd"].drop_nulls().len() else None,
    }


def _traders(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Describe final wealth by kind of trader: the mean of each market first, then over markets."""
    by_name: dict[str, list[float]] = {}
    seats: dict[str, int] = {}
    for run in runs:
        known = run.traders.drop_nulls(["final_wealth", "expected_wealth"])
        for (name, _), own in known.group_by("trader", "market", maintain_order=True):
            gain = (own["final_wealth"] - own["expected_wealth"]).to_numpy().mean()
            by_name.setdefault(str(name), []).append(float(gain))
            seats[str(name)] = seats.get(str(name), 0) + own.height
    measured = {name: Measured(np.array(own), ("",) * len(own)) for name, own in sorted(by_name.items())}
    return [
        {"name": name, "seats": seats[name], "gain": pool({"gain": own})["gain"]}
        for name, own in measured.items()
    ]
