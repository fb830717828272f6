"""The shape of a bubble: its peak, the rise before and the fall after it, its amplitude and duration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bots.analysis.over_periods import FLAT, largest, quiet, smallest
from bots.analysis.panel import Flags, Floats, Measured, Panel, measured
from bots.analysis.undefined import (
    NO_DIVIDEND,
    NO_FUNDAMENTAL,
    NO_LEVEL,
    NO_RATIO,
    no_deviation,
)


def rdmax(markets: Panel) -> Measured:
    """Overpricing at the peak, max_t D_t / F_t; a share of the fundamental value.

    Source: Razen, Huber, Kirchler (2017) (form from memory).
    """
    return measured(largest(_relative(markets)), _no_relative(markets))


def amplitude(markets: Panel) -> Measured:
    """Rise to the peak of D/F from the lowest D/F before it (or at it); a share of F, >= 0.

    Source: Razen, Huber, Kirchler (2017), AMPLITUDE (form from memory).
    """
    relative, peak = _relative(markets), _peak(markets)
    before = np.arange(relative.shape[1]) <= peak[:, None]
    lowest = smallest(np.where(before, relative, np.nan))
    return measured(largest(relative) - lowest, _no_relative(markets))


def crash(markets: Panel) -> Measured:
    """Fall from the peak of D/F to the lowest D/F after it (or at it); a share of F, its size, >= 0.

    Source: Razen, Huber, Kirchler (2017), CRASH (form from memory; its sign is turned).
    """
    relative, peak = _relative(markets), _peak(markets)
    after = np.arange(relative.shape[1]) >= peak[:, None]
    lowest = smallest(np.where(after, relative, np.nan))
    return measured(largest(relative) - lowest, _no_relative(markets))


def price_amplitude(markets: Panel) -> Measured:
    """King's price amplitude with E = F_1, max(D_t / F_1) - min(D_t / F_1); a share of F_1, >= 0.

    Source: King, Smith, Williams, Van Boening (1993).
    """
    known = ~np.isnan(markets.fundamentals)
    first = np.take_along_axis(markets.fundamentals, known.argmax(axis=1)[:, None], axis=1)[:, 0]
    return _range_in_units(markets, first, NO_FUNDAMENTAL)


def price_amplitude_dividend(markets: Panel) -> Measured:
    """King's price amplitude with E = E[d], max(D_t / E[d]) - min(D_t / E[d]); expected dividends, >= 0.

    Source: King, Smith, Williams, Van Boening (1993).
    """
    return _range_in_units(markets, markets.dividends, NO_DIVIDEND)


def duration(markets: Panel) -> Measured:
    """Longest run of periods in which D_t strictly rises: the number of rises in a row; periods, >= 0.

    A period without a price ends the run.

    Source: King, Smith, Williams, Van Boening (1993).
    """
    deviations = markets.deviations
    with quiet():
        noise = FLAT * np.nan_to_num(largest(np.abs(markets.prices)), nan=0.0)
        rises = np.diff(deviations, axis=1) > noise[:, None]
    run = longest = np.zeros(len(markets), dtype=np.int64)
    for period in range(rises.shape[1]):
        run = np.where(rises[:, period], run + 1, 0)
        longest = np.maximum(longest, run)
    return measured(longest.astype(np.float64), no_deviation(markets))


def _relative(markets: Panel) -> Floats:
    with quiet():
        result: Floats = markets.deviations / markets.fundamentals
    return np.where(np.isinf(result), np.nan, result)


def _peak(markets: Panel) -> npt.NDArray[np.intp]:
    """Return the column of the highest D/F; 0 where there is none."""
    relative = _relative(markets)
    return np.asarray(np.argmax(np.where(np.isnan(relative), -np.inf, relative), axis=1), dtype=np.intp)


def _range_in_units(markets: Panel, unit: Floats, unknown: str) -> Measured:
    with quiet():
        values = (largest(markets.deviations) - smallest(markets.deviations)) / np.abs(unit)
    undefined = {**no_deviation(markets), unknown: np.isnan(unit), NO_LEVEL: unit == 0}
    return measured(np.where(np.isinf(values), np.nan, values), undefined)


def _no_relative(markets: Panel) -> dict[str, Flags]:
    zero: Flags = np.any(~np.isnan(markets.deviations) & (markets.fundamentals == 0), axis=1)
    return {**no_deviation(markets), NO_RATIO: zero}
