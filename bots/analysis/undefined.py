"""Why a measure of a market is not defined: the reasons in words, and where they apply."""

from __future__ import annotations

import numpy as np

from bots.analysis.over_periods import quiet
from bots.analysis.panel import Flags, Floats, Panel

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
NO_EQUILIBRIUM = "the equilibrium price is 0"
ONE_PERIOD = "fewer than two periods have a price"


def all_missing(values: Floats) -> Flags:
    """Tell the markets that have a value in no period."""
    result: Flags = np.all(np.isnan(values), axis=1)
    return result


def no_pair(markets: Panel, other: Floats, missing: str) -> dict[str, Flags]:
    """Tell the markets without a price, and those in which no period has a price and a value of `other`."""
    return {NO_PRICE: all_missing(markets.prices), missing: all_missing(markets.prices - other)}


def no_deviation(markets: Panel) -> dict[str, Flags]:
    """Tell the markets without a deviation P - F."""
    return no_pair(markets, markets.fundamentals, NO_FUNDAMENTAL)


def volume_unknown(markets: Panel) -> Flags:
    """Tell the markets in which a period with a price has no volume, or no volume is known at all."""
    lacking = (np.isnan(markets.volumes) & ~np.isnan(markets.prices)).any(axis=1)
    result: Flags = lacking | all_missing(markets.volumes)
    return result


def no_weights(markets: Panel) -> dict[str, Flags]:
    """Tell the markets that volumes cannot weigh."""
    priced = np.where(np.isnan(markets.prices), 0.0, markets.volumes)
    with quiet():
        idle = ~(np.nansum(priced, axis=1) > 0)
    return {NO_VOLUME: volume_unknown(markets), NO_TRADE: idle}
