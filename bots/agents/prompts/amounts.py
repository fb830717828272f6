"""Amounts as prompts write them, exact."""

from __future__ import annotations

from decimal import Decimal


def as_amount(amount: Decimal) -> str:
    """Two decimals, or all there are: 14.00, 0.125."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def as_number(amount: Decimal) -> str:
    """As short as it is exact: 5, 2.5."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
