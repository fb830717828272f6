"""Charts of markets in which forecasts alone make the price: every forecast, and what they earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from bots.analysis.charts import INK, MUTED, SERIES, Chart, floats, legend, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def forecast_paths_chart(prices: pl.DataFrame, forecasts: pl.DataFrame) -> Chart:
    """Price against the fundamental value, and every forecaster's forecasts at the round they are for.

    Args:
        prices: `market_rounds` of one market.
        forecasts: `forecasts` of it.

    Source: the charts of Heemeijer, Hommes, Sonnemans, Tuinstra (2009).
    """
    rows = prices.sort("round")
    colours = _colours(forecasts["trader"].unique().to_list())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _lines(axes, forecasts.sort("target_round"), ("target_round", "forecast"), colours)
        places, label = rows["round"].to_numpy(), "Fundamental value"
        axes.plot(places, floats(rows, "fundamental"), color=MUTED, lw=1.4, ls=(0, (4, 2)), label=label)
        axes.plot(places, floats(rows, "price"), color=INK, lw=2.2, label="Price")
        axes.set_ylabel("Price")
        axes.margins(y=0.08)
        _rounds(axes, rows)

    return Chart("price-and-forecasts", "Price, fundamental value and every forecast by round", draw)


def earnings_chart(rounds: pl.DataFrame) -> Chart:
    """What each forecaster has earned by each round.

    Args:
        rounds: `trader_rounds` of one market.
    """
    sums = (
        rounds.sort("round")
        .with_columns(pl.col("forecast_earnings").fill_null(0.0))
        .with_columns(pl.col("forecast_earnings").cum_sum().over("participant").alias("earned"))
    )
    colours = _colours(sums["trader"].unique().to_list())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _lines(axes, sums, ("round", "earned"), colours, width=1.4)
        axes.set_ylabel("Earned so far (cash)")
        axes.set_ylim(bottom=0)
        _rounds(axes, sums)

    return Chart("earnings", "Earned by forecasts so far, by forecaster", draw)


def _colours(traders: Sequence[str]) -> Mapping[str, str]:
    return {name: SERIES[number % len(SERIES)] for number, name in enumerate(sorted(traders))}


def _lines(
    axes: Axes,
    rows: pl.DataFrame,
    columns: tuple[str, str],
    colours: Mapping[str, str],
    *,
    width: float = 0.9,
) -> None:
    """Draw a line for each forecaster, in the colour of its kind."""
    named: set[str] = set()
    for (name, _), own in rows.group_by("trader", "participant", maintain_order=True):
        kind = str(name)
        label = None if kind in named else kind
        named.add(kind)
        xs, ys = (floats(own, column) for column in columns)
        axes.plot(xs, ys, color=colours[kind], lw=width, alpha=0.75, label=label)


def _rounds(axes: Axes, rows: pl.DataFrame) -> None:
    axes.set_xlabel("Round")
    whole_numbers(axes, along="x")
    axes.set_xlim(0.5, floats(rows, "round").max() + 0.5)
    legend(axes)
