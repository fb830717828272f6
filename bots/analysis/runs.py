"""Run folders as tables: `import bots; run = bots.open_run("bot-data/debug-runs/run-3"); run.prices`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import Executor
from functools import cached_property
from itertools import repeat
from pathlib import Path

import polars as pl

from bots.analysis.codebook import TABLES, codebook, codebook_markdown
from bots.analysis.collector import without_collector
from bots.analysis.played import PlayedRun
from bots.analysis.reading import read_run
from bots.analysis.tables import table
from bots.domain.market import MarketRules
from bots.domain.records import RunManifest

_RUN_BY_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def open_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises:
        UserMustMend: it is none, or cannot be read.
    """
    return Run(read_run(Path(folder)))


class Run:
    """One run as tables; each is made when first asked for. `bots codebook` tells their columns.

    Every table is a polars DataFrame; `.to_pandas()` turns it into pandas' (needs pandas and pyarrow).
    """

    def __init__(self, played: PlayedRun) -> None:
        self.played = played

    def __repr__(self) -> str:
        manifest = self.manifest
        return f"Run({str(self.folder)!r}: {manifest.model}, {manifest.bots} bots, {manifest.outcome.value})"

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self.played.folder

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.played.name

    @property
    def manifest(self) -> RunManifest:
        """What was run, with what, and how it ended."""
        return self.played.manifest

    @property
    def rules(self) -> MarketRules | None:
        """The session's parameters; None where no bot saw a page of the shipped market."""
        return self.played.rules

    @cached_property
    def prices(self) -> pl.DataFrame:
        """Market × round: price, volume, fundamental value or equilibrium, dividend, book, efficiency."""
        return self.table("market_rounds")

    @cached_property
    def trader_rounds(self) -> pl.DataFrame:
        """Trader × round: what was bought and sold, interest, dividends, cash, shares, wealth."""
        return self.table("trader_rounds")

    @cached_property
    def traders(self) -> pl.DataFrame:
        """One row a trader: final wealth, payoff, orders, failures, tokens and cost."""
        return self.table("traders")

    @cached_property
    def orders(self) -> pl.DataFrame:
        """One row an order sent: placed, refused, cancelled or unanswered, with the server's words."""
        return self.table("orders")

    @cached_property
    def trades(self) -> pl.DataFrame:
        """One row a trader's side of a trade; in a call market, of all it traded on one side in a round."""
        return self.table("trades")

    @cached_property
    def forecasts(self) -> pl.DataFrame:
        """One row a forecast, with the price that came."""
        return self.table("forecasts")

    @cached_property
    def decisions(self) -> pl.DataFrame:
        """One row a decision: by whom, how long, plan, insight, reasons, failure."""
        return self.table("decisions")

    @cached_property
    def model_calls(self) -> pl.DataFrame:
        """One row a request to a model: prompt, reply, tokens, cost, seconds."""
        return self.table("model_calls")

    @cached_property
    def pages(self) -> pl.DataFrame:
        """One row a page seen."""
        return self.table("pages")

    @cached_property
    def measures(self) -> pl.DataFrame:
        """One row a market and measure, over paid rounds."""
        return self.table("measures")

    def table(self, name: str) -> pl.DataFrame:
        """Return a table by its name in the codebook.

        Raises:
            KeyError: there is none of this name.
        """
        return table(self.played, name)


def export(folders: Sequence[Path], out: Path, pool: Executor | None = None) -> tuple[Path, ...]:
    """Write every table of all runs, joined, as Parquet and CSV, and the codebook as CSV and Markdown.

    Runs are read one after another and joined from disk, so that memory holds one run at a time.

    Args:
        pool: processes that read runs side by side; None reads them here.

    Returns:
        The files written.

    Raises:
        UserMustMend: a folder is no run, or cannot be read.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".parts-") as parts:
        read = pool.map if pool else map
        for _ in read(_write_parts, folders, repeat(Path(parts)), range(len(folders))):
            pass
        files = [file for name in TABLES for file in _join(name, Path(parts), out)]
    codebook().write_csv(out / "codebook.csv")
    (out / "codebook.md").write_text(codebook_markdown(), encoding="utf-8")
    return (*files, out / "codebook.csv", out / "codebook.md")


def _write_parts(folder: Path, parts: Path, number: int) -> None:
    with without_collector():
        _write_tables(open_run(folder), parts, number)


def _write_tables(run: Run, parts: Path, number: int) -> None:
    for name in TABLES:
        run.table(name).write_parquet(parts / f"{name}-{number:06}.parquet", compression="zstd")


def _join(name: str, parts: Path, out: Path) -> tuple[Path, Path]:
    together = pl.scan_parquet(sorted(parts.glob(f"{name}-??????.parquet")))
    parquet, csv = out / f"{name}.parquet", out / f"{name}.csv"
    together.sink_parquet(parquet)
    texts = [column for column, kind in TABLES[name].schema.items() if kind == pl.String()]
    together.with_columns([_harmless(column) for column in texts]).sink_csv(
        csv, datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ"
    )
    return parquet, csv


def _harmless(column: str) -> pl.Expr:
    """Put an apostrophe before text that a spreadsheet would run as a formula; Parquet keeps it as it is."""
    text = pl.col(column)
    formula = text.str.slice(0, 1).is_in(_RUN_BY_FORMULAS)
    return pl.when(formula).then("'" + text).otherwise(text).alias(column)
