"""A study's markets → measures of each treatment, compared with the market as the unit.

Every number comes from the journals of finished markets; `report.md` and `measures.csv` in the study's folder
are made anew each time.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bots.adapters.run_folder import replace_file
from bots.analysis.inference import (
    CONFIDENCE,
    RESAMPLES,
    Difference,
    Effect,
    effect,
    holm,
    permutation_test,
    pool,
)
from bots.analysis.market_measures import measure_markets
from bots.analysis.measures import MEASURES
from bots.analysis.panel import Floats, Measured
from bots.analysis.played import PlayedRun, played
from bots.analysis.shown_numbers import plain
from bots.domain.errors import UserMustMend
from bots.domain.records import EVENTS, RunManifest
from bots.services.measure_tables import interval
from bots.services.study_folder import CellRun, cell_runs, study_folder
from bots.services.study_pages import write_pages
from bots.services.study_plan import Study
from bots.services.terminal import say

# A phase's last page holds every round of it, and a period's last one its trades; the other pages are
# most of a journal and need not be read.
_PAGE = '"event":"page_seen"'
_LAST_PAGE = '"page":"final"'
_PERIOD_OVER = ('"page":"results"', '"period":{')  # of a double auction: its trades
_SEATS = ('"event":"seat_opened"', '"event":"seat_ended"')


@dataclass(frozen=True)
class Treated:
    """One treatment's finished markets.

    Attributes:
        repetitions: of each market.
        runs: name of each market's run folder.
        results: by measure, over these markets.
        planned: how many markets the plan has.
        excluded: run folders of finished markets that the plan's rule of fallbacks leaves out.
        undecided: those of markets that the plan leaves out since every decision of some trader failed.
        markets: what is read of each market, where acts were read too; else none.
    """

    name: str
    repetitions: tuple[int, ...]
    runs: tuple[str, ...]
    results: Mapping[str, Measured]
    planned: int
    excluded: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()
    markets: tuple[PlayedRun, ...] = ()

    def __len__(self) -> int:
        return len(self.runs)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two treatments in one measure; `adjusted` is p after Holm over all pairs of the measure."""

    measure: str
    first: str
    second: str
    difference: Difference
    size: Effect
    adjusted: float


def report_study(
    study: Study,
    data: Path,
    measures: Sequence[str],
    seed: int,
    console: Console,
    pages: int | None = None,
) -> tuple[Path, ...]:
    """Print a study's report and write it into its folder; return the files.

    Args:
        pages: how many markets, at most, get a page of their own; None writes no page of the study either.

    Raises:
        UserMustMend: nothing is finished yet, or there is no measure of a name.
    """
    _check(measures)
    folder = study_folder(data, study)
    treated = read_treatments(study, folder, acts=pages is not None)
    if not any(map(len, treated)):
        raise UserMustMend(
            "no market of this study is finished yet",
            where=str(folder),
            mend=f"Play them with: bots study run {study.words}",
        )
    tables = [*_tables(study, treated, measures, seed)]
    for table in tables:
        console.print(table.for_terminal())
        for note in table.notes:
            say(console, note)
        console.print()
    files = (folder / "report.md", folder / "measures.csv")
    replace_file(files[0], _markdown(study, tables))
    replace_file(files[1], _csv(treated))
    return files if pages is None else (*files, *write_html(study, folder, treated, measures, pages))


def _check(measures: Sequence[str]) -> None:
    for name in measures:
        if name not in MEASURES:
            raise UserMustMend(
                f"there is no measure {name!r}",
                where="--measure",
                mend=f"Name some of {', '.join(MEASURES)}.",
            )


def read_treatments(study: Study, folder: Path, *, acts: bool = False) -> tuple[Treated, ...]:
    """Return each treatment's finished markets, in the plan's order; `acts` as for `read_market`."""
    runs = cell_runs(folder) if folder.exists() else {}
    done: dict[str, list[tuple[int, CellRun]]] = {name: [] for name in study.plan.treatments}
    for cell in study.cells:
        run = runs.get(cell.key)
        if run is not None and run.finished:
            done[cell.treatment].append((cell.repetition, run))
    return tuple(_treated(study, name, markets, acts) for name, markets in done.items())


