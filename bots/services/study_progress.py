"""The terminal view of a study: each treatment's markets done, running, failed and to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from bots.adapters.models.limits import Spent
from bots.domain.ports import Clock
from bots.domain.records import RunOutcome
from bots.services.study_cell import CellDone


@dataclass(slots=True)
class Tally:
    """How far one treatment is; `before` of the done markets were done by an earlier call."""

    total: int
    before: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0

    @property
    def left(self) -> int:
        """Markets that are not begun, or were begun in vain by an earlier call."""
        return self.total - self.done - self.failed - self.running


@dataclass(slots=True)
class StudyProgress:
    """Follows a study; draws it as a live table, or as a line now and then without a terminal.

    Args:
        stop: set where no further market is begun.
        spent: what all markets have used of models; None where no model trades.
    """

    title: str
    tallies: Mapping[str, Tally]
    clock: Clock
    stop: asyncio.Event
    spent: Spent | None = None
    _started: float = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.monotonic()

    @contextmanager
    def running(self, treatment: str) -> Iterator[None]:
        """A market of `treatment` runs while the body does."""
        self.tallies[treatment].running += 1
        try:
            yield
        finally:
            self.tallies[treatment].running -= 1

    def ended(self, done: CellDone) -> None:
        """A market has ended."""
        tally = self.tallies[done.treatment]
        if done.outcome is RunOutcome.FINISHED:
            tally.done += 1
        elif done.outcome is not RunOutcome.INTERRUPTED:
            tally.failed += 1

    @property
    def failed(self) -> int:
        """Markets that failed in this call."""
        return _sum(self, "failed")

    def render(self) -> RenderableType:
        """Return the table of all treatments as it stands now."""
        table = Table(title=escape(self._title()), title_justify="left", box=None, pad_edge=False)
        table.add_column("Treatment")  # gives way where a terminal is narrow, the numbers do not
        for name in ("Done", "Running", "Failed", "To come", "Of"):
            table.add_column(name, justify="right", no_wrap=True)
        for name, one in self.tallies.items():
            numbers = (one.done, one.running, one.failed, one.left, one.total)
            table.add_row(escape(name), *map(str, numbers))
        return table

    def line(self) -> str:
        """Return one line that says how far the study is."""
        counts = [
            f"{_sum(self, 'done')} of {_sum(self, 'total')} markets done",
            *(f"{_sum(self, name)} {name}" for name in ("running", "failed") if _sum(self, name)),
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


def tallies(treatments: Iterable[str], repetitions: int, finished: Iterable[str]) -> dict[str, Tally]:
    """Return a tally a treatment; `finished` names a treatment once for each market that is done."""
    counted = {name: Tally(repetitions) for name in treatments}
    for name in finished:
        counted[name].done += 1
        counted[name].before += 1
    return counted


def _sum(progress: StudyProgress, name: str) -> int:
    return sum(getattr(tally, name) for tally in progress.tallies.values())


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
