"""What a report says of one market in which forecasts alone make the price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from bots.analysis.behaviour import ForecastAccuracy, forecast_accuracy, gini
from bots.analysis.charts import Chart, forecast_chart
from bots.analysis.forecasting_charts import earnings_chart, forecast_paths_chart
from bots.analysis.kinds import Versus, compared_within, outcomes_of
from bots.analysis.measures import OF_FORECASTS
from bots.analysis.panel import Measure
from bots.analysis.pictures import Picture, picture
from bots.analysis.runs import Run


@dataclass(frozen=True, slots=True)
class ForecastingPart:
    """One market's part: `forecasters` are rows of `traders`, each with its `accuracy`."""

    number: int
    price: Picture
    forecasts: Picture | None
    earnings: Picture | None
    accuracy: Sequence[ForecastAccuracy]
    forecasters: Sequence[Mapping[str, Any]]
    gini: Measure
    measures: Sequence[Mapping[str, Any]]
    versus: Sequence[Versus]


def forecasting_part(run: Run, market: int, *, brief: bool) -> tuple[ForecastingPart, list[Chart]]:
    """Return the part of a market that has a finished round, and its charts.

    Args:
        brief: draw prices alone.
    """
    here = pl.col("market") == market
    prices, forecasts = run.prices.filter(here), run.forecasts.filter(here)
    rounds, traders = run.trader_rounds.filter(here), run.traders.filter(here)
    path = forecast_paths_chart(prices, forecasts)
    further = (forecast_chart(forecasts, prices), earnings_chart(rounds)) if forecasts.height else ()
    scored, earned = (picture(chart) for chart in further) if further and not brief else (None, None)
    part = ForecastingPart(
        number=market,
        price=picture(path),
        forecasts=scored,
        earnings=earned,
        accuracy=forecast_accuracy(forecasts),
        forecasters=[_forecaster(row, forecasts) for row in traders.to_dicts()],
        gini=gini(traders["forecast_earnings"].drop_nulls().to_list()),
        measures=run.measures.filter(here, pl.col("measure").is_in(OF_FORECASTS)).to_dicts(),
        versus=compared_within(outcomes_of(traders, rounds, forecasts)),
    )
    return part, [path, *further]


def _forecaster(row: Mapping[str, Any], forecasts: pl.DataFrame) -> Mapping[str, Any]:
    own = forecast_accuracy(forecasts.filter(pl.col("participant") == row["participant"]))
    return {**row, "accuracy": own[0] if own else None}
