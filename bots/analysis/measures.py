"""Measures of mispricing, bubbles and trading: one function each, for any number of markets at once.

P_t price, F_t fundamental value, D_t = P_t - F_t, V_t volume, S shares outstanding. N counts the periods that
have a price (and, where F enters, a fundamental value); a period without one is left out, never read as 0.
Sources marked (form from memory) were named from memory and tested against numbers derived by hand.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bots.analysis.panel import Flags, Floats, Gains, Measured, Panel, measured

_FLAT = 1e-12  # of the price level: below, a path does not move

NO_PRICE = "no price"
NO_FUNDAMENTAL = "no fundamental value where there is a price"
NO_VOLUME = "volume is not known in every period"
NO_TRADE = "nothing was traded"
NO_SHARES = "shares outstanding are not known"
NO_DIVIDEND = "the expected dividend is not known"
NO_LEVEL = "the mean fundamental value is 0"
NO_LOGARITHM = "a price or fundamental value of 0 or less has no logarithm"
NO_RATIO = "a fundamental value is 0"
NO_REFERENCE = "the reference has no price in these periods"
FLAT_PRICE = "the price does not move"
FLAT_FUNDAMENTAL = "the fundamental value does not move"
FLAT_REFERENCE = "the reference does not move in these periods"
MOVING_FUNDAMENTAL = "there is no single equilibrium price: the fundamental value moves"
NO_UNITS = "units have no induced values and costs, or not everybody's are known"
ONE_PERIOD = "fewer than two periods have a price"

# Deviation from the fundamental value.


def rad(markets: Panel) -> Measured:
    """Relative absolute deviation, (1/N) Σ |D_t| / |mean F|; a share of the mean fundamental value, >= 0.

    Source: Stöckl, Huber, Kirchler (2010).
    """
    return _per_level(markets, _mean(np.abs(markets.deviations)))


def rd(markets: Panel) -> Measured:
    """Relative deviation, (1/N) Σ D_t / |mean F|; a share of the mean fundamental value, > 0 is overpricing.

    Source: Stöckl, Huber, Kirchler (2010).
    """
    return _per_level(markets, _mean(markets.deviations))


def rad_volume_weighted(markets: Panel) -> Measured:
    """RAD with weights V_t / Σ V_t in the place of 1/N; a share of the mean fundamental value, >= 0.

    Source: as RAD; the weighting as in published replication code.
    """
    return _per_level(markets, _weighted(np.abs(markets.deviations), markets), _no_weights(markets))


def rd_volume_weighted(markets: Panel) -> Measured:
    """RD with weights V_t / Σ V_t in the place of 1/N; a share of the mean fundamental value.

    Source: as RD; the weighting as in published replication code.
    """
    return _per_level(markets, _weighted(markets.deviations, markets), _no_weights(markets))


def gad(markets: Panel) -> Measured:
    """Geometric absolute deviation, exp[(1/N) Σ |ln(P_t / F_t)|] - 1; a share of the fundamental value, >= 0.

    Source: Powell (2016) (form from memory).
    """
    logs = np.abs(_log_ratio(markets))
    return _geometric(markets, _mean(logs))


def gd(markets: Panel) -> Measured:
    """Geometric deviation, exp[(1/N) Σ ln(P_t / F_t)] - 1; a share of the fundamental value, > -1.

    Source: Powell (2016) (form from memory).
    """
    return _geometric(markets, _mean(_log_ratio(markets)))


def gad_volume_weighted(markets: Panel) -> Measured:
    """GAD with weights V_t / Σ V_t in the place of 1/N; a share of the fundamental value, >= 0.

    Source: as GAD; the weighting as in published replication code.
    """
    weighted = _weighted(np.abs(_log_ratio(markets)), markets)
    return _geometric(markets, weighted, _no_weights(markets))


def gd_volume_weighted(markets: Panel) -> Measured:
    """GD with weights V_t / Σ V_t in the place of 1/N; a share of the fundamental value, > -1.

    Source: as GD; the weighting as in published replication code.
    """
    return _geometric(markets, _weighted(_log_ratio(markets), markets), _no_weights(markets))


def average_bias(markets: Panel) -> Measured:
    """Average bias, (1/N) Σ D_t; cash per share, > 0 is overpricing.

    Source: Haruvy, Noussair (2006) (form from memory).
    """
    return measured(_mean(markets.deviations), _no_deviation(markets))


def average_bias_volume_weighted(markets: Panel) -> Measured:
    """Average bias with weights V_t / Σ V_t in the place of 1/N; cash per share.

    Source: as the average bias; the weighting as in published replication code.
    """
    undefined = {**_no_deviation(markets), **_no_weights(markets)}
    return measured(_weighted(markets.deviations, markets), undefined)


def total_dispersion(markets: Panel) -> Measured:
    """Total dispersion, Σ |D_t|; cash per share, summed over periods, >= 0.

    Source: Haruvy, Noussair (2006) (form from memory).
    """
    return measured(np.nansum(np.abs(markets.deviations), axis=1), _no_deviation(markets))


def mse_fundamental(markets: Panel) -> Measured:
    """Mean squared error against the fundamental value, (1/N) Σ D_t²; cash per share, squared, >= 0.

    Source: replication code of Henning et al. (2025).
    """
    return measured(_mean(markets.deviations**2), _no_deviation(markets))


def pearson_fundamental(markets: Panel) -> Measured:
    """Pearson's correlation of P and F over periods that have both; from -1 to 1, not defined for a flat one.

    Source: replication code of Henning et al. (2025).
    """
    return _pearson(markets, markets.fundamentals, NO_FUNDAMENTAL, FLAT_FUNDAMENTAL)


def haessel_r2(markets: Panel) -> Measured:
    """Haessel's R², 1 - Σ (P_t - F_t)² / Σ (P_t - mean P)²; at most 1, not defined where the price is flat.

    Source: Haessel (1978), as used by King et al. (1993).
    """
    prices = np.where(np.isnan(markets.deviations), np.nan, markets.prices)
    total = np.nansum((prices - _mean(prices)[:, None]) ** 2, axis=1)
    flat = _flat(prices)
    with _quiet():
        values = 1 - np.nansum(markets.deviations**2, axis=1) / np.where(flat, np.nan, total)
    return measured(values, {**_no_deviation(markets), FLAT_PRICE: flat})


# The bubble's shape.


def rdmax(markets: Panel) -> Measured:
    """Overpricing at the peak, max_t D_t / F_t; a share of the fundamental value.

    Source: Razen, Huber, Kirchler (2017) (form from memory).
    """
    return measured(_largest(_relative(markets)), _no_relative(markets))


def amplitude(markets: Panel) -> Measured:
    """Rise to the peak of D/F from the lowest D/F before it (or at it); a share of F, >= 0.

    Source: Razen, Huber, Kirchler (2017), AMPLITUDE (form from memory).
    """
    relative, peak = _relative(markets), _peak(markets)
    before = np.arange(relative.shape[1]) <= peak[:, None]
    lowest = _smallest(np.where(before, relative, np.nan))
    return measured(_largest(relative) - lowest, _no_relative(markets))


def crash(markets: Panel) -> Measured:
    """Fall from the peak of D/F to the lowest D/F after it (or at it); a share of F, its size, >= 0.

    Source: Razen, Huber, Kirchler (2017), CRASH (form from memory; its sign is turned).
    """
    relative, peak = _relative(markets), _peak(markets)
    after = np.arange(relative.shape[1]) >= peak[:, None]
    lowest = _smallest(np.where(after, relative, np.nan))
    return measured(_largest(relative) - lowest, _no_relative(markets))


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
    with _quiet():
        noise = _FLAT * np.nan_to_num(_largest(np.abs(markets.prices)), nan=0.0)
        rises = np.diff(deviations, axis=1) > noise[:, None]
    run = longest = np.zeros(len(markets), dtype=np.int64)
    for period in range(rises.shape[1]):
        run = np.where(rises[:, period], run + 1, 0)
        longest = np.maximum(longest, run)
    return measured(longest.astype(np.float64), _no_deviation(markets))


# Trading.


def turnover(markets: Panel) -> Measured:
    """Turnover, Σ V_t / S; times that all shares changed hands, >= 0.

    Source: King, Smith, Williams, Van Boening (1993).
    """
    with _quiet():
        values = np.nansum(markets.volumes, axis=1) / markets.shares
    unknown = ~(markets.shares > 0)
    return measured(values, {NO_VOLUME: _volume_unknown(markets), NO_SHARES: unknown})


def total_volume(markets: Panel) -> Measured:
    """Total volume, Σ V_t; shares, >= 0."""
    return measured(np.nansum(markets.volumes, axis=1), {NO_VOLUME: _volume_unknown(markets)})


def mean_price(markets: Panel) -> Measured:
    """Mean price, (1/N) Σ P_t; cash per share."""
    return measured(_mean(markets.prices), {NO_PRICE: _none(markets.prices)})


def mean_price_volume_weighted(markets: Panel) -> Measured:
    """Mean price of a share traded, Σ V_t P_t / Σ V_t; cash per share."""
    undefined = {NO_PRICE: _none(markets.prices), **_no_weights(markets)}
    return measured(_weighted(markets.prices, markets), undefined)


def smith_alpha(markets: Panel) -> Measured:
    """Smith's α about P* = F, 100 · sqrt[(1/N) Σ (P_t - P*)²] / P*; percent, >= 0; only for a constant F.

    Source: Smith (1962) (form from memory).
    """
    level = _mean(markets.fundamentals)
    moving = ~_flat(markets.fundamentals)
    with _quiet():
        values = 100 * np.sqrt(_mean(markets.deviations**2)) / np.abs(level)
    undefined = {**_no_deviation(markets), MOVING_FUNDAMENTAL: moving, NO_LEVEL: level == 0}
    return measured(np.where(np.isinf(values), np.nan, values), undefined)


# Gains from trade.


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
    with _quiet():
        values = 100 * np.sqrt(gains.spread) / gains.equilibrium
    return measured(values, {NO_UNITS: np.isnan(gains.possible), NO_TRADE: np.isnan(gains.spread)})


# Against a reference path.


def mse_reference(markets: Panel) -> Measured:
    """Mean squared error against the reference, (1/N) Σ (P_t - R_t)²; cash per share, squared, >= 0.

    Source: replication code of Henning et al. (2025).
    """
    values = _mean((markets.prices - markets.reference) ** 2)
    return measured(values, _no_pair(markets, _reference(markets), NO_REFERENCE))


def pearson_reference(markets: Panel) -> Measured:
    """Pearson's correlation of P and the reference over periods that have both; from -1 to 1.

    Source: replication code of Henning et al. (2025).
    """
    return _pearson(markets, _reference(markets), NO_REFERENCE, FLAT_REFERENCE)


MeasureFunction = Callable[[Panel], Measured]


@dataclass(frozen=True, slots=True)
class Described:
    """A measure as tables show it: `formula` and `unit` in short, `source` from its docstring."""

    label: str
    formula: str
    unit: str
    of: MeasureFunction

    @property
    def source(self) -> str:
        """Where the measure comes from; empty for plain sums and means."""
        text = " ".join((self.of.__doc__ or "").split())
        return text.partition("Source: ")[2]


_F = "share of F"
_CASH = "cash per share"
MEASURES: Mapping[str, Described] = {
    "rad": Described("RAD", "(1/N) Σ |D| / |mean F|", _F, rad),
    "rd": Described("RD", "(1/N) Σ D / |mean F|", _F, rd),
    "rdmax": Described("RDMAX", "max D/F", _F, rdmax),
    "gad": Described("GAD", "exp[(1/N) Σ |ln P/F|] − 1", _F, gad),
    "gd": Described("GD", "exp[(1/N) Σ ln P/F] − 1", _F, gd),
    "rad_volume_weighted": Described("RAD, by volume", "Σ V |D| / ΣV / |mean F|", _F, rad_volume_weighted),
    "rd_volume_weighted": Described("RD, by volume", "Σ V D / ΣV / |mean F|", _F, rd_volume_weighted),
    "gad_volume_weighted": Described("GAD, by volume", "exp[Σ V |ln P/F| / ΣV] − 1", _F, gad_volume_weighted),
    "gd_volume_weighted": Described("GD, by volume", "exp[Σ V ln P/F / ΣV] − 1", _F, gd_volume_weighted),
    "amplitude": Described("Amplitude", "peak of D/F − lowest before", _F, amplitude),
    "crash": Described("Crash", "peak of D/F − lowest after", _F, crash),
    "price_amplitude": Described("Price amplitude (E = F₁)", "max D/F₁ − min D/F₁", "F₁", price_amplitude),
    "price_amplitude_dividend": Described(
        "Price amplitude (E = E[d])", "max D/E[d] − min D/E[d]", "E[d]", price_amplitude_dividend
    ),
    "duration": Described("Duration", "longest run of rising D", "periods", duration),
    "turnover": Described("Turnover", "ΣV / S", "times S", turnover),
    "haessel_r2": Described("Haessel R²", "1 − Σ D² / Σ (P − mean P)²", "", haessel_r2),
    "average_bias": Described("Average bias", "(1/N) Σ D", _CASH, average_bias),
    "average_bias_volume_weighted": Described(
        "Average bias, by volume", "Σ V D / ΣV", _CASH, average_bias_volume_weighted
    ),
    "total_dispersion": Described("Total dispersion", "Σ |D|", _CASH, total_dispersion),
    "mse_fundamental": Described("MSE against F", "(1/N) Σ D²", "cash²", mse_fundamental),
    "pearson_fundamental": Described("Pearson r with F", "corr(P, F)", "", pearson_fundamental),
    "mse_reference": Described("MSE against reference", "(1/N) Σ (P − R)²", "cash²", mse_reference),
    "pearson_reference": Described("Pearson r with reference", "corr(P, R)", "", pearson_reference),
    "smith_alpha": Described("Smith's α (P* = F)", "100 · rms D / P*", "%", smith_alpha),
    "smith_alpha_trades": Described(
        "Smith's α of trades (P* = equilibrium)", "100 · rms (p − P*) / P*", "%", smith_alpha_trades
    ),
    "efficiency": Described("Allocative efficiency", "Σ realised / Σ possible surplus", "share", efficiency),
    "mean_price": Described("Mean price", "(1/N) Σ P", _CASH, mean_price),
    "mean_price_volume_weighted": Described(
        "Mean price, by volume", "Σ V P / ΣV", _CASH, mean_price_volume_weighted
    ),
    "total_volume": Described("Volume", "ΣV", "shares", total_volume),
}
"""Every measure of a market's prices, by its name in tables and JSON."""


