"""The terminal view of a run: who is on which page and round, the last decision, the time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil

from rich.console import RenderableType

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
    SeatPaused,
    SeatUnpaused,
)


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
    paused: bool = False


@dataclass(slots=True)
class Progress:
    """Follows a run's events; draws them as a live table, or as a line now and then without a terminal.

    Attributes:
        latest: seats by their last decision, the newest last.
        chosen: the seat that keys are about; 0 where there are no keys.
        hint: what the next key would do, where that has to be said.
    """

    seats: Sequence[Seat]
    until: float
    clock: Clock
    title: str
    meter: ModelMeter = field(default_factory=ModelMeter)
    state: dict[int, SeatState] = field(init=False)
    latest: dict[int, None] = field(default_factory=dict, init=False)
    chosen: int = field(default=0, init=False)
    hint: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.state = {seat.number: SeatState(seat.trader) for seat in self.seats}

    def listen(self, event: Event) -> None:
        """Take in one event of the run."""
        self.meter.listen(event)
        seat = getattr(event, "seat", None)
        if seat in self.state:
            before, self.state[seat] = self.state[seat], self._after(self.state[seat], event)
            if self.state[seat].decision != before.decision:
                self.latest.pop(seat, None)
                self.latest[seat] = None

    def _after(self, state: SeatState, event: Event) -> SeatState:
        match event:
            case PageSeen(is_news=False):
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
            case SeatPaused() | SeatUnpaused():
                return replace(state, paused=isinstance(event, SeatPaused))
            case SeatEnded():
                return replace(state, ended=event.outcome.value, page_ends=None)
            case _:
                return state

    @property
    def playing(self) -> list[int]:
        """The seats that have not ended."""
        return [number for number, state in self.state.items() if not state.ended]

    def choose(self, step: int) -> None:
        """Choose the seat so many further down among those that play."""
        playing = self.playing
        if self.chosen in playing:
            self.chosen = playing[(playing.index(self.chosen) + step) % len(playing)]
        elif playing:
            self.chosen = playing[0]

    def render(self) -> RenderableType:
        """Return all seats as they stand now."""
        from bots.services.seats_view import SeatsView

        return SeatsView(self)

    def heading(self) -> str:
        """Return the run, the time left and what the models have used."""
        left = _clock_text(self.seconds_left(self.until))
        return " · ".join(filter(None, (self.title, f"{left} left", self.meter.line())))

    def seconds_left(self, until: float) -> float:
        """Return the seconds to a deadline, never below 0."""
        return max(0.0, until - self.clock.monotonic())

    def line(self) -> str:
        """Return one line that says where everybody is; while nothing happens it changes once a minute."""
        minutes = ceil(self.seconds_left(self.until) / 60)
        places: dict[str, int] = {}
        for state in self.state.values():
            place = state.ended or " ".join(
                filter(None, (state.round, state.page, "paused" if state.paused else ""))
            )
            places[place] = places.get(place, 0) + 1
        where = " · ".join(f"{count} × {place}" for place, count in sorted(places.items()))
        last = next((s for s in reversed(self.state.values()) if s.decision and not s.ended), None)
        said = f" · {last.trader}: {last.decision}" if last else ""
        used = f" · {self.meter.line()}" if self.meter.line() else ""
        return f"{where}{said}{used} · {minutes} min left"


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
