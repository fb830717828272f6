"""How a run's seats are drawn: a line each, or in as many columns as a low terminal needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from bots.services.progress import Progress, SeatState

_MARKS = {"finished": "green", "failed": "red", "timed-out": "yellow", "interrupted": "yellow"}
_KEYS = "↑↓ choose · space pauses or resumes · p all · q ends the run"
_NARROW = 39  # characters of a seat where two stand side by side on 80
_MOST_LATEST = 6  # decisions under seats in columns


@dataclass(frozen=True, slots=True)
class SeatsView:
    """A run's seats at the moment they are drawn, within the terminal's height."""

    progress: Progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        height = (options.max_height or console.height) - 1
        foot = self._foot()
        room = height - 1 - len(foot)
        yield Text(self.progress.heading(), no_wrap=True, overflow="ellipsis")
        if len(self.progress.state) < room:
            yield self._lines()
        else:
            yield from self._columns(max(1, options.max_width // (_NARROW + 1)), room)
        yield from foot

    def _foot(self) -> Sequence[Text]:
        if not self.progress.chosen:
            return []
        text = self.progress.hint or _KEYS
        return [Text(text, style="bold" if self.progress.hint else "dim", no_wrap=True, overflow="ellipsis")]

    def _lines(self) -> Table:
        table = Table(expand=False, box=None, pad_edge=False)
        table.add_column("Seat", justify="right", no_wrap=True)
        table.add_column("Trader", no_wrap=True, max_width=22)
        table.add_column("Page", no_wrap=True, max_width=16)
        table.add_column("Round", no_wrap=True)
        table.add_column("Left", justify="right", no_wrap=True)
        table.add_column("Last decision")
        for number, state in self.progress.state.items():
            table.add_row(
                self._number(number),
                Text(state.trader),
                _page(state),
                state.round,
                self._left(state),
                Text(state.decision, no_wrap=True, overflow="ellipsis"),
            )
        return table

    def _columns(self, columns: int, room: int) -> Iterator[RenderableType]:
        """Yield the seats side by side, those that play first, and the latest decisions below."""
        numbers = sorted(self.progress.state, key=lambda number: bool(self.progress.state[number].ended))
        most = max(1, room) * columns
        left_out = max(0, len(numbers) - most)
        shown = numbers[: most - columns] if left_out else numbers
        deep = -(-len(shown) // columns)
        yield _side_by_side([self._narrow(shown[at : at + deep]) for at in range(0, len(shown), deep)])
        if left_out:
            yield Text(f"… and {len(numbers) - len(shown)} more", style="dim")
        for number in list(self.progress.latest)[: -1 - min(_MOST_LATEST, room - deep) : -1]:
            said = f"{number:>3} {self.progress.state[number].decision}"
            yield Text(said, no_wrap=True, overflow="ellipsis", style="dim")

    def _narrow(self, numbers: Sequence[int]) -> Sequence[Sequence[Text]]:
        rows = []
        for number in numbers:
            state = self.progress.state[number]
            trader = state.trader.rpartition(":")[2]
            place = state.round.replace("practice ", "p").replace("paid ", "")
            rows.append(
                (self._number(number), Text(trader), _page(state), Text(place), Text(self._left(state)))
            )
        return rows

    def _number(self, number: int) -> Text:
        chosen = number == self.progress.chosen
        return Text(f"▸ {number}" if chosen else str(number), style="bold" if chosen else "")

    def _left(self, state: SeatState) -> str:
        return "" if state.page_ends is None else f"{self.progress.seconds_left(state.page_ends):.0f} s"


_NARROW_COLUMNS = ((4, "right"), (13, "left"), (9, "left"), (5, "right"), (4, "right"))


def _side_by_side(blocks: Sequence[Sequence[Sequence[Text]]]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in blocks:
        for width, justify in _NARROW_COLUMNS:
            table.add_column(width=width, no_wrap=True, overflow="ellipsis", justify=justify)  # type: ignore[arg-type]
    blank = [Text()] * len(_NARROW_COLUMNS)
    for row in zip_longest(*blocks, fillvalue=blank):
        table.add_row(*(cell for block in row for cell in block))
    return table


def _page(state: SeatState) -> Text:
    if state.paused and not state.ended:
        return Text("paused", style="yellow")
    return Text(state.ended or state.page, style=_MARKS.get(state.ended, ""))