def _treated(study: Study, name: str, finished: Sequence[tuple[int, CellRun]], acts: bool) -> Treated:
    most, decided = study.plan.rules.exclude_fallback_share, {}
    for number, run in finished:
        if run.stands(study.plan.rules):
            decided[number] = read_market(run.folder, run.manifest, acts=acts or most is not None)
    excluded = {number for number, run in decided.items() if most is not None and _fallback_share(run) > most}
    markets = {number: run for number, run in decided.items() if number not in excluded}
    results = measure_markets(list(markets.values()), study.plan.outcome_market)
    return Treated(
        name,
        tuple(markets),
        tuple(run.folder.name for run in markets.values()),
        results if markets else {},
        study.plan.repetitions,
        tuple(sorted(decided[number].folder.name for number in excluded)),
        tuple(run.folder.name for number, run in finished if number not in decided),
        tuple(markets.values()) if acts else (),
    )


def _fallback_share(run: PlayedRun) -> Fraction:
    """Return the share of a market's decisions that the declared fallback made."""
    by_fallback = [
        one.made.fallback
        for seat in run.seats.values()
        for one in seat.decisions
        if one.made is not None and one.page != "final"
    ]
    return Fraction(sum(by_fallback), len(by_fallback)) if by_fallback else Fraction(0)


def _left_out(study: Study, treated: Sequence[Treated]) -> tuple[str, ...]:
    """Return what a reader has to know of finished markets that are left out."""
    rule, told = study.plan.rules.exclude_fallback_share, []
    if rule is not None:
        named = _named({one.name: one.excluded for one in treated})
        told.append(f"Left out, for more than {rule} of decisions made by the fallback: {named}.")
    if any(one.undecided for one in treated):
        named = _named({one.name: one.undecided for one in treated})
        told.append(f"Left out as undecided, for every decision of some trader failed: {named}.")
    return tuple(told)


