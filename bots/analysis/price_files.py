"""Prices from a CSV file: one row a market and period, in any order.

    market,period,price,volume,fundamental,shares
    A,1,14.25,6,14,24

`market`, `period` and `price` are needed. An empty cell, NA or NaN means not known; other columns are let be.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from bots.analysis.panel import Floats, Panel, fitted
from bots.domain.errors import UserMustMend

if TYPE_CHECKING:
    import polars as pl

NEEDED = ("market", "period", "price")
OPTIONAL = ("volume", "fundamental", "shares")
_UNKNOWN = ["", "NA", "NaN", "nan", "null"]
_LINE = "line of the file"
_LONGEST = 100_000  # periods between the first and the last


def read_prices(path: Path, *, fundamental: float | None = None, reference: Sequence[float] = ()) -> Panel:
    """Read a CSV file of prices.

    Args:
        fundamental: constant fundamental value, cash per share; goes before the file's column.
        reference: price in period 1, 2, …, cash per share.

    Raises:
        UserMustMend: names the file, the line (1 is the header) and the column.
    """
    table = _PriceFile(path, _cells(path))
    market_names, markets = table.markets()
    periods = table.periods()
    table.check_once(market_names, markets, periods)
    first, count = int(periods.min()), int(periods.max() - periods.min()) + 1
    if count > _LONGEST:
        table.fault(
            int(periods.argmax()), "period", f"periods reach over {count} places", "Number them 1, 2, …"
        )

    def grid(values: Floats) -> Floats:
        cells = np.full((len(market_names), count), np.nan)
        cells[markets, periods - first] = values
        return cells

    values = grid(table.numbers("price"))
    given = np.full_like(values, fundamental) if fundamental is not None else None
    return Panel(
        names=tuple(market_names),
        prices=values,
        fundamentals=grid(table.numbers("fundamental")) if given is None else given,
        volumes=grid(table.numbers("volume", least=0.0)),
        shares=table.shares(market_names, markets),
        dividends=np.full(len(market_names), np.nan),
        reference=_reference(reference, first, count),
        first_period=first,
    )


def _reference(path: Sequence[float], first: int, count: int) -> Floats:
    """Return the reference by column; period 1 is its first entry."""
    if not len(path):
        return np.full(count, np.nan)
    lead = np.full(max(0, 1 - first), np.nan)
    return fitted(np.concatenate([lead, np.asarray(path, dtype=np.float64)]), count, skip=max(0, first - 1))


class _PriceFile:
    """Cells of text that become numbers, or an error that names line and column."""

    def __init__(self, path: Path, cells: pl.DataFrame) -> None:
        self._path = path
        self._cells = cells

    def fault(self, row: int, column: str, what: str, mend: str) -> NoReturn:
        raise UserMustMend(
            what, where=f"{self._path}, line {self._cells[_LINE][row]}, column {column}", mend=mend
        )

    def markets(self) -> tuple[list[str], npt.NDArray[np.intp]]:
        """Return the names of the markets in order, and the number of each row's market."""
        import polars as pl

        names = self._cells["market"].fill_null("").str.strip_chars()
        empty = np.flatnonzero((names == "").to_numpy())
        if len(empty):
            self.fault(int(empty[0]), "market", "the market has no name", "Give every row a market.")
        order = names.unique(maintain_order=True)
        numbers = names.cast(pl.Enum(order)).to_physical().to_numpy()
        return order.to_list(), numbers.astype(np.intp)

    def periods(self) -> npt.NDArray[np.int64]:
        values = self.numbers("period")
        bad = np.flatnonzero(~(values == np.floor(values)) | (np.abs(values) > 1e15))
        if len(bad):
            row = int(bad[0])
            what = f"{self._text(row, 'period')!r} is not a whole number"
            self.fault(row, "period", what, "Number the periods 1, 2, …")
        return values.astype(np.int64)

    def numbers(self, column: str, *, least: float = -np.inf) -> Floats:
        """Return a column's numbers; NaN where not known, or where the file has no such column."""
        import polars as pl

        if column not in self._cells.columns:
            return np.full(len(self._cells), np.nan)
        text = self._cells[column].fill_null("").str.strip_chars()
        read = text.cast(pl.Float64, strict=False)
        values = np.array(read.fill_null(float("nan")).to_numpy(), dtype=np.float64)
        unknown = text.is_in(_UNKNOWN).to_numpy()
        bad = np.flatnonzero(~unknown & (~np.isfinite(values) | (values < least)))
        if len(bad):
            row = int(bad[0])
            wanted = "a number" if least == -np.inf else f"a number of at least {least:g}"
            what = f"{self._text(row, column)!r} is not {wanted}"
            self.fault(row, column, what, "Write it as 14.25, or leave the cell empty where it is not known.")
        return values

    def shares(self, names: Sequence[str], markets: npt.NDArray[np.intp]) -> Floats:
        """Return the shares outstanding of each market, the same in all its rows that name them."""
        given = self.numbers("shares", least=0.0)
        result = np.full(len(names), np.nan)
        known = np.flatnonzero(~np.isnan(given))
        result[markets[known[::-1]]] = given[known[::-1]]
        differs = known[given[known] != result[markets[known]]]
        if len(differs):
            row = int(differs[0])
            name = names[markets[row]]
            what = f"market {name!r} had {result[markets[row]]:g} shares before, has {given[row]:g} here"
            self.fault(row, "shares", what, "The shares outstanding of a market are one number.")
        return result

    def check_once(
        self, names: Sequence[str], markets: npt.NDArray[np.intp], periods: npt.NDArray[np.int64]
    ) -> None:
        """Let each market have each period once."""
        order = np.lexsort((periods, markets))
        same = (np.diff(markets[order]) == 0) & (np.diff(periods[order]) == 0)
        if same.any():
            row = int(order[1:][same].min())
            what = f"market {names[markets[row]]!r} has period {periods[row]} twice"
            self.fault(row, "period", what, "Keep one row for each market and period.")

    def _text(self, row: int, column: str) -> str:
        return str(self._cells[column][row] or "")


