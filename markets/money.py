"""Amounts of money: exact fractions of cash, and their texts.

Cash is a `fractions.Fraction`. Interest is never rounded, so what the rules promise (who holds what, what all
hold together) holds exactly, after any number of rounds. Floats are refused: 0.1 is not a tenth in binary.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

LONGEST_TEXT = 4000
"""Characters of the longest amount that is read; fractions of long sessions have hundreds of digits."""

LONGEST_INPUT = 40
"""Characters of the longest number that traders may send and configs may hold."""

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_RATIO = re.compile(r"[+-]?[0-9]+/[0-9]+")


def parse_money(value: str | int) -> Fraction:
    """Read an amount exactly.

    Args:
        value: decimal text ("14.50"), a ratio of integers ("1/3", as `exact_text` writes it), or an integer.

    Raises:
        TypeError: anything else, floats and booleans among it.
        ValueError: text that is no amount; exponents, "NaN" and "Infinity" are none.
    """
    if not isinstance(value, str):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"An amount must be text or an integer, not {type(value).__name__}.")
        return Fraction(value)
    text = value.strip(" ")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"An amount has at most {LONGEST_TEXT} characters; this one has {len(text)}.")
    if _DECIMAL.fullmatch(text):
        whole, _, places = text.partition(".")
        return Fraction(int(whole + places), 10 ** len(places))
    if not _RATIO.fullmatch(text):
        raise ValueError(f"{_quoted(value)} is not an amount such as 14.50.")
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(f"{_quoted(value)} divides by zero.") from None


def read_decimal(raw: object) -> Fraction | None:
    """Read a decimal amount that came from outside, an integer or its text; None for all else there is.

    Floats are none: they are not exact. Nor are ratios, and texts of more than `LONGEST_INPUT` characters.
    """
    if isinstance(raw, str):
        return _read_decimal(raw) if len(raw) <= LONGEST_INPUT else None
    return parse_money(raw) if isinstance(raw, int) and not isinstance(raw, bool) else None


@lru_cache(maxsize=1024)  # traders of a market ask for the same few prices, and forecast them again and again
def _read_decimal(text: str) -> Fraction | None:
    if "/" in text:
        return None
    try:
        return parse_money(text)
    except ValueError:
        return None


def exact_text(amount: Fraction) -> str:
    """Return a text that `parse_money` reads back as the same amount.

    Returns:
        Decimal text without trailing zeros ("14.5") where the amount has one, else "p/q".
    """
    places = decimal_places(amount)
    if places is None:
        return f"{amount.numerator}/{amount.denominator}"
    return fixed(amount.numerator * 10**places // amount.denominator, places)


def shown(amount: Fraction, decimals: int = 2) -> str:
    """Return the amount rounded down to `decimals` places: what is shown can always be spent."""
    return fixed(units_of(amount, decimals), decimals)


def units_of(amount: Fraction, decimals: int) -> int:
    """Return the amount in units of the last of `decimals` places, rounded down."""
    numerator, denominator = amount.as_integer_ratio()
    units: int = numerator * 10**decimals // denominator
    return units


def rounded(amount: Fraction, decimals: int) -> Fraction:
    """Return the nearest multiple of 10^-decimals, halves away from zero."""
    scaled = abs(amount) * 10**decimals
    steps = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(steps if amount >= 0 else -steps, 10**decimals)


def readable(amount: Fraction, decimals: int = 6) -> str:
    """Return decimal text: exact where the amount has a finite one, else rounded to `decimals` places."""
    numerator, denominator = amount.as_integer_ratio()
    places = _places(denominator)
    if places is None:
        return exact_text(rounded(amount, decimals))
    return fixed(numerator * 10**places // denominator, places)


def decimal_places(amount: Fraction) -> int | None:
    """Return how many decimals the amount's exact text needs; None where no finite text exists."""
    return _places(amount.denominator)


@lru_cache(maxsize=1024)
def _places(denominator: int) -> int | None:
    rest, twos, fives = denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def fixed(units: int, places: int) -> str:
    """Return so many units of the last of `places` decimals: 1450 with two of them is "14.50"."""
    if not places:
        return str(units)
    digits = str(units)
    if units < 10**places:
        digits = f"{units:0{places + 1 + (units < 0)}}"
    return f"{digits[:-places]}.{digits[-places:]}"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
