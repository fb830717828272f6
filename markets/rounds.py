"""Where a session stands, and what is remembered of its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from markets.values import often_made

Phase = Literal["practice", "paid"]


@dataclass(frozen=True, slots=True)
class RoundRef:
    """A round: the `number`-th of `of` in its phase, the `overall`-th of the session; all from 1.

    `market` counts the paid markets of a session that has several in a row; each is a phase of its own, with
    new endowments. In practice it is 1.
    """

    phase: Phase
    number: int
    of: int
    overall: int
    market: int = 1

    @property
    def is_first(self) -> bool:
        """Whether a phase starts with it."""
        return self.number == 1

    @property
    def is_last(self) -> bool:
        """Whether a phase ends with it."""
        return self.number == self.of


@dataclass(frozen=True, slots=True)
class PublicRound:
    """What everybody knows of a finished round: cash per share, shares, cash per share. No price: missing."""

    phase: Phase
    number: int
    price: Fraction | None
    volume: int
    dividend: Fraction


@often_made(frozen=True, slots=True)
class OwnRound:
    """What happened to one trader in a finished round; cash and shares are those after it.

    `earnings` is what its units were worth to it in a market of induced values and costs, less what it paid,
    or what it was paid, less what they cost; None in other markets.
    """

    phase: Phase
    number: int
    bought: int
    sold: int
    interest: Fraction
    dividends: Fraction
    cash: Fraction
    shares: int
    earnings: Fraction | None = None


def last_price(history: Sequence[PublicRound], initial_price: Fraction) -> Fraction:
    """Return the latest price of a `history`, oldest first; before there is one, the initial price."""
    return next((past.price for past in reversed(history) if past.price is not None), initial_price)
