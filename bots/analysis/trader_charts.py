"""Charts of what traders hold and of the book: holdings and cash, supply and demand round by round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from bots.analysis.charts import BID, INK, OFFER, PRICE, SERIES, Chart, legend, whole_numbers
from bots.analysis.schedules import BOX, Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 6


def holdings_chart(rounds: pl.DataFrame) -> Chart:
    """Shares above and cash below after each paid round: mean of each kind of trader, and each trader thin.

    Args:
        rounds: `trader_rounds` of one market.
    """
    paid = rounds.filter(pl.col("phase") == "paid").sort("round")
    names = sorted(paid["trader"].unique().to_list())

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, column, label in ((upper, "shares", "Shares"), (lower, "cash", "Cash")):
            for number, name in enumerate(names):
                _of_kind(axes, paid.filter(pl.col("trader") == name), column, name, number)
            axes.set_ylabel(label)
            axes.tick_params(length=0)
        lower.set_xlabel("Paid round")
        whole_numbers(lower, along="x")
        legend(upper)
        figure.align_ylabels()

    return Chart("holdings", "Shares and cash by trader", draw, 1.6)


def _of_kind(axes: Axes, own: pl.DataFrame, column: str, name: str, number: int) -> None:
    colour = SERIES[number % len(SERIES)]
    for _, one in own.group_by("participant", maintain_order=True):
        axes.plot(one["round"], one[column].to_numpy(), color=colour, lw=0.6, alpha=0.35)
    mean = own.group_by("round").agg(pl.col(column).mean()).sort("round")
    axes.plot(mean["round"], mean[column].to_numpy(), color=colour, lw=1.8, label=name)


def schedules_chart(rounds: Sequence[Schedule]) -> Chart:
    """Supply and demand of every round in small pictures, for a paper; all on one scale of prices."""
    rows = -(-len(rounds) // _COLUMNS)

    def draw(figure: Figure) -> None:
        from matplotlib.collections import LineCollection

        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(-0.05, _COLUMNS + 0.05)
        axes.set_ylim(rows + 0.1, -0.35)
        for colour, curve in ((BID, "demand"), (OFFER, "supply"), (PRICE, "clearing")):
            lines = [
                _placed(getattr(one, curve), number)
                for number, one in enumerate(rounds)
                if getattr(one, curve)
            ]
            dashes = (0, (2, 2)) if curve == "clearing" else "solid"
            axes.add_collection(LineCollection(lines, colors=colour, linewidths=1.1, linestyles=dashes))
        for number, one in enumerate(rounds):
            across, down = number % _COLUMNS, number // _COLUMNS
            price = "–" if one.price is None else f"{one.price:.2f}"
            name = f"{'P' if one.phase == 'practice' else ''}{one.round}"
            axes.text(across + 0.02, down - 0.02, f"{name}   {price} · {one.volume}", fontsize=6.5, color=INK)

    return Chart("supply-and-demand", "Supply and demand by round", draw, max(6.3 / (1.05 * rows), 0.5))


def _placed(path: str, number: int) -> list[tuple[float, float]]:
    """Return a curve's corners in the place of the `number`-th small picture."""
    corners = [tuple(map(float, corner.split())) for corner in path[1:].split("L")]
    inside = [(x, y) for x, y in corners if x <= BOX[0]]
    points = np.array([*inside, (BOX[0], inside[-1][1])] if len(inside) < len(corners) else inside)
    scaled = points / np.array(BOX) * np.array([0.9, 0.8])
    return [(float(x) + number % _COLUMNS, float(y) + number // _COLUMNS) for x, y in scaled]
