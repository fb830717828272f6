"""A finished run, played again from its journal: no server, no provider, no key, nothing waits.

Each trader decides anew on the recorded pages and raw replies. Prompts, decisions and acts are then compared
with the recorded ones, byte for byte; what differs is shown as text.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.recorded import (
    RecordedModel,
    RecordedSession,
    SeatRecording,
    recorded_maker,
    recordings,
)
from bots.adapters.run_folder import read_manifest
from bots.agents.llm import LlmTrader, Manner
from bots.agents.memory import DEFAULT_WINDOW
from bots.agents.options import FormAnswers, Rhythm
from bots.agents.past import Past
from bots.agents.prompts import STANDARD, NumberForm, Wording
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.errors import SeatError, UserMustMend
from bots.domain.experiment import Seat
from bots.domain.ports import DecisionMaker
from bots.domain.records import (
    ActSent,
    DecisionMade,
    Event,
    Journal,
    ModelAsked,
    RunManifest,
    SeatOutcome,
    parse_journal,
)
from bots.services.traders import make_fallback

EXIT_DIFFERS = 5
_MOST_SHOWN = 5
_OF_THE_CLOCK = {"at", "seconds", "seconds_left"}
_A_LONG_TIME = 3600.0 * 24


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay is not its recording: the two events, None where one of them has none."""

    seat: int
    recorded: Event | None
    replayed: Event | None

    def lines(self) -> Iterator[str]:
        """Yield a unified diff, recorded to replayed."""
        yield from difflib.unified_diff(
            _as_lines(self.recorded),
            _as_lines(self.replayed),
            f"recorded: {_title(self.seat, self.recorded)}",
            f"replayed: {_title(self.seat, self.replayed)}",
            lineterm="",
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay found; counts are of what was done anew and compared."""

    seats: int
    prompts: int
    decisions: int
    acts: int
    cut_short: tuple[int, ...]  # seats whose recording, or a part of it, ends before their session did
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        return not self.differences


def read_recording(folder: Path) -> tuple[RunManifest, Journal]:
    """Read a run folder.

    Raises:
        UserMustMend: it holds no run, or its journal cannot be read.
    """
    manifest = read_manifest(folder)
    path = folder / "journal.jsonl"
    try:
        return manifest, parse_journal(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"the journal cannot be read ({error})", where=str(path), mend="Name an intact run folder."
        ) from error


async def replay(events: Sequence[Event], manifest: RunManifest) -> Replay:
    """Play every seat of a recording again and compare.

    Args:
        events: the run's journal.
        manifest: names the run, its fallback and each seat's parameters.

    Raises:
        UserMustMend: a seat's trader is not known any more.
    """
    sittings = recordings(events)
    again = await asyncio.gather(*(_again(one, manifest) for one in sittings))
    done = [event for one in again for event in one]
    return Replay(
        seats=len({one.opened.seat for one in sittings}),
        prompts=sum(isinstance(event, ModelAsked) for event in done),
        decisions=sum(isinstance(event, DecisionMade) for event in done),
        acts=sum(isinstance(event, ActSent) for event in done),
        cut_short=tuple(one.opened.seat for one in sittings if _cut_short(one)),
        differences=tuple(
            found for one, anew in zip(sittings, again, strict=True) for found in _compare(one, anew)
        ),
    )


async def _again(recording: SeatRecording, manifest: RunManifest) -> Sequence[Event]:
    """Play one sitting again and return its events."""
    opened, clock, store = recording.opened, SystemClock(), MemoryStore()
    seat = Seat(opened.seat, opened.participant, "", opened.trader, opened.seed)
    maker, model = maker_of(recording, manifest)
    recorded = recorded_maker(recording, maker, model)
    agent = TradingAgent(
        seat,
        RecordedSession(recording, recorded),
        maker=recorded,
        fallback=make_fallback(manifest.fallback, opened.seed),
        past=Past.of_seat(recording.before, opened.seat, window=_window(manifest)),
        table=Table(
            store,
            clock,
            time.monotonic() + _A_LONG_TIME,
            manifest.run_id,
            Pace(_A_LONG_TIME, broken_waits=(0,) * 999, period=Rhythm(manifest.period_decisions)),
            FormAnswers(manifest.form_fallback),
        ),
    )
    # The recording's end is such an error too; the comparison tells what is missing.
    with contextlib.suppress(SeatError):
        await agent.play()
    return store.events


def _window(manifest: RunManifest) -> int | None:
    """How many rounds the run's traders remembered; None for all."""
    window = manifest.configuration.get("memory_window", DEFAULT_WINDOW)
    return None if window == "all" else int(window)


def maker_of(recording: SeatRecording, manifest: RunManifest) -> tuple[DecisionMaker, RecordedModel]:
    """Return a seat's decision maker as it was, and the model that gives it the recorded replies.

    Raises:
        UserMustMend: the seat's trader is not known any more.
    """
    opened, model = recording.opened, RecordedModel(recording)
    if opened.trader in STRATEGIES:
        return STRATEGIES[opened.trader].make(opened.seed), model
    if ":" not in opened.trader:
        raise UserMustMend(
            f"there is no strategy named {opened.trader!r} any more",
            where=f"seat {opened.seat} of the recording",
            mend="Replay with the version that recorded the run; manifest.json names it.",
        )
    parameters: Mapping[str, Any] = next(
        (seat.parameters for seat in manifest.seats if seat.seat == opened.seat), {}
    )
    numbers = parameters.get("numbers", "number")
    manner = Manner(
        numbers if numbers in get_args(NumberForm) else "number",
        int(parameters.get("reasks", 2)),
        first_pause=0.0,
        wording=Wording(
            str(parameters.get("prompt", STANDARD)),
            bool(parameters.get("reasoning_text", True)),
            str(parameters.get("about", "")),
        ),
        reflects=bool(parameters.get("reflection", False)),
    )
    return LlmTrader(model, SystemClock(), opened.seed, manner), model


def _cut_short(recording: SeatRecording) -> bool:
    return recording.ended is None or recording.ended.outcome is not SeatOutcome.FINISHED


def _compare(recording: SeatRecording, again: Sequence[Event]) -> Iterator[Difference]:
    """Yield what differs, up to where the two part: where they do things of different kinds."""
    seat, both = recording.opened.seat, zip_longest(recording.events, again)
    for recorded, replayed in both:
        if recorded is None or replayed is None:
            if not _cut_short(recording):
                yield Difference(seat, recorded, replayed)
            return
        if as_bytes(recorded) != as_bytes(replayed):
            yield Difference(seat, recorded, replayed)
            if recorded.event != replayed.event:
                return


def as_bytes(event: Event) -> bytes:
    """Return what of an event has to be the same again: all but times."""
    return event.model_dump_json(exclude=_OF_THE_CLOCK).encode()


def _title(seat: int, event: Event | None) -> str:
    if event is None:
        return f"seat {seat}, nothing"
    name = getattr(event, "decision", None) or getattr(event, "ref", None) or getattr(event, "page", "")
    attempt = f", attempt {event.attempt}" if isinstance(event, ModelAsked) else ""
    return f"seat {seat}, {event.event} {name}{attempt}"


def _as_lines(event: Event | None) -> list[str]:
    """An event as text to compare: a prompt as it reads, anything else as indented JSON."""
    if event is None:
        return []
    fields = json.loads(event.model_dump_json(exclude=_OF_THE_CLOCK))
    prompt = str(fields.pop("prompt", "")).splitlines()
    fields.pop("prompt_hash", None)
    return [*json.dumps(fields, indent=1, ensure_ascii=False, sort_keys=True).splitlines(), *prompt]


def show(console: Console, found: Replay, folder: Path) -> None:
    """Print what was replayed, and the first differences."""

    _say(
        console,
        f"{folder}: {found.seats} seats, {found.prompts} prompts, {found.decisions} decisions, "
        f"{found.acts} acts replayed",
    )
    if found.cut_short:
        _say(
            console, f"The recording of {_counted(len(found.cut_short), 'seat')} ends before the session did."
        )
    show_differences(console, found.differences)


def show_differences(console: Console, differences: Sequence[Difference]) -> None:
    """Print the first differences as unified diffs, recorded to replayed, or that there are none."""
    if not differences:
        _say(console, "Identical to the recording.")
        return
    _say(console, f"{_counted(len(differences), 'difference')} from the recording:", "bold")
    for difference in differences[:_MOST_SHOWN]:
        for line in difference.lines():
            _say(console, line, {"+": "green", "-": "red"}.get(line[:1], ""))
    if len(differences) > _MOST_SHOWN:
        _say(console, f"… and {len(differences) - _MOST_SHOWN} more.")


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


async def run_replay(folder: Path, console: Console) -> int:
    """Do what `bots replay RUN` does; return 0 where nothing differs.

    Raises:
        UserMustMend: the folder holds no run that can be read.
    """
    manifest, journal = read_recording(folder)
    if not any(event.event == "seat_opened" for event in journal.events):
        raise UserMustMend(
            "no trader was seated in this run", where=str(folder), mend="Name a run that has played."
        )
    found = await replay(journal.events, manifest)
    show(console, found, folder)
    return 0 if found.identical else EXIT_DIFFERS
