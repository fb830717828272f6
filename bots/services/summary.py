"""What a run's end prints: the market's table and each trader's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.analysis.model_use import ModelMeter, cost_text
from bots.analysis.played import PlayedRun
from bots.analysis.run_data import MarketRound, TraderResult
from bots.analysis.surplus import period_gains
from bots.domain.records import RunManifest


def print_market(console: Console, rounds: Sequence[MarketRound]) -> None:
    """Print one line a round: price, volume, fundamental value and dividend."""
    table = Table(title="Market", title_justify="left", box=None, pad_edge=False)
    for name in ("Round", "Price", "Volume", "Fundamental value", "Dividend"):
        table.add_column(name, justify="right")
    for one in rounds:
        name = f"practice {one.round}" if one.phase == "practice" else str(one.round)
        table.add_row(name, _cash(one.price), str(one.volume), _cash(one.fundamental), _cash(one.dividend))
    console.print(table)


def print_gains(console: Console, run: PlayedRun) -> None:
    """Print what each period earned its traders; nothing where units have no values and costs."""
    gains = [(market, one) for market in run.markets for one in period_gains(run, market)]
    if not gains:
        return
    table = Table(title="Gains from trade", title_justify="left", box=None, pad_edge=False)
    several = len(run.markets) > 1
    names = ("Round", "Units", "Surplus", "Possible", "Efficiency", "Smith's α")
    for name in ("Market", *names) if several else names:
        table.add_column(name, justify="right")
    for market, one in gains:
        phase, number = one.key
        alpha = "–" if one.alpha is None else f"{one.alpha:.1f} %"
        cells = (
            f"practice {number}" if phase == "practice" else str(number),
            str(one.units),
            f"{float(one.realised):.2f}",
            f"{float(one.possible):.2f}",
            f"{one.efficiency:.1%}",
            alpha,
        )
        table.add_row(*((str(market), *cells) if several else cells))
    console.print(table)
    console.print()


def print_traders(console: Console, results: Sequence[TraderResult]) -> None:
    """Print one line a bot: final wealth and payoff; what went wrong has a column where something did."""
    currency = next((one.currency for one in results if one.currency), "")
    columns: dict[str, Callable[[TraderResult], str]] = {
        "Final\nwealth": lambda one: _cash(one.final_wealth),
        "Forecasts": lambda one: _cash(one.forecast_earnings),
        f"Payoff\n{currency}".strip(): lambda one: _cash(one.payoff),
        "Orders": lambda one: str(one.orders),
    }
    troubles: dict[str, Callable[[TraderResult], str]] = {
        "Refused": lambda one: str(one.refused),
        "Fallbacks": lambda one: str(one.fallbacks),
        "Missed": lambda one: str(one.missed),
    }
    columns |= {name: cell for name, cell in troubles.items() if any(cell(one) != "0" for one in results)}
    table = Table(title="Traders", title_justify="left", box=None, pad_edge=False)
    table.add_column("Seat", justify="right")
    table.add_column("Trader", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    unfinished = any(one.outcome != "finished" for one in results)
    if unfinished:
        table.add_column("Ended", no_wrap=True)
    for one in results:
        ended = [one.outcome] if unfinished else []
        table.add_row(str(one.seat), Text(one.trader), *(cell(one) for cell in columns.values()), *ended)
    console.print(table)


def print_models(console: Console, meter: ModelMeter, manifest: RunManifest) -> None:
    """Print one line a model: requests, tokens and cost; and whether a limit of the run was reached."""
    if not meter.uses:
        return
    table = Table(title="Models", title_justify="left", box=None, pad_edge=False)
    table.add_column("Model", overflow="fold")
    for name in ("Requests", "Unanswered", "Tokens in", "Tokens out", "Seconds each", "Cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for use in meter.uses:
        replies = use.requests - use.unanswered
        table.add_row(
            Text(use.model),
            str(use.requests),
            str(use.unanswered),
            f"{use.input_tokens:,}",
            f"{use.output_tokens:,}",
            f"{use.seconds / replies:.1f}" if replies else "–",
            cost_text([use]),
        )
    console.print()
    console.print(table)
    if meter.over_budget:
        console.print(Text(_limit_reached(meter, manifest), style="yellow"), soft_wrap=True)


def _limit_reached(meter: ModelMeter, manifest: RunManifest) -> str:
    money = None if manifest.max_cost_usd is None else f"{manifest.max_cost_usd} USD"
    tokens = None if manifest.max_tokens is None else f"{manifest.max_tokens:,} tokens"
    limits = " and ".join(filter(None, (money, tokens)))
    return (
        f"The limit of {limits} was reached: {manifest.fallback} made {meter.over_budget} decisions instead."
    )


def _cash(amount: Decimal | None) -> str:
    return "–" if amount is None else f"{amount:.2f}"
