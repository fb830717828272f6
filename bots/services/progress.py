"""The terminal view of a run: who is on which page and round, the last decision, the time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bots.analysis.model_use import ModelMeter
from bots.domain.experiment import Seat
from bots.domain.market import Decision, RoundRef
from bots.domain.pages import PageKind
from bots.domain.ports import Clock
from bots.domain.records import (
    ActAnswered,
    DecisionMade,
    DecisionNotMade,
    Event,
    PageMissed,
    PageSeen,
    SeatEnded,
)

_MARKS = {"finished": "green", "failed": "red", "timed-out": "yellow", "interrupted": "yellow"}


@dataclass(frozen=True, slots=True)
class SeatState:
    """What the view shows of one seat."""

    trader: str
    page: str = "opening"
    round: str = ""
    decision: str = ""
    page_ends: float | None = None
    refused: int = 0
    fallbacks: int = 0
    ended: str = ""


@dataclass(slots=True)
class Progress:
    """Follows a run's events; draws them as a live table, or as a line now and then without a terminal."""

    seats: Sequence[Seat]
    until: float
    clock: Clock
    title: str
    meter: ModelMeter = field(default_factory=ModelMeter)
    state: dict[int, SeatState] = field(init=False)

    def __post_init__(self) -> None:
        self.state = {seat.number: SeatState(seat.trader) for seat in self.seats}

    def listen(self, event: Event) -> None:
        """Take in one event of the run."""
        self.meter.listen(event)
        seat = getattr(event, "seat", None)
        if seat in self.state:
            self.state[seat] = self._after(self.state[seat], event)

    def _after(self, state: SeatState, event: Event) -> SeatState:
        match event:
            case PageSeen():
                ends = None if event.seconds_left is None else self.clock.monotonic() + event.seconds_left
                shown = _round(event.view.round) if event.view and event.view.round else state.round
                page = "waiting" if event.kind == PageKind.WAIT else event.page
                return replace(state, page=page, round=shown, page_ends=ends)
            case DecisionMade():
                text = ("fallback: " if event.fallback else "") + _decision(event.content)
                return replace(state, decision=text, fallbacks=state.fallbacks + event.fallback)
            case DecisionNotMade():
                return replace(state, decision=f"failed: {event.kind.value}")
            case ActAnswered(accepted=False):
                return replace(state, refused=state.refused + 1, decision=f"refused: {' '.join(event.words)}")
            case PageMissed():
                return replace(state, decision=f"missed {event.page}")
            case SeatEnded():
                return replace(state, ended=event.outcome.value, page_ends=None)
            case _:
                return state

    def render(self) -> RenderableType:
        """Return the table of all seats as it stands now."""
        left = max(0.0, self.until - self.clock.monotonic())
        table = Table(
            title=Text(
                " · ".join(filter(None, (self.title, f"{_clock_text(left)} left", self.meter.line())))
            ),
            title_justify="left",
            expand=False,
            box=None,
            pad_edge=False,
        )
        table.add_column("Seat", justify="right", no_wrap=True)
        table.add_column("Trader", no_wrap=True, max_width=22)
        table.add_column("Page", no_wrap=True, max_width=16)
        table.add_column("Round", no_wrap=True)
        table.add_column("Left", justify="right", no_wrap=True)
        table.add_column("Last decision")
        for number, state in self.state.items():
            table.add_row(
                str(number),
                Text(state.trader),
                self._page(state),
                state.round,
                self._left(state),
                Text(state.decision, no_wrap=True, overflow="ellipsis"),
            )
        return table

    def _page(self, state: SeatState) -> Text:
        return Text(state.ended or state.page, style=_MARKS.get(state.ended, ""))

    def _left(self, state: SeatState) -> str:
        if state.page_ends is None:
            return ""
        return f"{max(0.0, state.page_ends - self.clock.monotonic()):.0f} s"

    def line(self) -> str:
        """Return one line that says where everybody is."""
        left = _clock_text(max(0.0, self.until - self.clock.monotonic()))
        places: dict[str, int] = {}
        for state in self.state.values():
            place = state.ended or " ".join(filter(None, (state.round, state.page)))
            places[place] = places.get(place, 0) + 1
        where = " · ".join(f"{count} × {place}" for place, count in sorted(places.items()))
        last = next((s for s in reversed(self.state.values()) if s.decision and not s.ended), None)
        said = f" · {last.trader}: {last.decision}" if last else ""
        used = f" · {self.meter.line()}" if self.meter.line() else ""
        return f"{where}{said}{used} · {left} left"


def _round(ref: RoundRef) -> str:
    return f"{ref.phase} {ref.number}/{ref.of}"


def _decision(decision: Decision) -> str:
    orders = ", ".join(f"{o.side.value} {o.quantity} @ {o.limit}" for o in decision.orders)
    if orders:
        return orders
    if decision.forecasts:
        return "forecast " + ", ".join(str(one.value) for one in decision.forecasts)
    return "no order"


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"
