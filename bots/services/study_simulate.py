"""`bots study simulate`: a plan's markets with strategies in place of models, and what they say of power."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bots.adapters.run_folder import read_manifest
from bots.agents.strategies import STRATEGIES
from bots.analysis.market_measures import measure_markets
from bots.analysis.measures import MEASURES
from bots.analysis.panel import Floats
from bots.analysis.power import ALPHA, POWER, detectable
from bots.analysis.shown_numbers import plain
from bots.domain.errors import UserMustMend
from bots.domain.records import RunOutcome
from bots.domain.study import Cell, derived_seed
from bots.services.study_cell import CellJob, StudyFacts, play_strategies
from bots.services.study_plan import Study
from bots.services.study_pool import processes, processors
from bots.services.study_report import read_market
from bots.services.terminal import say
from bots.services.trader_specs import TraderSpec, resolve

SIZES = (3, 4, 5, 8, 10, 15, 20, 30, 50, 100)
"""Numbers of markets in a treatment that are looked at, beside the plan's own."""


def simulate(study: Study, strategies: Sequence[str], markets: int, measure: str, console: Console) -> None:
    """Play markets of the plan's first treatment with strategies, and print what differences can be detected.

    Args:
        strategies: names; each takes the seats of models, or all seats where the plan has no model.
        markets: played for each strategy.
        measure: whose spread over markets counts.

    Raises:
        UserMustMend: there is no strategy or measure of a name.
    """
    if measure not in MEASURES:
        known = ", ".join(MEASURES)
        raise UserMustMend(f"there is no measure {measure!r}", where="--measure", mend=f"Use one of {known}.")
    for name in strategies:
        if name not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise UserMustMend(
                f"there is no strategy {name!r}", where="--strategies", mend=f"Use some of {known}."
            )
    values = {name: _played(study, name, markets, measure) for name in strategies}
    console.print(_table(values, measure, study.plan.repetitions))
    if any(spec.is_person for spec in study.seated(study.cells[0])):
        say(console, "People are stood in for by the strategy, too.")
    say(
        console,
        f"Markets: the smallest difference in {MEASURES[measure].label} between two treatments of so "
        f"many markets each that {POWER:.0%} of studies find at {ALPHA:.0%} with a two-sided permutation "
        f"test, given the spread over the {markets} markets played for each strategy. "
        "An en dash: so few markets can never show it.",
    )


def _table(values: Mapping[str, Floats], measure: str, planned: int) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in values:
        table.add_column(escape(name), justify="right")
    known = [one[~np.isnan(one)] for one in values.values()]
    label = MEASURES[measure].label
    table.add_row(f"Mean {label}", *(plain(float(one.mean()) if len(one) else np.nan) for one in known))
    spreads = (float(one.std(ddof=1)) if len(one) > 1 else np.nan for one in known)
    table.add_row(f"SD of {label}", *map(plain, spreads))
    for size in sorted({*SIZES, planned}):
        found = (plain(detectable(one, size).difference) for one in known)
        table.add_row(f"{size} markets{', as planned' if size == planned else ''}", *found)
    return table


def _played(study: Study, strategy: str, markets: int, measure: str) -> Floats:
    """Return the measure in `markets` markets of the first treatment, played with `strategy`."""
    first = study.cells[0]
    with tempfile.TemporaryDirectory(prefix="simulated-") as folder, ExitStack() as stack:
        facts = StudyFacts(
            Path(folder),
            study.plan.name,
            study.hash,
            study.plan.timeout_minutes,
            {"command": (), "packages": {}, "git": {}, "machine": {}},
        )
        jobs = [_job(study, first, number, strategy, facts) for number in range(1, markets + 1)]
        count = min(processors(), len(jobs))
        play = stack.enter_context(processes(count)).map if count > 1 else map
        done = [one for one in play(play_strategies, jobs) if one.outcome is RunOutcome.FINISHED]
        runs = [read_market(one.run, read_manifest(one.run)) for one in done]
        return (
            measure_markets(runs, study.plan.outcome_market)[measure].values if runs else np.array([np.nan])
        )


def _job(study: Study, first: Cell, number: int, strategy: str, facts: StudyFacts) -> CellJob:
    cell = replace(
        first,
        repetition=number,
        dividend_seed=f"simulated {study.plan.seeds.dividends}, {number}",
        seating_seed=derived_seed("simulated seating", study.plan.seeds.seating, number),
        sampling_seed=derived_seed("simulated sampling", study.plan.seeds.sampling, strategy, number),
    )
    return CellJob(cell, in_place_of_models(study.seated(cell), strategy, study), facts)


def in_place_of_models(specs: Sequence[TraderSpec], strategy: str, study: Study) -> tuple[TraderSpec, ...]:
    """Return seats with a strategy for each model and person, or for everybody where there is none."""
    stand_in = resolve(strategy, study.catalogue)
    played = any(spec.model is not None or spec.is_person for spec in specs)
    return tuple(
        stand_in if spec.model is not None or spec.is_person or not played else spec for spec in specs
    )
