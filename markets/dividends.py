"""Dividends: one draw a round, the same for every share."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class DividendOutcome:
    """One possible dividend: `amount` in cash per share, drawn with odds `weight` among all weights."""

    amount: Fraction
    weight: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError("A dividend cannot be negative.")
        if self.weight <= 0:
            raise ValueError(f"A dividend's weight must be a whole number above 0, was {self.weight}.")


@dataclass(frozen=True, slots=True)
class DividendProcess:
    """Independent draws from a finite list; at least one outcome."""

    outcomes: tuple[DividendOutcome, ...]

    def __post_init__(self) -> None:
        if not self.outcomes:
            raise ValueError("A dividend process needs at least one outcome.")

    @property
    def expected(self) -> Fraction:
        """E[d], cash per share and round."""
        total = sum(outcome.weight for outcome in self.outcomes)
        return sum((outcome.amount * outcome.weight for outcome in self.outcomes), Fraction(0)) / total

    def draw(self, seed: str, phase: str, number: int, market: int = 1) -> Fraction:
        """Return the dividend of round `number` of `phase`, in cash per share.

        Args:
            market: of several in a row, from 1.

        The draw depends on the arguments alone: not on draws before it, on the process that makes it or
        on Python's hash seed. Integers decide it, so the odds are exact.
        """
        again = f"{market}/" if market > 1 else ""
        generator = random.Random(f"{seed}/{phase}/{again}{number}/dividend")
        bounds = list(accumulate(outcome.weight for outcome in self.outcomes))
        return self.outcomes[bisect_right(bounds, generator.randrange(bounds[-1]))].amount
