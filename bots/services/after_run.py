"""What is derived from a run's journal when it ends: the tables printed, the figure drawn."""

from __future__ import annotations

from rich.console import Console

from bots.analysis.figures import price_and_volume
from bots.analysis.run_data import market_rounds, read_journal, trader_results
from bots.services.runner import RunReport
from bots.services.summary import print_market, print_traders


def show_and_draw(console: Console, report: RunReport) -> None:
    """Print the market's and the traders' tables, say where the run is, draw the figure into its folder."""
    events = read_journal(report.folder).events
    rounds = market_rounds(events)
    if rounds:
        console.print()
        print_market(console, rounds)
    console.print()
    print_traders(console, trader_results(events))
    console.print()
    reason = f": {report.end.reason}" if report.end.reason else ""
    console.print(f"Run {report.end.outcome.value}{reason}", highlight=False, markup=False)
    console.print(f"Run folder: {report.folder}", highlight=False, markup=False, soft_wrap=True)
    if rounds:
        figure = price_and_volume(rounds, report.folder)[0]
        console.print(f"Figure:     {figure}", highlight=False, markup=False, soft_wrap=True)
