"""Induced values and costs as a session's config writes them.

    induced_values  "190, 150; 180, 120"    two buyers of two units; each trader's list, then ";"
    induced_costs   "60, 90; 70, 110"       two sellers

Buyers are the traders 1 to n, sellers those after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from markets.induced import InducedSchedule, Units


def read_units(text: str, read: Callable[[object], Fraction | None]) -> tuple[Units, ...] | None:
    """Return the units of each trader of a list; None where a part of it is no amount."""
    if not text.strip():
        return ()
    traders = [tuple(read(unit.strip()) for unit in part.split(",")) for part in text.split(";")]
    units = [tuple(unit for unit in trader if unit is not None) for trader in traders]
    return tuple(units) if [len(one) for one in units] == [len(one) for one in traders] else None


def numbered(values: Sequence[Units], costs: Sequence[Units]) -> InducedSchedule:
    """Return the schedule of these buyers and sellers, numbered from 1.

    Raises:
        ValueError: a buyer's values rise, or a seller's costs fall; the message names the trader.
    """
    return InducedSchedule(dict(enumerate(values, start=1)), dict(enumerate(costs, start=1 + len(values))))
