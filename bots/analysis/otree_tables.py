"""oTree's own tables of a session, kept in a run folder where people took part: the other half of the record.

run-7/otree/orders.csv      every message of every trade page
run-7/otree/traders.csv     trader × round
run-7/otree/forecasts.csv   every forecast; of a call market, and alone of learning to forecast
run-7/otree/trades.csv      every trade; of a double auction

They are the custom exports of the shipped market's app, in which participants stand by code and never by
label. `bots people RUN` brings them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bots.domain.errors import UserMustMend

FOLDER = "otree"
TABLES_OF: Mapping[str, tuple[str, ...]] = {
    "call_market": ("orders", "forecasts", "traders"),
    "double_auction": ("orders", "trades", "traders"),
    "learning_to_forecast": ("forecasts",),
}
"""Tables of each institution's app whose traders are told one by one."""

OF_EVERYBODY: Mapping[str, str] = {"learning_to_forecast": "forecasts"}
"""Table that has a row of every participant, where it is another one than `traders`."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "orders": (
        *("market", "overall", "participant", "received", "ref", "kind", "side"),
        *("quantity", "limit", "outcome", "codes", "order_id", "cancelled", "filled"),
    ),
    "forecasts": (*("market", "overall", "participant", "horizon", "forecast"),),
    "trades": (*("market", "overall", "trade", "price", "quantity", "buyer", "seller"),),
    "traders": (
        *("market", "overall", "participant", "cash_before", "shares_before", "bought"),
        *("sold", "interest", "dividends", "cash_after", "shares_after"),
    ),
}
"""Columns of each table that ours are made of."""

_NEEDED_ALONE = ("market", "round", "participant", "forecast_round", "forecast")
"""Columns of the table of forecasts where forecasts make the price."""

UNITS = ("unit_side", "units")
"""Columns of a double auction's table of traders that tell induced values and costs."""

OTreeRow = Mapping[str, str]


@dataclass(frozen=True)
class OTreeTables:
    """Rows of one session, as text, in the order oTree gave them; of tables it does not have, none."""

    orders: tuple[OTreeRow, ...] = ()
    traders: tuple[OTreeRow, ...] = ()
    forecasts: tuple[OTreeRow, ...] = ()
    trades: tuple[OTreeRow, ...] = ()

    @cached_property
    def market_of(self) -> Mapping[str, int]:
        """Number of each participant's market."""
        rows = (*self.traders, *self.orders, *self.forecasts)
        return {row["participant"]: int(row["market"]) for row in rows}

    def shares_in(self, market: int) -> int | None:
        """Return the shares outstanding in a market; None before its first round was cleared."""
        rows = [row for row in self.traders if row["market"] == str(market)]
        first = [row for row in rows if row["overall"] == rows[0]["overall"]]
        return sum(int(row["shares_before"]) for row in first) if first else None

    def trades_in(self, market: int, overall: int) -> tuple[OTreeRow, ...]:
        """Return the trades of one period of a double auction, earliest first."""
        where = (str(market), str(overall))
        return tuple(row for row in self.trades if (row["market"], row["overall"]) == where)


def read_otree_tables(folder: Path) -> OTreeTables | None:
    """Return the tables kept in a run folder; None where there are none.

    Raises:
        UserMustMend: one is missing, cannot be read or lacks a column.
    """
    kept = folder / FOLDER
    if not kept.is_dir():
        return None
    institution = "double_auction" if (kept / "trades.csv").exists() else "call_market"
    if (kept / "forecasts.csv").exists() and not (kept / "traders.csv").exists():
        institution = "learning_to_forecast"
    return OTreeTables(**{name: _rows(kept / f"{name}.csv", name) for name in TABLES_OF[institution]})


def _rows(path: Path, name: str) -> tuple[OTreeRow, ...]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            check_columns(name, reader.fieldnames or (), str(path))
            return tuple(map(_with_horizon, reader) if name == "forecasts" else reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserMustMend(
            f"oTree's table cannot be read ({error})",
            where=str(path),
            mend="Bring it anew with `bots people RUN`.",
        ) from error


def _with_horizon(row: dict[str, str]) -> OTreeRow:
    """Return a forecast as all institutions tell it, where this one tells the round that it is for."""
    if "forecast_round" not in row:
        return row
    ahead = int(row["forecast_round"]) - int(row["round"])
    return {**row, "overall": row["round"], "horizon": str(ahead)}


def check_columns(name: str, columns: Iterable[str], where: str) -> None:
    """Check that a table is the shipped market's export of this name.

    Raises:
        UserMustMend: a column is missing.
    """
    told = tuple(columns)
    needed = _NEEDED_ALONE if name == "forecasts" and "forecast_round" in told else NEEDED[name]
    lacking = [column for column in needed if column not in told]
    if lacking:
        raise UserMustMend(
            f"this is no table custom_export_{name} of the shipped market: it lacks {', '.join(lacking)}",
            where=where,
            mend=f"Take the export custom_export_{name} of the market's app from oTree's Data page.",
        )
