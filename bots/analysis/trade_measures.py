"""Volumes, turnover and mean prices."""

from __future__ import annotations

import numpy as np

from bots.analysis.over_periods import mean, quiet, weighted
from bots.analysis.panel import Measured, Panel, measured
from bots.analysis.undefined import (
    NO_PRICE,
    NO_SHARES,
    NO_VOLUME,
    all_missing,
    no_weights,
    volume_unknown,
)


def turnover(markets: Panel) -> Measured:
    """Turnover, Σ V_t / S; times that all shares changed hands, >= 0.

    Source: King, Smith, Williams, Van Boening (1993).
    """
    with quiet():
        values = np.nansum(markets.volumes, axis=1) / markets.shares
    unknown = ~(markets.shares > 0)
    return measured(values, {NO_VOLUME: volume_unknown(markets), NO_SHARES: unknown})


def total_volume(markets: Panel) -> Measured:
    """Total volume, Σ V_t; shares, >= 0."""
    return measured(np.nansum(markets.volumes, axis=1), {NO_VOLUME: volume_unknown(markets)})


def mean_price(markets: Panel) -> Measured:
    """Mean price, (1/N) Σ P_t; cash per share."""
    return measured(mean(markets.prices), {NO_PRICE: all_missing(markets.prices)})


def mean_price_volume_weighted(markets: Panel) -> Measured:
    """Mean price of a share traded, Σ V_t P_t / Σ V_t; cash per share."""
    undefined = {NO_PRICE: all_missing(markets.prices), **no_weights(markets)}
    return measured(weighted(markets.prices, markets), undefined)
