"""One run, or many, → one HTML file that needs nothing else: no script, no network, light, dark and paper.

Text of pages, models and people is escaped by the template engine, and the page forbids scripts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bots.analysis.behaviour import Behaviour, behaviour, forecast_accuracy, gini
from bots.analysis.benchmark import SOURCE
from bots.analysis.charts import (
    Chart,
    book_chart,
    excess_bids,
    floats,
    forecast_chart,
    price_chart,
    wealth_chart,
    write_charts,
)
from bots.analysis.disposition import Disposition, disposition
from bots.analysis.endowments import expected_wealth, is_reference_design
from bots.analysis.forecasting_part import ForecastingPart, forecasting_part
from bots.analysis.guide import checklist
from bots.analysis.inference import Regression, imbalance_regression
from bots.analysis.kinds import Versus, compared_within, outcomes_of
from bots.analysis.measures import measures_told
from bots.analysis.panel import Measure
from bots.analysis.pictures import Picture, picture
from bots.analysis.runs import Run
from bots.analysis.schedules import Schedule, schedules
from bots.analysis.shown_numbers import cash, measure, p_value, percent, written
from bots.analysis.surplus import worth_of_units
from bots.analysis.timeline import Chapter, Reading, readings
from bots.analysis.trader_charts import holdings_chart, schedules_chart
from bots.analysis.unit_charts import efficiency_chart, induced_chart

_FIGURES = "figures"


@dataclass(frozen=True, slots=True)
class MarketPart:
    """What a report says of one market."""

    number: int
    price: Picture
    units: Picture | None
    efficiency: Picture | None
    gains: Sequence[Mapping[str, Any]]
    book: Picture | None
    forecasts: Picture | None
    wealth: Picture | None
    holdings: Picture | None
    schedules: Sequence[Schedule]
    accuracy: Sequence[Any]
    regression: Regression
    measures: Sequence[Mapping[str, Any]]
    traders: Sequence[Mapping[str, Any]]
    expected_wealth: float | None
    mean_wealth: float | None
    gini: Measure
    versus: Sequence[Versus]


def write_report(runs: Sequence[Run], out: Path, *, figures: bool = True) -> tuple[Path, ...]:
    """Write the report of one run, or the comparison of many; its figures beside it as SVG and PDF.

    Args:
        runs: at least one.
        out: the HTML file.
        figures: write `figures/` (for several runs `OUT-figures/`) beside `out`.

    Returns:
        The files written, the report first.
    """
    if len(runs) > 1:
        from bots.analysis.comparison import comparison_page

        html, charts = comparison_page(runs, beside=out.parent)
        folder = out.with_name(f"{out.stem}-{_FIGURES}")
    else:
        html, charts = run_page(runs[0])
        folder = out.with_name(_FIGURES)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(html, encoding="utf-8", errors="replace")
    return (out, *(write_charts(charts, folder) if figures else ()))


def run_page(run: Run, *, brief: bool = False) -> tuple[str, list[Chart]]:
    """Return the page of one run and the charts on it.

    Args:
        brief: draw prices alone, which takes a fraction of the time; all else is on the page.
    """
    parts: list[MarketPart | ForecastingPart] = []
    charts: list[Chart] = []
    for market in run.played.markets:
        part, drawn = _market(run, market, brief=brief)
        if part is not None:
            parts.append(part)
            charts += drawn
    traders = run.traders
    page = render(
        "run.html",
        run=run,
        brief=brief,
        manifest=run.manifest,
        rules=run.rules,
        parts=parts,
        headline=_headline(run, parts),
        comparable=run.rules is not None and is_reference_design(run.rules),
        people=traders.filter(~pl.col("is_bot")).height,
        failures=run.decisions.filter(pl.col("failure").is_not_null()).to_dicts(),
        refusals=run.orders.filter(pl.col("status").is_in(["refused", "unanswered"])).to_dicts(),
        usage=_usage(run),
        readings=(told := readings(run.played)),
        grid=_grid(told),
        checklist=checklist([run.played]),
    )
    return page, charts


def _market(run: Run, market: int, *, brief: bool) -> tuple[MarketPart | ForecastingPart | None, list[Chart]]:
    here = pl.col("market") == market
    prices, orders = run.prices.filter(here), run.orders.filter(here)
    forecasts, rounds = run.forecasts.filter(here), run.trader_rounds.filter(here)
    if not prices.height or run.rules is None:
        return None, []
    if run.rules.forecasts_alone:
        return forecasting_part(run, market, brief=brief)
    suffix = f"-market-{market}" if len(run.played.markets) > 1 else ""
    human = is_reference_design(run.rules)
    paid = prices.filter(pl.col("phase") == "paid").sort("round")
    continuous = run.rules.institution == "double_auction"
    price, book = price_chart(prices, human=human), book_chart(prices, continuous=continuous)
    scored = forecast_chart(forecasts, prices) if paid.height and _has_paid(forecasts) else None
    valued = _has_paid(rounds) and not run.rules.induced
    wealth = wealth_chart(rounds, _expected_path(rounds, paid.height, run)) if valued else None
    holdings = holdings_chart(rounds) if valued else None
    drawn = schedules(prices, orders)
    told = measures_told(units=run.rules.induced)
    units, earned = _of_units(run, market, prices)
    known_charts = (price, units, earned, book, schedules_chart(drawn), scored, wealth, holdings)
    charts = [chart for chart in known_charts if chart is not None]

    def drawn_for(chart: Chart | None) -> Picture | None:
        return picture(chart) if chart and not brief else None

    traders = run.traders.filter(here)
    known = traders["final_wealth"].drop_nulls().to_list()
    expected = traders["expected_wealth"].drop_nulls()
    part = MarketPart(
        number=market,
        price=picture(price),
        units=drawn_for(units),
        efficiency=drawn_for(earned),
        gains=prices.drop_nulls("efficiency").sort("overall").to_dicts(),
        book=drawn_for(book),
        forecasts=drawn_for(scored),
        wealth=drawn_for(wealth),
        holdings=drawn_for(holdings),
        schedules=drawn,
        accuracy=forecast_accuracy(forecasts),
        regression=imbalance_regression(
            floats(paid, "price"),
            excess_bids(paid, continuous=continuous),
            market_rounds=run.rules.paid_rounds,
        ),
        measures=run.measures.filter(here, pl.col("measure").is_in(told)).to_dicts(),
        traders=_traders(traders, rounds, orders, forecasts, prices, run.rules.paid_rounds),
        expected_wealth=float(expected.to_numpy().mean()) if len(expected) else None,
        mean_wealth=sum(known) / len(known) if known else None,
        gini=gini(known),
        versus=compared_within(outcomes_of(traders, rounds, forecasts)),
    )
    named = [Chart(f"{one.name}{suffix}", one.title, one.draw, one.aspect) for one in charts]
    return part, named


def _of_units(run: Run, market: int, prices: pl.DataFrame) -> tuple[Chart | None, Chart | None]:
    """Return the charts of a market in which units have values and costs that are all known."""
    values, costs = worth_of_units(run.played, market)
    if not values or not costs:
        return None, None
    trades = run.trades.filter(pl.col("market") == market)
    efficiency = efficiency_chart(prices) if prices["efficiency"].drop_nulls().len() else None
    return induced_chart(values, costs, prices, trades), efficiency


def _has_paid(frame: pl.DataFrame) -> bool:
    return frame.filter(pl.col("phase") == "paid").height > 0


def _expected_path(rounds: pl.DataFrame, count: int, run: Run) -> list[float]:
    """Return the expected wealth of the bots' endowment after each paid round, if it is the same for all."""
    rules = run.rules
    ends = {expected_wealth(seat.rules) for seat in run.played.seats.values() if seat.rules}
    if rules is None or len(ends) != 1 or not rounds.height or rules.paid_markets > 1:
        return []
    path = [ends.pop()]
    for number in range(rules.paid_rounds, 1, -1):  # discounted from the end of the market
        path.append(path[-1] / (1 + float(rules.interest_in(number))))
    return path[::-1][:count]


