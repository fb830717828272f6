"""The terminal view of a study: each treatment's markets done, running, failed and to come; its money."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bots.adapters.models.limits import Spent, spent_on
from bots.analysis.model_use import ModelMeter
from bots.domain.ports import Clock
from bots.domain.records import RunOutcome
from bots.domain.study import Cell
from bots.services.study_cell import CellDone


@dataclass(slots=True)
class Tally:
    """How far one treatment is.

    Attributes:
        before: of the done markets, those that an earlier call has done.
        used: by markets that are over, in this and earlier calls.
        meters: of markets that run.
    """

    total: int
    before: int = 0
    done: int = 0
    undecided: int = 0
    failed: int = 0
    running: int = 0
    used: Spent = field(default_factory=Spent)
    meters: list[ModelMeter] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Markets that are not begun, or were begun in vain by an earlier call."""
        return self.total - self.done - self.undecided - self.failed - self.running

    @property
    def spent(self) -> Spent:
        """What its markets have used of models so far."""
        spent = replace(self.used)
        for meter in self.meters:
            spent.add(spent_on(meter.uses))
        return spent


@dataclass(slots=True)
class StudyProgress:
    """Follows a study; draws it as a live table, or as a line now and then without a terminal.

    Args:
        stop: set where no further market is begun.
        spent: what all markets have used of models; None where no model trades.
        people: links of those who are to come to markets that run, by market and place in its session.
        undecided_count: whether an undecided market is done as others are.
    """

    title: str
    tallies: Mapping[str, Tally]
    clock: Clock
    stop: asyncio.Event
    spent: Spent | None = None
    undecided_count: bool = False
    people: dict[tuple[str, int], Mapping[int, str]] = field(default_factory=dict)
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()

    @contextmanager
    def running(self, treatment: str) -> Iterator[ModelMeter]:
        """A market of `treatment` runs while the body does, which tells the meter of its models."""
        tally, meter = self.tallies[treatment], ModelMeter()
        tally.running += 1
        tally.meters.append(meter)
        try:
            yield meter
        finally:
            meter.cut_short()
            tally.running -= 1
            tally.meters.remove(meter)
            tally.used.add(spent_on(meter.uses))

    @contextmanager
    def awaiting(self, cell: Cell, people: Mapping[int, str]) -> Iterator[None]:
        """Show the links of a market's people while the body plays it."""
        self.people[cell.key] = people
        try:
            yield
        finally:
            del self.people[cell.key]

    def spent_on(self, treatment: str, spent: Spent) -> None:
        """A market of `treatment` on another machine has spent so much."""
        self.tallies[treatment].used.add(spent)

    def ended(self, done: CellDone) -> None:
        """A market has ended."""
        tally = self.tallies[done.treatment]
        if done.undecided and done.outcome is RunOutcome.FINISHED and not self.undecided_count:
            tally.undecided += 1
        elif done.outcome is RunOutcome.FINISHED:
            tally.done += 1
        elif done.outcome is not RunOutcome.INTERRUPTED:
            tally.failed += 1

    @property
    def failed(self) -> int:
        """Markets that failed in this call."""
        return _sum(self, "failed")

    @property
    def undecided(self) -> int:
        """Markets of this call in which every decision of some trader failed."""
        return _sum(self, "undecided")

    def render(self) -> RenderableType:
        """Return the table of all treatments as it stands now, and the links of people who are to come."""
        links = [
            f"{treatment} {repetition}, person {number}: {link}"
            for (treatment, repetition), people in self.people.items()
            for number, link in people.items()
        ]
        if not links:
            return self._table()
        return Group(self._table(), Text("\nFor people:", style="bold"), *map(Text, links))

    def _table(self) -> Table:
        table = Table(title=escape(self._title()), title_justify="left", box=None, pad_edge=False)
        table.add_column("Treatment")  # gives way where a terminal is narrow, the numbers do not
        undecided = ("Undecided",) if self.undecided else ()
        money = ("USD",) if self.spent is not None else ()
        for name in ("Done", "Running", "Failed", *undecided, "To come", "Of", *money):
            table.add_column(name, justify="right", no_wrap=True)
        for name, one in self.tallies.items():
            counts = (one.done, one.running, one.failed, one.undecided, one.left, one.total)
            shown = counts if undecided else (*counts[:3], *counts[4:])
            table.add_row(escape(name), *map(str, shown), *(_usd(one.spent) for _ in money))
        return table

    def line(self) -> str:
        """Return one line that says how far the study is."""
        counts = [
            f"{_sum(self, 'done')} of {_sum(self, 'total')} markets done",
            *(
                f"{_sum(self, name)} {name}"
                for name in ("running", "failed", "undecided")
                if _sum(self, name)
            ),
        ]
        return " · ".join(filter(None, (*counts, self._money(), self._left(), self._ending())))

    def _title(self) -> str:
        return " · ".join(filter(None, (self.title, self._money(), self._left(), self._ending())))

    def _ending(self) -> str:
        return "ending; Ctrl-C again ends at once" if self.stop.is_set() else ""

    def _money(self) -> str:
        if self.spent is None:
            return ""
        unknown = f", {self.spent.unpriced} replies without a price" if self.spent.unpriced else ""
        return f"{self.spent.tokens:,} tokens, {self.spent.cost_usd:.4f} USD{unknown}"

    def _left(self) -> str:
        done_now = _sum(self, "done") - _sum(self, "before")
        left = _sum(self, "left") + _sum(self, "running")
        if not done_now or not left:
            return ""
        seconds = (self.clock.monotonic() - self._started) / done_now * left
        return f"about {_duration(seconds)} left"


def tallies(
    treatments: Iterable[str], repetitions: int, finished: Iterable[str], used: Mapping[str, Spent]
) -> dict[str, Tally]:
    """Return a tally a treatment.

    Args:
        finished: names a treatment once for each market that is done.
        used: of models in earlier calls, by treatment.
    """
    counted = {name: Tally(repetitions, used=replace(used.get(name, Spent()))) for name in treatments}
    for name in finished:
        counted[name].done += 1
        counted[name].before += 1
    return counted


def _sum(progress: StudyProgress, name: str) -> int:
    return sum(getattr(tally, name) for tally in progress.tallies.values())


def _usd(spent: Spent) -> str:
    """Return the money that is known to be spent; with a plus sign where some replies have no price."""
    if spent.unpriced and not spent.cost_usd:
        return "?"
    return f"{spent.cost_usd:.4f}" + ("+" if spent.unpriced else "")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
