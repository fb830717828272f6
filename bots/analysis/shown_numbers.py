"""How reports and terminals show numbers."""

from __future__ import annotations

import math
from decimal import Decimal


def plain(value: float | None) -> str:
    """Return a measure with four decimals where it is small; an en dash where it is not defined."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def written(value: float | None) -> str:
    """Return a measure as `plain`, with the sign that print has for less than nothing."""
    return _with_minus(plain(value))


def measure(value: float | None, unit: str) -> str:
    """Return a measure as tables show it; whole numbers of what is counted have no decimals."""
    whole = value is not None and unit in ("shares", "units", "periods") and float(value).is_integer()
    return f"{value:,.0f}" if whole else written(value)


def p_value(value: float) -> str:
    """Return a p-value; none is ever 0."""
    return "< 0.0001" if value < 0.0001 else written(value)


def cash(value: float | None) -> str:
    """Return an amount with two decimals, rounded as terminals do; an en dash where it is not known."""
    return "–" if value is None or math.isnan(value) else _with_minus(f"{Decimal(str(value)):,.2f}")


def percent(value: float | None, decimals: int = 0) -> str:
    """Return a share as a percentage; an en dash where it is not known."""
    return "–" if value is None or math.isnan(value) else _with_minus(f"{100 * value:.{decimals}f} %")


def _with_minus(number: str) -> str:
    """Return a number with the sign that print has for less than nothing, as charts have it."""
    return number.replace("-", "−")