def _traders(
    traders: pl.DataFrame,
    rounds: pl.DataFrame,
    orders: pl.DataFrame,
    forecasts: pl.DataFrame,
    prices: pl.DataFrame,
    market_rounds: int,
) -> list[dict[str, Any]]:
    rows = []
    values = prices.filter(phase="paid").sort("round")["fundamental"]
    value = values[0] if len(values) else None
    for row in traders.to_dicts():
        own = pl.col("participant") == row["participant"]
        lived = rounds.filter(own)
        acted: Behaviour = behaviour(
            lived, orders.filter(own), forecasts.filter(own), prices, market_rounds=market_rounds
        )
        held: Disposition = disposition(lived, row["endowment_shares"], value, market_rounds=market_rounds)
        rows.append({**row, "behaviour": acted, "disposition": held})
    return rows


def _headline(run: Run, parts: Sequence[MarketPart | ForecastingPart]) -> list[tuple[str, str]]:
    """Return the few numbers a reader wants first."""
    numbers: list[tuple[str, str]] = []
    if parts:
        by_name = {row["measure"]: row for row in parts[0].measures}
        told = [by_name[name] for name in _first(run)]
        numbers += [(row["label"], measure(row["value"], row["unit"])) for row in told]
    traders = run.traders.filter(pl.col("is_bot"))
    cost = traders["cost_usd"].drop_nulls()
    finished = (traders["outcome"] == "finished").sum()
    numbers += [
        ("Seats finished", f"{finished} of {traders.height}"),
        ("Forecasts given", str(run.forecasts.height))
        if run.rules and run.rules.forecasts_alone
        else ("Orders placed", str(traders["orders"].sum())),
        ("Fallback decisions", str(traders["fallbacks"].sum())),
    ]
    return [*numbers, ("Cost", f"${cost.sum():.4f}")] if len(cost) else numbers


