"""People who traded beside the bots, from oTree's wide export where a run folder has one.

`otree-wide.csv` has one row a participant; those whose code no bot of the run had are people. Their labels
are not read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bots.analysis.played import PlayedRun, RoundKey

WIDE_EXPORT = "otree-wide.csv"


@dataclass(frozen=True, slots=True)
class LivedRound:
    """What happened to a person in one finished round; cash and shares are those after it."""

    key: RoundKey
    cash_before: float
    shares_before: int
    bought: int
    sold: int
    price: float | None
    interest: float
    dividends: float
    cash: float
    shares: int
    forecasts: Mapping[int, float]  # by horizon


@dataclass(frozen=True, slots=True)
class Person:
    """One participant whom no bot of the run played."""

    participant: str
    market: int
    rounds: tuple[LivedRound, ...]


def people_of(run: PlayedRun) -> tuple[Person, ...]:
    """Return the people of a run, in the order of the export; none without an export."""
    path = run.folder / WIDE_EXPORT
    if run.rules is None or not path.exists():
        return ()
    bots = {seat.record.participant: seat.market for seat in run.seats.values()}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    groups = {row["participant.code"]: _group(row) for row in rows if row.get("participant.code")}
    markets = {groups[code]: market for code, market in bots.items() if code in groups}
    return tuple(
        Person(code, markets.get(groups[code], 1), tuple(_rounds(run, row)))
        for row in rows
        if (code := row.get("participant.code", "")) and code not in bots
    )


def _group(row: Mapping[str, str]) -> str:
    return row.get("call_market.1.group.id_in_subsession", "")


def _rounds(run: PlayedRun, row: Mapping[str, str]) -> Iterator[LivedRound]:
    rules = run.rules
    for overall in range(
        1, (rules.practice_rounds + rules.paid_markets * rules.paid_rounds if rules else 0) + 1
    ):
        player, group = f"call_market.{overall}.player.", f"call_market.{overall}.group."
        key = run.round_of(overall)
        if key is None or row.get(f"{group}cleared") != "1" or not row.get(f"{player}cash_after"):
            continue
        price = row.get(f"{group}price")

        def number(name: str, player: str = player) -> float:
            return float(row.get(f"{player}{name}") or 0)

        yield LivedRound(
            key=key,
            cash_before=number("cash"),
            shares_before=int(number("shares")),
            bought=int(number("bought")),
            sold=int(number("sold")),
            price=float(price) if price else None,
            interest=number("interest"),
            dividends=number("dividends"),
            cash=number("cash_after"),
            shares=int(number("shares_after")),
            forecasts=_forecasts(run, row, player),
        )


def _forecasts(run: PlayedRun, row: Mapping[str, str], player: str) -> dict[int, float]:
    horizons = run.rules.forecast_horizons if run.rules else ()
    given = {horizon: row.get(f"{player}f{index}") for index, horizon in enumerate(horizons)}
    return {horizon: float(value) for horizon, value in given.items() if value}
