"""Prices of many markets as one array, which every measure takes, and what a measure gives back.

Floats are meant here: measures are statistics about prices, not rules that move money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number, or NaN and the reason why it is not defined."""

    value: float
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether there is a number."""
        return not np.isnan(self.value)


@dataclass(frozen=True)
class Measured:
    """One measure of many markets.

    Attributes:
        values: one a market; NaN where the measure is not defined.
        reasons: why a market's value is NaN; empty text where it is defined.
    """

    values: Floats
    reasons: tuple[str, ...]

    def __getitem__(self, market: int) -> Measure:
        return Measure(float(self.values[market]), self.reasons[market])

    def __len__(self) -> int:
        return len(self.reasons)


def measured(values: Floats, undefined: Mapping[str, Flags]) -> Measured:
    """Return `values` with NaN and the first reason that applies where one of `undefined` does."""
    blank = np.zeros(len(values), dtype=np.intp)
    texts = ["", *undefined]
    for number, where in enumerate(undefined.values(), start=1):
        blank = np.where((blank == 0) & where, number, blank)
    kept = np.where(blank > 0, np.nan, values)
    lost = np.isnan(kept) & (blank == 0)
    if lost.any():
        raise ValueError("a measure is NaN without a reason")
    return Measured(kept, tuple(texts[one] for one in blank.tolist()))


@dataclass(frozen=True)
class Gains:
    """What each of m markets earned where units have induced values and costs; NaN where that is not known.

    Attributes:
        realised, possible: surplus of all traders together, over all periods, cash, shape (m,).
        equilibrium: competitive price, cash a unit, shape (m,).
        spread: mean of (trade price - equilibrium)² over units traded, cash², shape (m,); NaN without trade.
    """

    realised: Floats
    possible: Floats
    equilibrium: Floats
    spread: Floats


@dataclass(frozen=True)
class Panel:
    """Markets × periods. A period that a market does not have, or has no price in, is NaN.

    Attributes:
        names: of the m markets.
        prices: P, cash per share, shape (m, n); column t is period `first_period` + t of every market.
        fundamentals: F, cash per share, same shape; all NaN where not known.
        volumes: V, shares, same shape; NaN where not known.
        shares: S, shares outstanding, shape (m,); NaN where not known.
        dividends: E[d], expected dividend, cash per share and period, shape (m,); NaN where not known.
        reference: R, a price path to compare with, shape (n,); NaN where it has no period.
        gains: of trade, where units have values and costs; None where no market has them.
    """

    names: tuple[str, ...]
    prices: Floats
    fundamentals: Floats
    volumes: Floats
    shares: Floats
    dividends: Floats
    reference: Floats
    first_period: int = 1
    gains: Gains | None = None
    deviations: Floats = field(init=False)  # D = P - F

    def __post_init__(self) -> None:
        shape = self.prices.shape
        if len(shape) != 2 or shape[0] != len(self.names):
            raise ValueError(f"prices must be markets × periods for {len(self.names)} markets, was {shape}")
        if not self.fundamentals.shape == self.volumes.shape == shape:
            raise ValueError("fundamentals and volumes must have the shape of prices")
        if not self.shares.shape == self.dividends.shape == shape[:1] or self.reference.shape != shape[1:]:
            raise ValueError("shares and dividends are one a market, the reference is one a period")
        object.__setattr__(self, "deviations", self.prices - self.fundamentals)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(
        cls,
        prices: npt.ArrayLike,
        fundamental: npt.ArrayLike = np.nan,
        *,
        volumes: npt.ArrayLike = np.nan,
        shares: npt.ArrayLike = np.nan,
        dividends: npt.ArrayLike = np.nan,
        reference: npt.ArrayLike = np.nan,
    ) -> Panel:
        """Build a panel of markets 1, 2, … from anything that broadcasts; one path of prices is one market.

        Args:
            prices: (m, n) or (n,).
            fundamental: a number, (n,) or (m, n).
            volumes: as `fundamental`.
            shares, dividends: a number or (m,).
            reference: (n,), or shorter or longer: cut or filled with NaN.
        """
        paths = np.atleast_2d(np.asarray(prices, dtype=np.float64))
        markets, periods = paths.shape

        def spread(values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
            return np.broadcast_to(np.asarray(values, dtype=np.float64), shape).copy()

        return cls(
            names=tuple(str(number + 1) for number in range(markets)),
            prices=paths,
            fundamentals=spread(fundamental, paths.shape),
            volumes=spread(volumes, paths.shape),
            shares=spread(shares, (markets,)),
            dividends=spread(dividends, (markets,)),
            reference=fitted(reference, periods),
        )


def fitted(path: npt.ArrayLike, periods: int, skip: int = 0) -> Floats:
    """Return `path` from its `skip`-th entry on, cut or filled with NaN to `periods` entries."""
    given = np.atleast_1d(np.asarray(path, dtype=np.float64))[skip : skip + periods]
    return np.concatenate([given, np.full(periods - len(given), np.nan)])
