"""What rows of many tables begin with, and how amounts become numbers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from bots.analysis.people import Person
from bots.analysis.played import PlayedRun, PlayedSeat, RoundKey

Row = dict[str, Any]


def of_run(run: PlayedRun) -> Row:
    """Return what every row begins with."""
    return {"run": run.name, "run_id": run.manifest.run_id}


def of_seat(run: PlayedRun, seat: PlayedSeat) -> Row:
    """Return what a row of a bot begins with."""
    name = seat.record.trader
    return {
        **of_run(run),
        "market": seat.market,
        "seat": seat.record.seat,
        "participant": seat.record.participant,
        "is_bot": True,
        "trader_kind": seat.kind,
        "trader": name,
        "model": name if seat.kind == "model" else None,
        "strategy": name if seat.kind == "strategy" else None,
        "persona": seat.record.persona or None,
    }


def of_person(run: PlayedRun, person: Person) -> Row:
    """Return what a row of a person begins with."""
    return {
        **of_run(run),
        "market": person.market,
        "participant": person.participant,
        "is_bot": False,
        "trader_kind": "person",
        "trader": "person",
    }


def of_round(run: PlayedRun, key: RoundKey | None) -> Row:
    """Return a round's columns; empty where the row belongs to none."""
    if key is None:
        return {"phase": None, "round": None, "overall": None}
    return {"phase": key[0], "round": key[1], "overall": run.overall(key)}


def by_round(rows: Iterable[Row]) -> dict[tuple[int, str, int], list[Row]]:
    """Group rows by market and round."""
    found: dict[tuple[int, str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["market"], row["phase"], row["round"]), []).append(row)
    return found


def number(value: Decimal | str | float | None) -> float | None:
    """Return an amount as a number; None where it is none."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError:
        return None
