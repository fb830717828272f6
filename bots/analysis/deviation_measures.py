"""How far prices are from the fundamental value, period by period: RAD, GAD, bias, dispersion, errors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bots.analysis.over_periods import is_flat, mean, quiet, weighted
from bots.analysis.panel import Flags, Floats, Measured, Panel, measured
from bots.analysis.undefined import (
    FLAT_PRICE,
    NO_LEVEL,
    NO_LOGARITHM,
    no_deviation,
    no_weights,
)


def rad(markets: Panel) -> Measured:
    """Relative absolute deviation, (1/N) Σ |D_t| / |mean F|; a share of the mean fundamental value, >= 0.

    Source: Stöckl, Huber, Kirchler (2010).
    """
    return _per_level(markets, mean(np.abs(markets.deviations)))


def rd(markets: Panel) -> Measured:
    """Relative deviation, (1/N) Σ D_t / |mean F|; a share of the mean fundamental value, > 0 is overpricing.

    Source: Stöckl, Huber, Kirchler (2010).
    """
    return _per_level(markets, mean(markets.deviations))


def rad_volume_weighted(markets: Panel) -> Measured:
    """RAD with weights V_t / Σ V_t in the place of 1/N; a share of the mean fundamental value, >= 0.

    Source: as RAD; the weighting as in published replication code.
    """
    return _per_level(markets, weighted(np.abs(markets.deviations), markets), no_weights(markets))


def rd_volume_weighted(markets: Panel) -> Measured:
    """RD with weights V_t / Σ V_t in the place of 1/N; a share of the mean fundamental value.

    Source: as RD; the weighting as in published replication code.
    """
    return _per_level(markets, weighted(markets.deviations, markets), no_weights(markets))


def gad(markets: Panel) -> Measured:
    """Geometric absolute deviation, exp[(1/N) Σ |ln(P_t / F_t)|] - 1; a share of the fundamental value, >= 0.

    Source: Powell (2016) (form from memory).
    """
    logs = np.abs(_log_ratio(markets))
    return _geometric(markets, mean(logs))


def gd(markets: Panel) -> Measured:
    """Geometric deviation, exp[(1/N) Σ ln(P_t / F_t)] - 1; a share of the fundamental value, > -1.

    Source: Powell (2016) (form from memory).
    """
    return _geometric(markets, mean(_log_ratio(markets)))


def gad_volume_weighted(markets: Panel) -> Measured:
    """GAD with weights V_t / Σ V_t in the place of 1/N; a share of the fundamental value, >= 0.

    Source: as GAD; the weighting as in published replication code.
    """
    logs = weighted(np.abs(_log_ratio(markets)), markets)
    return _geometric(markets, logs, no_weights(markets))


def gd_volume_weighted(markets: Panel) -> Measured:
    """GD with weights V_t / Σ V_t in the place of 1/N; a share of the fundamental value, > -1.

    Source: as GD; the weighting as in published replication code.
    """
    return _geometric(markets, weighted(_log_ratio(markets), markets), no_weights(markets))


def average_bias(markets: Panel) -> Measured:
    """Average bias, (1/N) Σ D_t; cash per share, > 0 is overpricing.

    Source: Haruvy, Noussair (2006), there of each period's median price (form from memory).
    """
    return measured(mean(markets.deviations), no_deviation(markets))


def average_bias_volume_weighted(markets: Panel) -> Measured:
    """Average bias with weights V_t / Σ V_t in the place of 1/N; cash per share.

    Source: as the average bias; the weighting as in published replication code.
    """
    undefined = {**no_deviation(markets), **no_weights(markets)}
    return measured(weighted(markets.deviations, markets), undefined)


def total_dispersion(markets: Panel) -> Measured:
    """Total dispersion, Σ |D_t|; cash per share, summed over periods, >= 0.

    Source: Haruvy, Noussair (2006), there of each period's median price (form from memory).
    """
    return measured(np.nansum(np.abs(markets.deviations), axis=1), no_deviation(markets))


def mse_fundamental(markets: Panel) -> Measured:
    """Mean squared error against the fundamental value, (1/N) Σ D_t²; cash per share, squared, >= 0.

    Source: replication code of Henning et al. (2025).
    """
    return measured(mean(markets.deviations**2), no_deviation(markets))


def haessel_r2(markets: Panel) -> Measured:
    """Haessel's R², 1 - Σ (P_t - F_t)² / Σ (P_t - mean P)²; at most 1, not defined where the price is flat.

    Source: Haessel (1978), as used by King et al. (1993).
    """
    prices = np.where(np.isnan(markets.deviations), np.nan, markets.prices)
    total = np.nansum((prices - mean(prices)[:, None]) ** 2, axis=1)
    flat = is_flat(prices)
    with quiet():
        values = 1 - np.nansum(markets.deviations**2, axis=1) / np.where(flat, np.nan, total)
    return measured(values, {**no_deviation(markets), FLAT_PRICE: flat})


def _per_level(markets: Panel, values: Floats, undefined: Mapping[str, Flags] | None = None) -> Measured:
    level = np.abs(mean(markets.fundamentals))
    zero: Flags = np.equal(level, 0)
    with quiet():
        shares = values / level
    reasons = {**no_deviation(markets), **(undefined or {}), NO_LEVEL: zero}
    return measured(np.where(np.isinf(shares), np.nan, shares), reasons)


def _geometric(markets: Panel, logs: Floats, undefined: Mapping[str, Flags] | None = None) -> Measured:
    both = ~np.isnan(markets.deviations)
    with quiet():
        bad: Flags = np.any(both & ((markets.prices <= 0) | (markets.fundamentals <= 0)), axis=1)
        values = np.expm1(logs)
    reasons = {**no_deviation(markets), NO_LOGARITHM: bad, **(undefined or {})}
    return measured(values, reasons)


def _log_ratio(markets: Panel) -> Floats:
    with quiet():
        result: Floats = np.log(markets.prices) - np.log(markets.fundamentals)
    return np.where(np.isinf(result), np.nan, result)