def measure_all(markets: Panel) -> dict[str, Measured]:
    """Return every measure of every market, by name, in the order of `MEASURES`."""
    return {name: described.of(markets) for name, described in MEASURES.items()}


# How they are computed.


@contextmanager
def _quiet() -> Iterator[None]:
    """Markets for which a measure is not defined are told by a reason, not by NumPy's warnings."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _mean(values: Floats) -> Floats:
    with _quiet():
        result: Floats = np.nanmean(values, axis=1)
    return result


def _largest(values: Floats) -> Floats:
    with _quiet():
        result: Floats = np.nanmax(values, axis=1)
    return result


def _smallest(values: Floats) -> Floats:
    with _quiet():
        result: Floats = np.nanmin(values, axis=1)
    return result


def _weighted(values: Floats, markets: Panel) -> Floats:
    """Return Σ V x / Σ V over the periods in which x is known."""
    weights = np.where(np.isnan(values), np.nan, markets.volumes)
    with _quiet():
        result: Floats = np.nansum(values * weights, axis=1) / np.nansum(weights, axis=1)
    return np.where(np.isinf(result), np.nan, result)


def _per_level(markets: Panel, values: Floats, undefined: Mapping[str, Flags] | None = None) -> Measured:
    level = np.abs(_mean(markets.fundamentals))
    zero: Flags = np.equal(level, 0)
    with _quiet():
        shares = values / level
    reasons = {**_no_deviation(markets), **(undefined or {}), NO_LEVEL: zero}
    return measured(np.where(np.isinf(shares), np.nan, shares), reasons)


def _geometric(markets: Panel, logs: Floats, undefined: Mapping[str, Flags] | None = None) -> Measured:
    both = ~np.isnan(markets.deviations)
    with _quiet():
        bad: Flags = np.any(both & ((markets.prices <= 0) | (markets.fundamentals <= 0)), axis=1)
        values = np.expm1(logs)
    reasons = {**_no_deviation(markets), NO_LOGARITHM: bad, **(undefined or {})}
    return measured(values, reasons)


def _log_ratio(markets: Panel) -> Floats:
    with _quiet():
        result: Floats = np.log(markets.prices) - np.log(markets.fundamentals)
    return np.where(np.isinf(result), np.nan, result)


def _relative(markets: Panel) -> Floats:
    with _quiet():
        result: Floats = markets.deviations / markets.fundamentals
    return np.where(np.isinf(result), np.nan, result)


def _peak(markets: Panel) -> npt.NDArray[np.intp]:
    """Return the column of the highest D/F; 0 where there is none."""
    relative = _relative(markets)
    return np.asarray(np.argmax(np.where(np.isnan(relative), -np.inf, relative), axis=1), dtype=np.intp)


def _range_in_units(markets: Panel, unit: Floats, unknown: str) -> Measured:
    with _quiet():
        values = (_largest(markets.deviations) - _smallest(markets.deviations)) / np.abs(unit)
    undefined = {**_no_deviation(markets), unknown: np.isnan(unit), NO_LEVEL: unit == 0}
    return measured(np.where(np.isinf(values), np.nan, values), undefined)


def _pearson(markets: Panel, other: Floats, missing: str, flat: str) -> Measured:
    both = ~np.isnan(markets.prices) & ~np.isnan(other)
    xs, ys = np.where(both, markets.prices, np.nan), np.where(both, other, np.nan)
    dx, dy = xs - _mean(xs)[:, None], ys - _mean(ys)[:, None]
    with _quiet():
        scale = np.sqrt(np.nansum(dx**2, axis=1) * np.nansum(dy**2, axis=1))
        values = np.clip(np.nansum(dx * dy, axis=1) / scale, -1, 1)
    undefined = {
        **_no_pair(markets, other, missing),
        ONE_PERIOD: both.sum(axis=1) < 2,
        FLAT_PRICE: _flat(xs),
        flat: _flat(ys),
    }
    return measured(values, undefined)


def _gains(markets: Panel) -> Gains:
    unknown = np.full(len(markets), np.nan)
    return markets.gains or Gains(unknown, unknown, unknown, unknown)


def _reference(markets: Panel) -> Floats:
    return np.broadcast_to(markets.reference, markets.prices.shape)


# Where a measure is not defined.


def _none(values: Floats) -> Flags:
    result: Flags = np.all(np.isnan(values), axis=1)
    return result


def _flat(values: Floats) -> Flags:
    spread = _largest(values) - _smallest(values)
    with _quiet():
        result: Flags = spread <= _FLAT * _largest(np.abs(values))
    return result


def _no_pair(markets: Panel, other: Floats, missing: str) -> dict[str, Flags]:
    return {NO_PRICE: _none(markets.prices), missing: _none(markets.prices - other)}


def _no_deviation(markets: Panel) -> dict[str, Flags]:
    return _no_pair(markets, markets.fundamentals, NO_FUNDAMENTAL)


def _no_relative(markets: Panel) -> dict[str, Flags]:
    zero: Flags = np.any(~np.isnan(markets.deviations) & (markets.fundamentals == 0), axis=1)
    return {**_no_deviation(markets), NO_RATIO: zero}


def _volume_unknown(markets: Panel) -> Flags:
    """Whether a period with a price has no volume, or no volume is known at all."""
    lacking = (np.isnan(markets.volumes) & ~np.isnan(markets.prices)).any(axis=1)
    result: Flags = lacking | _none(markets.volumes)
    return result


def _no_weights(markets: Panel) -> dict[str, Flags]:
    priced = np.where(np.isnan(markets.prices), 0.0, markets.volumes)
    with _quiet():
        idle = ~(np.nansum(priced, axis=1) > 0)
    return {NO_VOLUME: _volume_unknown(markets), NO_TRADE: idle}
