"""Prices against another path, the fundamental value or a reference: correlation and mean squared error."""

from __future__ import annotations

import numpy as np

from bots.analysis.over_periods import is_flat, mean, quiet
from bots.analysis.panel import Floats, Measured, Panel, measured
from bots.analysis.undefined import (
    FLAT_FUNDAMENTAL,
    FLAT_PRICE,
    FLAT_REFERENCE,
    NO_FUNDAMENTAL,
    NO_REFERENCE,
    ONE_PERIOD,
    no_pair,
)


def pearson_fundamental(markets: Panel) -> Measured:
    """Pearson's correlation of P and F over periods that have both; from -1 to 1, not defined for a flat one.

    Source: replication code of Henning et al. (2025).
    """
    return _pearson(markets, markets.fundamentals, NO_FUNDAMENTAL, FLAT_FUNDAMENTAL)


def mse_reference(markets: Panel) -> Measured:
    """Mean squared error against the reference, (1/N) Σ (P_t - R_t)²; cash per share, squared, >= 0.

    Source: replication code of Henning et al. (2025).
    """
    values = mean((markets.prices - markets.reference) ** 2)
    return measured(values, no_pair(markets, _reference(markets), NO_REFERENCE))


def pearson_reference(markets: Panel) -> Measured:
    """Pearson's correlation of P and the reference over periods that have both; from -1 to 1.

    Source: replication code of Henning et al. (2025).
    """
    return _pearson(markets, _reference(markets), NO_REFERENCE, FLAT_REFERENCE)


def _pearson(markets: Panel, other: Floats, missing: str, level: str) -> Measured:
    both = ~np.isnan(markets.prices) & ~np.isnan(other)
    xs, ys = np.where(both, markets.prices, np.nan), np.where(both, other, np.nan)
    dx, dy = xs - mean(xs)[:, None], ys - mean(ys)[:, None]
    with quiet():
        scale = np.sqrt(np.nansum(dx**2, axis=1) * np.nansum(dy**2, axis=1))
        values = np.clip(np.nansum(dx * dy, axis=1) / scale, -1, 1)
    undefined = {
        **no_pair(markets, other, missing),
        ONE_PERIOD: both.sum(axis=1) < 2,
        FLAT_PRICE: is_flat(xs),
        level: is_flat(ys),
    }
    return measured(values, undefined)


def _reference(markets: Panel) -> Floats:
    return np.broadcast_to(markets.reference, markets.prices.shape)
