"""What difference a number of markets can detect, by simulating the permutation test that reports use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bots.analysis.inference import SEED
from bots.analysis.panel import Floats

ALPHA, POWER = 0.05, 0.8
_STUDIES, _PERMUTATIONS = 500, 399
_STEPS = 14  # of the search, each halves what is left
_WIDEST = 12.0  # standard deviations; a difference above is not looked for


@dataclass(frozen=True, slots=True)
class Detectable:
    """The smallest difference of means that is found in 8 of 10 studies at the level of 5 %.

    Attributes:
        markets: of each treatment.
        difference: in units of the measure; NaN where no difference is found as often, since so few markets
            have no split that is rare enough.
    """

    markets: int
    difference: float


def detectable(values: Floats, markets: int, *, seed: int = SEED) -> Detectable:
    """Return the smallest detectable difference between two treatments of `markets` markets each.

    Both treatments are drawn with replacement from the spread of `values` about their mean; one is shifted.
    Each of 500 such studies is tested by a two-sided permutation test of the difference of means with 399
    random splits.

    Args:
        values: a measure in markets that were played or simulated; NaN is left out, two or more are needed.

    Source: bootstrap power, Efron, Tibshirani (1993), ch. 25.
    """
    known = values[~np.isnan(values)]
    spread = known.std(ddof=1) if len(known) > 1 else np.nan
    if not spread > 0:
        return Detectable(markets, 0.0 if spread == 0 else np.nan)
    found = _Simulated.of(known - known.mean(), markets, seed)
    low, high = 0.0, _WIDEST * float(spread)
    if found.power(high) < POWER:
        return Detectable(markets, np.nan)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if found.power(middle) >= POWER else (middle, high)
    return Detectable(markets, high)


@dataclass(frozen=True)
class _Simulated:
    """Differences of means of all studies before a shift, and what one unit of shift adds to each.

    Attributes:
        observed: of the first group less the second, shape (studies,).
        permuted: under random splits, shape (permutations, studies).
        added: by a shift of 1 in the first group, shape (permutations,).
    """

    observed: Floats
    permuted: Floats
    added: Floats

    @classmethod
    def of(cls, centred: Floats, markets: int, seed: int) -> _Simulated:
        draw = np.random.default_rng(seed)
        samples = draw.choice(centred, (2 * markets, _STUDIES))
        groups = np.repeat([1.0, -1.0], markets) / markets
        splits = draw.permuted(np.tile(groups, (_PERMUTATIONS, 1)), axis=1)
        first = np.repeat([1.0, 0.0], markets)
        return cls(groups @ samples, splits @ samples, splits @ first)

    def power(self, shift: float) -> float:
        """Return the share of studies that find a difference of `shift`."""
        seen = np.abs(self.observed + shift)
        random = np.abs(self.permuted + shift * self.added[:, None])
        ps = (1 + (random >= seen * (1 - 1e-12)).sum(axis=0)) / (_PERMUTATIONS + 1)
        return float((ps <= ALPHA).mean())