def _named(runs: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{name}: {', '.join(some)}" for name, some in runs.items() if some) or "none"


def of_a_row(study: Study) -> tuple[str, ...]:
    """Return which of several markets in a row the measures are of, where it is one of them."""
    which = study.plan.outcome_market
    if which == "all":
        return ()
    return (f"Of several markets in a row with the same traders, measures are of the {which} one.",)


def read_market(folder: Path, manifest: RunManifest, *, acts: bool = False) -> PlayedRun:
    """Read of a run what its traders saw at the end of each phase, which is all the market's history.

    Args:
        acts: read what they decided, sent and asked, too.
    """
    with (folder / "journal.jsonl").open(encoding="utf-8") as lines:
        return played(folder, manifest, [EVENTS.validate_json(line) for line in lines if _tells(line, acts)])


def _tells(line: str, acts: bool) -> bool:
    if _PAGE in line:
        return _LAST_PAGE in line or all(mark in line for mark in _PERIOD_OVER)
    return acts or any(mark in line for mark in _SEATS)


def write_html(
    study: Study, folder: Path, treated: Sequence[Treated], measures: Sequence[str], pages: int = 0
) -> tuple[Path, ...]:
    """Write the page that compares the finished markets, treatment by treatment, and its figures.

    Args:
        folder: of the study.
        treated: read with acts.
        pages: how many markets, at most, get a page of their own that have none yet.

    Returns:
        The page's file, and the folder of the figures as SVG and PDF.
    """
    from bots.analysis.charts import write_charts
    from bots.analysis.comparison import comparison_page
    from bots.analysis.runs import Run

    as_begun = sorted((run for one in treated for run in one.markets), key=lambda run: run.manifest.run)
    write_pages([run.folder for run in as_begun], pages)
    runs = [
        Run(replace(run, manifest=run.manifest.model_copy(update={"model": one.name})))
        for one in treated
        for run in one.markets
    ]
    notes = (*_left_out(study, treated), *of_a_row(study))
    page, charts = comparison_page(
        runs, beside=folder, tested=measures, notes=notes, of=study.plan.outcome_market
    )
    replace_file(folder / "report.html", page)
    write_charts(charts, folder / "figures")
    return folder / "report.html", folder / "figures"


def compare(treated: Sequence[Treated], measure: str, seed: int) -> tuple[Compared, ...]:
    """Compare every pair of treatments in one measure; a market is one observation."""
    pairs = [(a, b) for a, b in combinations(treated, 2) if len(a) and len(b)]
    tests = [permutation_test(_values(a, measure), _values(b, measure), seed=seed) for a, b in pairs]
    adjusted = holm(np.array([test.p for test in tests]))
    return tuple(
        Compared(
            measure,
            a.name,
            b.name,
            test,
            effect(_values(a, measure), _values(b, measure), seed=seed),
            float(p),
        )
        for (a, b), test, p in zip(pairs, tests, adjusted, strict=True)
    )


def _values(treated: Treated, measure: str) -> Floats:
    return treated.results[measure].values


@dataclass(frozen=True, slots=True)
class _Report:
    """A table that can be printed and written; all but the first `left` columns are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int
    notes: tuple[str, ...] = ()

    def for_terminal(self) -> Table:
        table = Table(title=self.title, title_justify="left", box=None, pad_edge=False)
        for number, name in enumerate(self.columns):
            text = number < self.left
            table.add_column(name, justify="left" if text else "right", overflow="fold", no_wrap=not text)
        for row in self.rows:
            table.add_row(*row)
        return table

    def as_markdown(self) -> str:
        rule = ["---" if number < self.left else "---:" for number in range(len(self.columns))]
        lines = [self.columns, rule, *self.rows]
        body = "\n".join("| " + " | ".join(line).replace("\n", "<br>") + " |" for line in lines)
        notes = "".join(f"\n{note}\n" for note in self.notes)
        return f"## {self.title}\n\n{body}\n{notes}"


def _tables(
    study: Study, treated: Sequence[Treated], measures: Sequence[str], seed: int
) -> Iterator[_Report]:
    yield _measured(study, treated, measures, seed)
    if len(study.plan.treatments) > 1:
        yield _compared(treated, measures, seed)


def _measured(study: Study, treated: Sequence[Treated], measures: Sequence[str], seed: int) -> _Report:
    known = [one for one in treated if len(one)]
    pooled = {one.name: pool({name: one.results[name] for name in measures}, seed=seed) for one in known}
    rows = []
    for name in measures:
        for one in treated:
            out = len(one.excluded) + len(one.undecided)
            left_out = f", {out} left out" if out else ""
            counted = f"{len(one)} of {one.planned}{left_out}"
            found = pooled[one.name][name] if len(one) else None
            numbers = (plain(found.mean), interval(found)) if found else ("–", "–")
            rows.append((MEASURES[name].label, one.name, counted, *numbers))
    meanings = [
        f"{MEASURES[name].label}: {MEASURES[name].formula}, {study.unit_of(name)}" for name in measures
    ]
    note = (
        f"Means over markets with {CONFIDENCE:.0%} percentile bootstrap intervals "
        f"({RESAMPLES} resamples of whole markets, seed {seed})."
    )
    notes = (note, "; ".join(meanings) + ".", *_left_out(study, treated), *of_a_row(study))
    columns = ("Measure", "Treatment", "Markets", "Mean", f"{CONFIDENCE:.0%} interval")
    return _Report("Treatments", columns, tuple(rows), 3, notes)


def _compared(treated: Sequence[Treated], measures: Sequence[str], seed: int) -> _Report:
    rows, sampled = [], False
    for measure in measures:
        for one in compare(treated, measure, seed):
            test = one.difference
            sampled |= not test.exact
            pair = f"{one.first}\n− {one.second}"
            difference = f"{plain(test.difference)}\n{_between(one.size.low, one.size.high)}"
            g = "–" if np.isnan(one.size.g) else f"{one.size.g:.2f}"
            ps = (_p(test.p, test.exact), _p(one.adjusted, test.exact))
            rows.append((MEASURES[measure].label, pair, difference, g, *ps))
    columns = ("Measure", "First − second", "Difference", "g", "p", "p, Holm")
    kind = "Exact (≈: 200,000 random splits)" if sampled else "Exact"
    notes = (
        f"{kind} two-sided permutation tests of the difference of means; a market is one observation.",
        "Below a difference, its interval: 95 % percentile bootstrap, by treatment. g: Hedges' g.",
        "Holm adjusts for all pairs of one measure, not for the number of measures.",
        "Repetition k has the same dividends in every treatment; the tests make no use of it.",
    )
    return _Report("Comparisons", columns, tuple(rows), 2, notes)


def _between(low: float, high: float) -> str:
    return "–" if np.isnan(low) else f"[{plain(low)}, {plain(high)}]"


def _p(value: float, exact: bool) -> str:
    if np.isnan(value):
        return "–"
    told = "< 0.0001" if value < 0.0001 else f"{value:.4f}"
    return told if exact else f"≈ {told}"


def _markdown(study: Study, tables: Sequence[_Report]) -> str:
    plan = study.plan
    head = f"# Study {plan.name}\n\nPlan {study.where.name}, hash {study.hash}.\n"
    notes = f"\n{plan.notes}\n" if plan.notes else ""
    return "\n".join((head + notes, *(table.as_markdown() for table in tables)))


def _csv(treated: Sequence[Treated]) -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("treatment", "repetition", "run", *MEASURES))
    for one in treated:
        for row, (repetition, run) in enumerate(zip(one.repetitions, one.runs, strict=True)):
            values = [float(one.results[name].values[row]) for name in MEASURES]
            writer.writerow((one.name, repetition, run, *("" if np.isnan(v) else repr(v) for v in values)))
    return out.getvalue()