def _cells(path: Path) -> pl.DataFrame:
    """Return the file's cells as text, columns by their names in small letters."""
    import polars as pl

    try:
        data = path.read_bytes()
        data.decode("utf-8")
    except OSError as error:
        raise UserMustMend(
            f"the file cannot be read ({error.strerror})", where=str(path), mend="Name a CSV file of prices."
        ) from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserMustMend(
            "the text is not UTF-8", where=f"{path}, line {line}", mend="Save the file as CSV UTF-8."
        ) from error
    _check_header(path, data)
    try:
        cells = pl.read_csv(data, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        _name_the_line(path, data)
        raise UserMustMend(
            f"this is no table of comma-separated values ({str(error).splitlines()[0]})",
            where=str(path),
            mend="Write one header line and then one row for each market and period.",
        ) from error
    cells = cells.rename({name: name.strip().lower() for name in cells.columns})
    if cells["price"].null_count():
        _name_the_line(path, data)
    rows = cells.with_row_index(_LINE, 2).filter(~pl.all_horizontal(pl.all().exclude(_LINE).is_null()))
    if not len(rows):
        raise UserMustMend(
            "there is no row", where=f"{path}, line 2", mend="Add one row a market and period."
        )
    return rows


def _lines(data: bytes) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))


def _check_header(path: Path, data: bytes) -> None:
    header = [name.strip().lower() for name in next(iter(_lines(data)), [])]
    for name in NEEDED:
        if name not in header:
            found = ", ".join(header) or "nothing"
            raise UserMustMend(
                f"there is no such column; the header has: {found}",
                where=f"{path}, line 1, column {name}",
                mend=f"Name the columns {', '.join(NEEDED)}, and {', '.join(OPTIONAL)} if there are any.",
            )
    twice = [name for name in (*NEEDED, *OPTIONAL) if header.count(name) > 1]
    if twice:
        raise UserMustMend(
            "the column stands twice", where=f"{path}, line 1, column {twice[0]}", mend="Keep one of them."
        )


def _name_the_line(path: Path, data: bytes) -> None:
    """Raise for the first row that has another number of cells than the header."""
    lines = iter(_lines(data))
    header = next(lines)
    for number, row in enumerate(lines, start=2):
        if row and len(row) != len(header):
            raise UserMustMend(
                f"the row has {len(row)} cells, the header {len(header)}",
                where=f"{path}, line {number}, column {min(len(row), len(header)) + 1}",
                mend="Write a comma between cells and nowhere else, and numbers as 14.25.",
            )
