"""What the keys of the live view do: choose a trader, pause and resume one or all, end the run gently."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

from bots.agents.pauses import Pauses
from bots.domain.ports import Clock, RunStore
from bots.domain.records import SeatPaused, SeatUnpaused
from bots.services.keys import keys_pressed
from bots.services.progress import Progress

_MOVES = {"up": -1, "k": -1, "down": 1, "j": 1}


@dataclass(slots=True)
class Steering:
    """Keys of one run.

    Args:
        progress: the view; shows who is chosen and what the keys do.
        store: each pause and its end is written there before it takes effect.
        end: ends the run as a first Ctrl-C does.
    """

    progress: Progress
    pauses: Pauses
    store: RunStore
    clock: Clock
    end: Callable[[], None]
    _armed: bool = field(default=False, init=False)

    def press(self, key: str) -> None:
        """Do what a key says; one that says nothing is passed over."""
        armed, self._armed = self._armed, False
        match key:
            case "up" | "down" | "j" | "k":
                self.progress.choose(_MOVES[key])
            case " ":
                self._turn([self.progress.chosen])
            case "p":
                self._turn(self.progress.playing)
            case "q" if armed:
                self.end()
            case "q":
                self._armed = True
            case _:
                pass
        self.progress.hint = "q again ends the run; any other key does not" if self._armed else ""

    def _turn(self, seats: list[int]) -> None:
        """Pause the seats, or resume them where all are paused."""
        seats = [seat for seat in seats if seat in self.progress.playing]
        pause = any(seat not in self.pauses.seats for seat in seats)
        for seat in seats:
            if pause and seat not in self.pauses.seats:
                self.store.append(SeatPaused(at=self.clock.now(), seat=seat))
                self.pauses.pause(seat)
            elif not pause:
                self.store.append(SeatUnpaused(at=self.clock.now(), seat=seat))
                self.pauses.resume(seat)


@contextmanager
def steered(steering: Steering, console: Console) -> Iterator[None]:
    """Listen to the keys while the body runs, where the run is drawn live."""
    if console.quiet or not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    with keys_pressed(steering.press) as there:
        if there:
            steering.progress.choose(0)
        yield
