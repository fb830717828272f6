"""A run's journal → its manifest: what was run, how it went on, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bots.analysis.model_use import ModelMeter
from bots.domain.experiment import RunEnd, SeatEnd, manifest_at_end
from bots.domain.records import (
    Event,
    RunDescribed,
    RunEnded,
    RunManifest,
    RunResumed,
    SeatEnded,
    SeatOutcome,
    SeatRecord,
)


def description(events: Sequence[Event]) -> RunDescribed | None:
    """Return the event that a journal begins with; None where the journal has none."""
    return next((event for event in events if isinstance(event, RunDescribed)), None)


def has_ended(events: Sequence[Event]) -> bool:
    """Tell whether the run, or its last part where it was resumed, came to an end on record."""
    return any(isinstance(event, RunEnded) for event in _last_part(events))


def manifest_of(events: Sequence[Event]) -> RunManifest:
    """Return the manifest that a journal tells; of a run that was killed it says `running`.

    Raises:
        ValueError: the journal does not begin with what the run is.
    """
    described = description(events)
    if described is None:
        raise ValueError("the journal does not begin with what the run is")
    last = _last_part(events)
    before = _ends(events[: len(events) - len(last)])
    meter = ModelMeter(events)
    manifest = described.manifest.model_copy(
        update={
            "resumed": tuple(event.at for event in events if isinstance(event, RunResumed)),
            "seats": tuple(_after_earlier_parts(seat, before) for seat in described.manifest.seats),
            "models": meter.uses,
            "over_budget": meter.over_budget,
            "undecided": meter.undecided,
        }
    )
    ended = next((event for event in reversed(last) if isinstance(event, RunEnded)), None)
    if ended is None:
        return manifest
    return manifest_at_end(manifest, RunEnd(ended.outcome, _ends(last), ended.at, ended.reason))


def _last_part(events: Sequence[Event]) -> Sequence[Event]:
    """Return the events since the run began or last went on."""
    begins = [place for place, event in enumerate(events) if isinstance(event, RunResumed)]
    return events[begins[-1] :] if begins else events


def _ends(events: Sequence[Event]) -> Mapping[int, SeatEnd]:
    return {
        event.seat: SeatEnd(event.outcome, event.reason) for event in events if isinstance(event, SeatEnded)
    }


def _after_earlier_parts(seat: SeatRecord, ends: Mapping[int, SeatEnd]) -> SeatRecord:
    """Only a seat that had finished is not played again."""
    finished = seat.seat in ends and ends[seat.seat].outcome is SeatOutcome.FINISHED
    return seat.model_copy(update={"outcome": SeatOutcome.FINISHED}) if finished else seat
