"""Taking values out of a session config: each checked as it is read, each problem kept as a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from typing import Any, TypeVar
from urllib.parse import urlsplit

from markets.money import LONGEST_INPUT, decimal_places, read_decimal

LONGEST_TEXT = 4000
"""Characters of the longest config value that is read: schedules of many rounds are long."""

MOST_DECIMALS = 6
"""Of an amount. Exact cash gains as many with every round, and its text must stay readable."""

MOST = 1_000_000
"""Highest number: of cash, shares, traders, seconds."""

_T = TypeVar("_T")
_Name = TypeVar("_Name", bound=Enum)


class Reader:
    """Takes values of a config one by one and remembers what is wrong with them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.problems: list[str] = []

    def problem(self, key: str, allowed: str) -> None:
        self.problems.append(f"{key} must be {allowed}, was {_short(self._config[key])}.")

    def integer(self, key: str, lowest: int, highest: int = MOST) -> int:
        value = whole(self._config[key])
        if value is None or not lowest <= value <= highest:
            self.problem(key, f"a whole number from {lowest} to {highest}")
            return lowest
        return value

    def integer_or_none(self, key: str) -> int | None:
        """Return a whole number that another check reports on where it is none."""
        return whole(self._config[key])

    def seconds(self, key: str) -> int | None:
        value = whole(self._config[key])
        if value is None or not 0 <= value <= MOST:
            self.problem(key, f"a whole number of seconds up to {MOST}, or 0 for no timer")
        return value or None

    def amount(self, key: str, *, positive: bool = False, highest: int = MOST) -> Fraction:
        value = decimal(self._config[key])
        if value is None or not 0 <= value <= highest or (positive and value == 0):
            bound = "above 0 and at most" if positive else "from 0 to"
            rest = f'{highest} with at most {MOST_DECIMALS} decimals, as text such as "0.05"'
            self.problem(key, f"a number {bound} {rest}")
            return Fraction(1)
        return value

    def flag(self, key: str) -> bool:
        value = self.short_text(key).strip().lower()
        if value not in ("true", "false"):
            self.problem(key, "True or False")
        return value == "true"

    def name(self, key: str, names: type[_Name]) -> _Name:
        known = {str(one.value): one for one in names}
        name = self.short_text(key)
        if name not in known:
            self.problem(key, f"one of {', '.join(known)}")
        return known.get(name, next(iter(names)))

    def text(self, key: str) -> str:
        if self.is_unreadable(key):
            self.problem(key, f"a text of at most {LONGEST_TEXT} characters")
        return self.short_text(key)

    def address(self, key: str) -> str:
        text = self.text(key).strip()
        if text and not _is_web_address(text):
            self.problem(key, "empty, or an address that begins with https://")
        return text

    def items(self, key: str, read: Callable[[object], _T | None], allowed: str) -> tuple[_T, ...]:
        """Read a list written as text, with commas between its items; an empty text is an empty list."""
        text = self.short_text(key)
        values = [read(part.strip()) for part in text.split(",")] if text.strip() else []
        if None in values or self.is_unreadable(key):
            self.problem(key, allowed)
        return tuple(value for value in values if value is not None)

    def lists(
        self, key: str, read: Callable[[object], _T | None], allowed: str
    ) -> tuple[tuple[_T, ...], ...]:
        """Read lists as `items` does, with semicolons between them: one list, or one for each round."""
        parts = [part.split(",") for part in self.short_text(key).split(";")]
        values = [[read(item.strip()) for item in part] for part in parts]
        if self.is_unreadable(key) or any(None in part for part in values):
            self.problem(key, allowed)
        return tuple(tuple(item for item in part if item is not None) for part in values)

    def short_text(self, key: str) -> str:
        return _text(self._config[key])

    def is_unreadable(self, key: str) -> bool:
        return self._config[key] != "" and not _text(self._config[key])


def _text(value: object) -> str:
    """Return a text, truth value or whole number as text; nothing else, and nothing long, has one."""
    if isinstance(value, int) and abs(value) < 10**LONGEST_INPUT:
        return str(value)
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""


def whole(value: object) -> int | None:
    """Return an integer, or the integer a text holds; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_INPUT else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def decimal(value: object) -> Fraction | None:
    """Return an amount with at most `MOST_DECIMALS` decimals; None for anything else."""
    amount = read_decimal(value)
    return amount if amount is not None and (decimal_places(amount) or 0) <= MOST_DECIMALS else None


def _is_web_address(text: str) -> bool:
    # Without brackets, which the signs leave out, there is no address that urlsplit cannot take apart.
    if not re.fullmatch(r"https://[\w.:/?&=%#~+,@-]+", text, re.ASCII):
        return False
    return bool(urlsplit(text).hostname)


def _short(value: object) -> str:
    """Return a value as a sentence can carry it."""
    text = _text(value)
    if text or value == "":
        return repr(text if len(text) <= 60 else text[:57] + "...")
    return repr(value) if isinstance(value, float) else "something that cannot be read"
