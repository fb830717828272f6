"""The verbs that read runs and prices: measures, report, export, show, people, rebuild, codebook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bots.domain.errors import UserMustMend
from bots.services.terminal import printer

_RUNS_A_PROCESS = 4  # fewer are read sooner than a process starts


class Reference(StrEnum):
    """Price paths to compare with."""

    HUMAN = "human"  # mean path of 19 human markets in the reference design


def register(app: typer.Typer) -> None:
    """Add the verbs to the console script."""
    for verb in (measures, report, export, show, people, rebuild, codebook):
        app.command()(verb)


def measures(
    file: Annotated[Path, typer.Argument(help="CSV with the columns market, period, price.")],
    fundamental: Annotated[
        float | None, typer.Option(help="Constant fundamental value; goes before the file's column.")
    ] = None,
    reference: Annotated[
        Reference | None, typer.Option(help="Compare with the published mean path of 19 human markets.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    seed: Annotated[int, typer.Option(help="Of the bootstrap over markets.")] = 1,
) -> None:
    """Measure mispricing, bubbles and trading in any prices, for each market and pooled over markets.

    The file has one row a market and period: market, period, price, and optionally volume, fundamental and
    shares (outstanding). An empty cell means not known.
    """
    from bots.analysis.benchmark import HUMAN_MEAN_PATH
    from bots.analysis.inference import pool
    from bots.analysis.measures import measure_all
    from bots.analysis.price_files import read_prices
    from bots.services.measure_tables import as_json, print_measures

    path = HUMAN_MEAN_PATH if reference is Reference.HUMAN else ()
    panel = read_prices(file, fundamental=fundamental, reference=path)
    results = measure_all(panel)
    pooled = pool(results, seed=seed)
    if json:
        typer.echo(as_json(panel, results, pooled, seed))
    else:
        print_measures(printer(), panel, results, pooled)


Runs = Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")]


def report(
    runs: Runs,
    out: Annotated[
        Path | None, typer.Option(help="The HTML file.  [default: report.html in the run; of many, here]")
    ] = None,
    figures: Annotated[bool, typer.Option(help="Write the figures beside it as SVG and PDF.")] = True,
) -> None:
    """Write one HTML file: the report of one run, or the comparison of many by the model they ran with."""
    from bots.analysis.collector import keep_to_the_end, without_collector
    from bots.analysis.report import write_report
    from bots.analysis.runs import open_run

    with without_collector():
        opened = [open_run(folder) for folder in runs]
        keep_to_the_end()
    target = out or (runs[0] / "report.html" if len(runs) == 1 else Path("report.html"))
    with writable(target):
        files = write_report(opened, target, figures=figures)
    typer.echo(f"Report:  {files[0]}")
    if figures:
        typer.echo(f"Figures: {files[1].parent if len(files) > 1 else 'none'}")


def export(
    runs: Runs,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the tables, or the archive.  [default: tables, shared.zip]")
    ] = None,
    share: Annotated[
        bool, typer.Option("--share", help="Write one archive fit for publication, and say what it left out.")
    ] = False,
) -> None:
    """Write the tables of any number of runs, joined, as Parquet and CSV, with their codebook."""
    from bots.analysis.runs import export as export_runs
    from bots.services.study_pool import processes, processors

    if share:
        _share(runs, out or Path("shared.zip"))
        return
    out = out or Path("tables")
    count = min(processors(), len(runs) // _RUNS_A_PROCESS)
    with writable(out), processes(count) if count > 1 else nullcontext() as pool:
        files = export_runs(runs, out, pool)
    typer.echo(f"{len(files)} files in {out}")


def _share(runs: list[Path], out: Path) -> None:
    from bots.services.share import share as share_runs

    with writable(out):
        shared = share_runs(runs, out)
    typer.echo(f"Archive: {out}. Left out, as LEFT-OUT.md in it says:")
    for what, count in sorted(shared.left_out.items()):
        typer.echo(f"  {what}: {count}")


def show(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    seat: Annotated[int | None, typer.Option(help="Only this seat's decisions.")] = None,
    round_: Annotated[
        int | None, typer.Option("--round", help="Only this round, practice included from 1.")
    ] = None,
) -> None:
    """Show a run in the terminal: its traders and prices, or decisions with prompt, reply, act and answer."""
    from bots.analysis.runs import open_run
    from bots.services.show_run import show_decisions, show_run

    console, opened = printer(), open_run(run)
    if seat is None and round_ is None:
        show_run(console, opened)
    else:
        show_decisions(console, opened, seat, round_)


def people(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder of the tables, as CSV, saved from oTree's Data page.  "
            "[default: ask the run's server]",
        ),
    ] = None,
) -> None:
    """Bring oTree's tables of a session in which people took part, for the run's own tables and report."""
    from bots.services.loop import in_loop
    from bots.services.people import bring_people

    in_loop(lambda room: bring_people(run, room, source=source))


def rebuild(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with its journal.")],
) -> None:
    """Make every file of a run again from its journal: manifest, links, metadata line, figures, report."""
    from bots.services.rebuild import rebuild as rebuild_run

    for file in rebuild_run(run):
        typer.echo(file)


def codebook(
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV in the place of Markdown.")] = False,
) -> None:
    """Print what every column of every table means."""
    from bots.analysis.codebook import codebook as as_table
    from bots.analysis.codebook import codebook_markdown

    typer.echo(as_table().write_csv() if csv else codebook_markdown(), nl=False)


@contextmanager
def writable(target: Path) -> Iterator[None]:
    """Turn a place that cannot be written to into what the user must mend."""
    try:
        yield
    except OSError as error:
        raise UserMustMend(
            f"it cannot be written ({error.strerror or error})",
            where=str(target),
            mend="Name another place with --out.",
        ) from error
