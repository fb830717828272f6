"""Means, extremes and correlations over the periods of each market, NaN left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from bots.analysis.panel import Flags, Floats, Panel

FLAT = 1e-12  # of the price level: below, a path does not move


@contextmanager
def quiet() -> Iterator[None]:
    """Markets for which a measure is not defined are told by a reason, not by NumPy's warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def mean(values: Floats) -> Floats:
    """Return the mean over the periods that have a value; NaN without any."""
    with quiet():
        result: Floats = np.nanmean(values, axis=1)
    return result


def largest(values: Floats) -> Floats:
    """Return the highest value; NaN without any."""
    with quiet():
        result: Floats = np.nanmax(values, axis=1)
    return result


def smallest(values: Floats) -> Floats:
    """Return the lowest value; NaN without any."""
    with quiet():
        result: Floats = np.nanmin(values, axis=1)
    return result


def weighted(values: Floats, markets: Panel) -> Floats:
    """Return Σ V x / Σ V over the periods in which x is known."""
    weights = np.where(np.isnan(values), np.nan, markets.volumes)
    with quiet():
        result: Floats = np.nansum(values * weights, axis=1) / np.nansum(weights, axis=1)
    return np.where(np.isinf(result), np.nan, result)


def is_flat(values: Floats) -> Flags:
    """Tell the markets whose path does not move."""
    spread = largest(values) - smallest(values)
    with quiet():
        result: Flags = spread <= FLAT * largest(np.abs(values))
    return result
