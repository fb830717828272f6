"""What a run's end prints: the market's table and each trader's result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bots.analysis.market_path import MarketRound, market_rounds
from bots.analysis.model_use import ModelMeter, cost_text
from bots.analysis.played import PlayedRun
from bots.analysis.run_data import TraderResult
from bots.analysis.surplus import PeriodGains, period_gains
from bots.domain.records import RunManifest, SeatOutcome

_MOST_REASONS: Final = 12


def print_market(console: Console, run: PlayedRun) -> None:
    """Print one line a round of each market; nothing where no round was finished."""
    several = len(run.markets) > 1
    for market in run.markets:
        rounds = market_rounds(run, market)
        if rounds:
            title = f"Market {market}" if several else "Market"
            table = Table(title=title, title_justify="left", box=None, pad_edge=False)
            columns = _columns(run, market)
            for name in ("Round", "Price", *columns):
                table.add_column(name, justify="right")
            for one in rounds:
                name = f"practice {one.round}" if one.phase == "practice" else str(one.round)
                cells = (cell(one) for cell in columns.values())
                table.add_row(name, _cash(one.price), *cells)
            console.print(table)
            console.print()


_Cells = dict[str, Callable[[MarketRound], str]]
_VOLUME: _Cells = {"Volume": lambda one: str(one.volume)}
_OF_FORECASTS: _Cells = {"Fundamental value": lambda one: _cash(one.fundamental)}
_OF_AN_ASSET: _Cells = {**_VOLUME, **_OF_FORECASTS, "Dividend": lambda one: _cash(one.dividend)}


def _columns(run: PlayedRun, market: int) -> _Cells:
    """Return what is told of each round beside its price."""
    if run.rules is not None and run.rules.forecasts_alone:
        return _OF_FORECASTS
    return _of_units(run, market) if run.rules and run.rules.induced else _OF_AN_ASSET


def _of_units(run: PlayedRun, market: int) -> _Cells:
    """Return what is told of a market in which units have values and costs."""
    gains = {one.key: one for one in period_gains(run, market)}

    def told(tell: Callable[[PeriodGains], str]) -> Callable[[MarketRound], str]:
        return lambda one: tell(gains[one.phase, one.round]) if (one.phase, one.round) in gains else "–"

    return {
        **_VOLUME,
        "Equilibrium": told(lambda one: f"{float(one.price):.2f}"),
        "Surplus": told(lambda one: f"{float(one.realised):.2f}"),
        "Possible": told(lambda one: f"{float(one.possible):.2f}"),
        "Efficiency": told(lambda one: f"{one.efficiency:.1%}"),
        "Smith's α": told(lambda one: "–" if one.alpha is None else f"{one.alpha:.1f} %"),
    }


def print_traders(console: Console, results: Sequence[TraderResult]) -> None:
    """Print one line a bot: final wealth and payoff; what forecasts earned, if asked, and what went wrong."""
    currency = next((one.currency for one in results if one.currency), "")
    forecast = any(one.forecast_earnings is not None for one in results)
    columns: dict[str, Callable[[TraderResult], str]] = {
        "Final\nwealth": lambda one: _cash(one.final_wealth),
        **({"Forecasts": lambda one: _cash(one.forecast_earnings)} if forecast else {}),
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


def print_ends(console: Console, manifest: RunManifest) -> None:
    """Say of seats that did not finish why, where that is known; those with one reason together."""
    seats: dict[str, list[str]] = {}
    for one in manifest.seats:
        if one.reason and one.outcome is not SeatOutcome.FINISHED:
            seats.setdefault(one.reason, []).append(str(one.seat))
    for reason, numbers in list(seats.items())[:_MOST_REASONS]:
        told = f"Seat{'s' * (len(numbers) > 1)} {', '.join(numbers)}: {reason}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    if len(seats) > _MOST_REASONS:
        console.print(f"… and {len(seats) - _MOST_REASONS} more reasons, in manifest.json", highlight=False)


def print_undecided(console: Console, results: Sequence[TraderResult], fallback: str) -> None:
    """Say of which traders every decision failed, and why; nothing where there are none."""
    undecided = [one for one in results if one.undecided]
    for trader in dict.fromkeys(one.trader for one in undecided):
        its = [one for one in undecided if one.trader == trader]
        seats = ", ".join(str(one.seat) for one in its)
        told = (
            f"Warning: every decision of {trader} failed (seat{'s' * (len(its) > 1)} {seats}); {fallback} "
            f"traded instead. Last: {' '.join(its[-1].undecided.split())[:300]}"
        )
        console.print()
        console.print(Text(told, style="bold red"), soft_wrap=True)


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
