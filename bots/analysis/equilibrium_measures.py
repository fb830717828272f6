"""Efficiency, and how near prices come to an equilibrium price: Smith's α."""

from __future__ import annotations

import numpy as np

from bots.analysis.over_periods import is_flat, mean, quiet
from bots.analysis.panel import Gains, Measured, Panel, measured
from bots.analysis.undefined import (
    MOVING_FUNDAMENTAL,
    NO_EQUILIBRIUM,
    NO_LEVEL,
    NO_TRADE,
    NO_UNITS,
    no_deviation,
)


def smith_alpha(markets: Panel) -> Measured:
    """Smith's α about P* = F, 100 · sqrt[(1/N) Σ (P_t - P*)²] / P*; percent, >= 0; only for a constant F.

    Source: Smith (1962) (form from memory).
    """
    level = mean(markets.fundamentals)
    moving = ~is_flat(markets.fundamentals)
    with quiet():
        values = 100 * np.sqrt(mean(markets.deviations**2)) / np.abs(level)
    undefined = {**no_deviation(markets), MOVING_FUNDAMENTAL: moving, NO_LEVEL: level == 0}
    return measured(np.where(np.isinf(values), np.nan, values), undefined)


def efficiency(markets: Panel) -> Measured:
    """Allocative efficiency, Σ realised surplus / Σ possible surplus; a share of the possible one, <= 1.

    Source: Smith (1962), as used by Gode, Sunder (1993).
    """
    gains = _gains(markets)
    return measured(gains.realised / gains.possible, {NO_UNITS: np.isnan(gains.possible)})


def smith_alpha_trades(markets: Panel) -> Measured:
    """Smith's α of trades, 100 · sqrt[mean (p - P*)²] / P*; percent of the equilibrium price P*, >= 0.

    The mean is over units traded; P* is the middle where there are several equilibrium prices.

    Source: Smith (1962).
    """
    gains = _gains(markets)
    with quiet():
        values = 100 * np.sqrt(gains.spread) / gains.equilibrium
    undefined = {
        NO_UNITS: np.isnan(gains.possible),
        NO_TRADE: np.isnan(gains.spread),
        NO_EQUILIBRIUM: gains.equilibrium == 0,
    }
    return measured(values, undefined)


def _gains(markets: Panel) -> Gains:
    unknown = np.full(len(markets), np.nan)
    return markets.gains or Gains(unknown, unknown, unknown, unknown)
