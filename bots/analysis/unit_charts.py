"""Charts of markets in which units have values and costs: supply and demand, all trades, efficiency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from bots.analysis.charts import (
    BID,
    MUTED,
    OFFER,
    PRICE,
    SHADE,
    VALUE,
    Chart,
    by_round,
    floats,
    legend,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def induced_chart(
    values: Sequence[float], costs: Sequence[float], prices: pl.DataFrame, trades: pl.DataFrame
) -> Chart:
    """Induced supply and demand at the left, every trade's price in its sequence, period by period, right.

    Args:
        values, costs: of all units of the market, cash a unit, in any order.
        prices: `market_rounds` of the market.
        trades: `trades` of the market.

    Source: the charts of Smith (1962).
    """
    rows = prices.sort("overall")
    balance = next((one for one in rows["equilibrium"] if one is not None), None)
    told = trades.filter(side="buy").sort("overall", "trade")

    def draw(figure: Figure) -> None:
        wide = figure.get_size_inches()[0] > 5
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 2.4 if wide else 1.6))
        _steps(left, sorted(values, reverse=True), BID, "Demand")
        _steps(left, sorted(costs), OFFER, "Supply")
        left.set_xlabel("Units")
        left.set_ylabel("Cash per unit")
        whole_numbers(left, along="x")
        left.set_xlim(left=0)
        _sequence(right, rows, told)
        for axes in (left, right):
            axes.tick_params(length=0)
            if balance is not None:
                label = "Equilibrium price" if axes is right else None
                axes.axhline(balance, color=VALUE, lw=1.1, ls=(0, (4, 2)), label=label)
        legend(left)
        legend(right)

    return Chart("units-and-trades", "Induced supply and demand, and the price of every trade", draw, 1.9)


def _steps(axes: Axes, worth: Sequence[float], colour: str, label: str) -> None:
    if worth:
        axes.stairs(worth, np.arange(len(worth) + 1), baseline=None, color=colour, lw=1.8, label=label)


def _sequence(axes: Axes, rows: pl.DataFrame, trades: pl.DataFrame) -> None:
    """Draw trades one after another, a line between periods; practice on grey ground."""
    start, ticks, names = 0.5, [], []
    for row in rows.to_dicts():
        own = trades.filter(pl.col("overall") == row["overall"])["price"].to_numpy()
        end = start + max(len(own), 1)
        places = np.arange(len(own)) + start + 0.5
        label = "Price of a trade" if row["overall"] == rows["overall"][-1] else None
        axes.plot(places, own, "o-", ms=3, lw=0.8, color=PRICE, label=label)
        if row["phase"] == "practice":
            axes.axvspan(start, end, color=SHADE, zorder=0, lw=0)
        axes.axvline(end, color=MUTED, lw=0.5)
        ticks.append((start + end) / 2)
        names.append(("P" if row["phase"] == "practice" else "") + str(row["round"]))
        start = end
    axes.set_xlim(0.5, start)
    step = max(1, -(-len(ticks) // 12))
    axes.set_xticks(ticks[::step], names[::step])
    axes.grid(visible=False, axis="x")
    axes.set_xlabel("Period")


def efficiency_chart(prices: pl.DataFrame) -> Chart:
    """Allocative efficiency of each period above, Smith's α below; practice on grey ground.

    Args:
        prices: `market_rounds` of one market.
    """
    rows = prices.sort("overall")
    places = rows["overall"].to_numpy()

    def draw(figure: Figure) -> None:
        upper, lower = by_round(figure, rows, (1.4, 1))
        upper.bar(places, np.nan_to_num(100 * floats(rows, "efficiency")), color=PRICE, width=0.62)
        upper.set_ylim(0, 104)
        upper.set_ylabel("Efficiency (%)")
        lower.plot(places, floats(rows, "smith_alpha"), "o-", color=VALUE, ms=4)
        lower.set_ylim(bottom=0)
        lower.set_ylabel("Smith's α (%)")
        lower.set_xlabel("Period")
        figure.align_ylabels()

    return Chart("efficiency", "Allocative efficiency and Smith's α by period", draw)