def _first(run: Run) -> tuple[str, ...]:
    """Return the measures that say most of a run's market."""
    if run.rules is not None and run.rules.forecasts_alone:
        return ("rad", "rd", "mse_fundamental")
    induced = run.rules is not None and run.rules.induced
    return ("efficiency", "smith_alpha_trades", "total_volume") if induced else ("rad", "rd", "turnover")


def _grid(told: Sequence[Reading]) -> dict[str, Any]:
    """Return the table of all decisions, traders down and rounds across, that leads to each."""
    rounds = {one.overall: one for reading in told for one in reading.moments if one.overall is not None}
    numbers = sorted(rounds)
    rows = []
    for reading in told:
        chapters: dict[int | None, list[Chapter]] = {}
        for one in reading.chapters:
            chapters.setdefault(one.overall, []).append(one)
        rows.append((reading, [chapters.get(number, []) for number in numbers]))
    return {"rounds": [rounds[number] for number in numbers], "of": rows}


def _usage(run: Run) -> list[dict[str, Any]]:
    """Return requests, failures, tokens and cost by trader name."""
    calls = run.model_calls
    return (
        calls.group_by("trader")
        .agg(
            pl.len().alias("calls"),
            pl.col("error").is_not_null().sum().alias("errors"),
            pl.col("served_model").drop_nulls().unique().sort().str.join(", ").first().alias("served"),
            pl.col("seconds").median().alias("seconds"),
            pl.col("input_tokens").sum().alias("input_tokens"),
            pl.col("output_tokens").sum().alias("output_tokens"),
            pl.col("cost_usd").sum().alias("cost_usd"),
            pl.col("cost_usd").is_null().sum().alias("cost_unknown"),
        )
        .sort("trader")
        .to_dicts()
    )


def render(template: str, **context: Any) -> str:
    """Fill a template of this package; text in `context` is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": written,
        "measure": measure,
        "p": p_value,
        "cash": cash,
        "percent": percent,
    }
    return environment.get_template(template).render(human_source=SOURCE, **context)
