"""Measures of mispricing, bubbles and trading: one function each, for any number of markets at once.

P_t price, F_t fundamental value, D_t = P_t - F_t, V_t volume, S shares outstanding. N counts the periods that
have a price (and, where F enters, a fundamental value); a period without one is left out, never read as 0.
The mean of F is over all periods that have one. Units are those of an asset; `unit_of` tells them of others.

The functions stand by what they measure in `deviation_measures`, `bubble_measures`, `trade_measures`,
`equilibrium_measures` and `path_measures`. Sources marked (form from memory) were named from memory and
tested against numbers derived by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bots.analysis.bubble_measures import (
    amplitude,
    crash,
    duration,
    price_amplitude,
    price_amplitude_dividend,
    rdmax,
)
from bots.analysis.deviation_measures import (
    average_bias,
    average_bias_volume_weighted,
    gad,
    gad_volume_weighted,
    gd,
    gd_volume_weighted,
    haessel_r2,
    mse_fundamental,
    rad,
    rad_volume_weighted,
    rd,
    rd_volume_weighted,
    total_dispersion,
)
from bots.analysis.equilibrium_measures import (
    efficiency,
    smith_alpha,
    smith_alpha_trades,
)
from bots.analysis.panel import Measured, Panel
from bots.analysis.path_measures import (
    mse_reference,
    pearson_fundamental,
    pearson_reference,
)
from bots.analysis.trade_measures import (
    mean_price,
    mean_price_volume_weighted,
    total_volume,
    turnover,
)

__all__ = [
    "MEASURES",
    "OF_UNITS",
    "Described",
    "MeasureFunction",
    "amplitude",
    "average_bias",
    "average_bias_volume_weighted",
    "crash",
    "duration",
    "efficiency",
    "gad",
    "gad_volume_weighted",
    "gd",
    "gd_volume_weighted",
    "haessel_r2",
    "mean_price",
    "mean_price_volume_weighted",
    "measure_all",
    "measures_told",
    "mse_fundamental",
    "mse_reference",
    "pearson_fundamental",
    "pearson_reference",
    "price_amplitude",
    "price_amplitude_dividend",
    "rad",
    "rad_volume_weighted",
    "rd",
    "rd_volume_weighted",
    "rdmax",
    "smith_alpha",
    "smith_alpha_trades",
    "total_dispersion",
    "total_volume",
    "turnover",
    "unit_of",
]

MeasureFunction = Callable[[Panel], Measured]


@dataclass(frozen=True, slots=True)
class Described:
    """A measure as tables show it: `formula` and `unit` (of an asset) in short, `source` of its docstring."""

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

_GAINS = ("efficiency", "smith_alpha_trades")
OF_UNITS = (*_GAINS, "mean_price", "mean_price_volume_weighted", "total_volume")
"""Those that say something of a market in which units have values and costs."""


_OF_TRADES = (
    *("price_amplitude_dividend", "turnover", "mse_reference", "pearson_reference", "smith_alpha"),
    *("total_volume", *(name for name in MEASURES if name.endswith("_volume_weighted"))),
)
OF_FORECASTS = tuple(name for name in MEASURES if name not in (*_GAINS, *_OF_TRADES))
"""Those that say something of a market in which forecasts alone make the price."""


def unit_of(name: str, *, units: bool = False, forecasts: bool = False) -> str:
    """Return the unit of a measure in markets of an asset, of units, or of forecasts alone.

    Where units have values and costs, they are what is traded; where forecasts alone make the price, nothing
    is, and a price is an amount of cash.
    """
    unit = MEASURES[name].unit
    if forecasts:
        return {_CASH: "cash"}.get(unit, unit)
    return {_CASH: "cash per unit", "shares": "units"}.get(unit, unit) if units else unit


def measures_told(*, units: bool = False, forecasts: bool = False) -> tuple[str, ...]:
    """Return the names of the measures that a report shows: of an asset, of units, or of forecasts alone."""
    if forecasts:
        return OF_FORECASTS
    return OF_UNITS if units else tuple(name for name in MEASURES if name not in _GAINS)


def measure_all(markets: Panel) -> dict[str, Measured]:
    """Return every measure of every market, by name, in the order of `MEASURES`."""
    return {name: described.of(markets) for name, described in MEASURES.items()}
