"""The disposition effect: do traders sell what has gained sooner than what has lost?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from bots.analysis.panel import Measure


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a trader did with gains and losses.

    Attributes:
        gains_realised: PGR, shares sold at a gain / shares held at a gain.
        losses_realised: PLR, the same of losses.
        effect: PGR - PLR, from -1 to 1; above 0 gains are sold sooner.
    """

    gains_realised: Measure
    losses_realised: Measure
    effect: Measure


def disposition(
    rounds: pl.DataFrame, shares: int | None, value: float | None, *, market_rounds: int | None = None
) -> Disposition:
    """Return the disposition effect of one trader over paid rounds.

    A share is held at a gain in a round whose price is above the trader's mean purchase price, at a loss
    where it is below. Endowed shares count as bought at the fundamental value of round 1; selling leaves the
    mean as it is. Shares bought in a round can be sold from the next one on.

    Args:
        rounds: rows of `trader_rounds` of the trader.
        shares: endowment; None where not known.
        value: fundamental value in round 1, cash per share; None where not known.
        market_rounds: of each of several markets in a row, which all begin with the endowment; None for one.

    Source: Odean (1998); mean purchase price as in Weber, Camerer (1998) (form from memory).
    """
    if shares is None or value is None:
        unknown = Measure(np.nan, "the endowment or its value is not known")
        return Disposition(unknown, unknown, unknown)
    held = {"gain": 0, "loss": 0}
    sold = {"gain": 0, "loss": 0}
    own, cost, market = shares, value, 0
    for row in rounds.filter(pl.col("phase") == "paid").sort("round").to_dicts():
        price, before = row["price"], market
        market = (row["round"] - 1) // market_rounds if market_rounds else 0
        if market != before:
            own, cost = shares, value
        if price is not None and own and not math.isclose(price, cost):
            side = "gain" if price > cost else "loss"
            held[side] += own
            sold[side] += min(row["sold"], own)
        left = max(own - row["sold"], 0)
        if price is not None and row["bought"]:
            cost = (left * cost + row["bought"] * price) / (left + row["bought"])
        own = row["shares"]
    gains, losses = _share(sold["gain"], held["gain"], "gain"), _share(sold["loss"], held["loss"], "loss")
    return Disposition(gains, losses, Measure(gains.value - losses.value, gains.reason or losses.reason))


def _share(sold: int, held: int, side: str) -> Measure:
    return Measure(sold / held) if held else Measure(np.nan, f"never held a share at a {side}")
