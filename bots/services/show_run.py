"""What `bots show` prints: a run's traders and prices, or decisions in full."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from bots.adapters.run_folder import is_played
from bots.analysis.run_data import read_journal, trader_results
from bots.analysis.runs import Run
from bots.analysis.timeline import Exchange, Moment, Reading, readings
from bots.domain.errors import UserMustMend
from bots.domain.records import RunOutcome
from bots.services.summary import print_market, print_traders


def show_run(console: Console, run: Run) -> None:
    """Print what was run, the market's table and the traders' results."""
    manifest = run.manifest
    line(console, f"{run.name}: {manifest.model}, {_state(run)}", style="bold")
    line(console, f"{manifest.started:%Y-%m-%d %H:%M UTC} · {manifest.url} · {manifest.notes}")
    console.print()
    events = read_journal(run.folder).events
    print_market(console, run.played)
    print_traders(console, trader_results(events))
    console.print()
    line(console, f"One decision: bots show {run.folder} --seat 1 --round 1", style="dim")


def _state(run: Run) -> str:
    """Return how a run ended; one whose process is gone without an end on record was killed."""
    outcome = run.manifest.outcome
    if outcome is not RunOutcome.RUNNING or is_played(run.folder):
        return outcome.value
    return f"killed. Go on with: bots resume {run.folder}"


def show_decisions(console: Console, run: Run, seat: int | None, overall: int | None) -> None:
    """Print the decisions of a seat, of a round, or of both, with all that was asked and answered.

    Raises:
        UserMustMend: the run has no such seat or round; says which it has.
    """
    chosen = [one for one in readings(run.played) if seat in (None, one.seat)]
    if not chosen:
        seats = ", ".join(str(number) for number in run.played.seats)
        raise UserMustMend(
            f"the run has no seat {seat}", where=str(run.folder), mend=f"Name one of the seats {seats}."
        )
    found = False
    for reading in chosen:
        moments = [one for one in reading.moments if overall in (None, one.overall)]
        found = found or bool(moments)
        if moments:
            _show_reading(console, reading, moments)
    if not found:
        rounds = sorted({one.overall for reading in chosen for one in reading.moments if one.overall})
        told = f"Rounds with decisions: {rounds[0]} to {rounds[-1]}." if rounds else "It has no decisions."
        raise UserMustMend(f"there is no decision in round {overall}", where=str(run.folder), mend=told)


def _show_reading(console: Console, reading: Reading, moments: list[Moment]) -> None:
    line(console, f"Seat {reading.seat}: {reading.trader} ({reading.participant})", style="bold")
    if reading.instructions:
        _block(console, "Instructions of every request", reading.instructions)
    for moment in moments:
        console.print()
        counted = "" if moment.round in (None, moment.overall) else f" ({moment.overall} with practice)"
        line(console, f"{moment.title}{counted} — {moment.summary}", style="bold")
        if moment.failure:
            line(console, f"failed ({moment.failure}): {moment.failure_reason}", style="red")
        for exchange in moment.exchanges:
            _show_exchange(console, exchange)
        for name, text in (("Reasons", moment.reasoning), ("Insight", moment.insight), ("Plan", moment.plan)):
            if text:
                _block(console, name, text)
        line(console, f"Acted by {moment.by}{' (fallback)' if moment.fallback else ''}", style="dim")
        for act in moment.acts:
            line(console, f"  {act.what} → {act.status} {act.words}".rstrip())
    console.print()


def _show_exchange(console: Console, one: Exchange) -> None:
    _block(console, f"Request {one.attempt} to {one.model}", one.prompt)
    if one.reply:
        _block(console, f"Reply{f' of {one.served_model}' if one.served_model else ''}", one.reply)
    if one.error:
        line(console, f"error: {one.error}", style="red")


def _block(console: Console, name: str, text: str) -> None:
    line(console, name, style="dim")
    for row in text.splitlines():
        line(console, f"  {row}")


def line(console: Console, text: str, style: str = "") -> None:
    """Print text of pages and models as text: no markup, and no control characters for the terminal."""
    harmless = "".join(sign if sign.isprintable() or sign == "\t" else "�" for sign in text)
    console.print(Text(harmless, style=style), soft_wrap=True)
