"""Manifests of runs, for tests of what a run keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bots.domain.experiment import Seat
from bots.domain.records import RunManifest, SeatRecord

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def manifest(**more: Any) -> RunManifest:
    """A run of two bots that has just begun; `more` changes it."""
    begun = {
        "run": 7,
        "run_id": "abc",
        "production": False,
        "notes": "first | try",
        "url": "http://localhost:8000/SessionStartLinks/abc123",
        "model": "hold",
        "command": ("bots",),
        "started": NOW,
        "subjects": 2,
        "bots": 2,
        "timeout_minutes": 105,
        "fallback": "hold",
        "seed": 1,
        "seats": tuple(SeatRecord(seat=n, participant=f"p{n}", trader="hold", seed=n) for n in (1, 2)),
    }
    return RunManifest.model_validate({**begun, **more})


def manifest_of(seats: Sequence[Seat], **more: Any) -> RunManifest:
    """A run of these seats, all of them bots."""
    records = tuple(
        SeatRecord(seat=one.number, participant=one.participant, trader=one.trader, seed=one.seed)
        for one in seats
    )
    return manifest(subjects=len(seats), bots=len(seats), seats=records, **more)
