"""The verbs about studies: `bots study new | show | cost | simulate | register | run | report`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bots.domain.errors import UserMustMend
from bots.services.plan import Transport
from bots.services.terminal import printer, say

if TYPE_CHECKING:
    from bots.domain.study import Cell

Plan = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan; `bots study new` writes one.")]
Data = Annotated[Path, typer.Option(help="Folder of all runs; studies are kept in it.")]
Model = Annotated[
    str | None,
    typer.Option("--model", help="Who sits where the plan's seats say {model}.  [default: the plan's]"),
]
_DATA = Path("bot-data")


def register(app: typer.Typer) -> None:
    """Add the verbs to the console script."""
    study = typer.Typer(
        help="Plan, run and compare many markets: treatments × repetitions.", no_args_is_help=True
    )
    for verb in (new, show, cost, simulate, register_study, run, report):
        study.command(name=verb.__name__.removesuffix("_study"))(verb)
    app.add_typer(study, name="study")


def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path("study.toml"),
) -> None:
    """Write a commented plan to start from."""
    from bots.services.study_plan import TEMPLATE

    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(TEMPLATE.read_text(encoding="utf-8"))
    except FileExistsError:
        raise UserMustMend(
            "is there already", where=str(file), mend="Name another file, or move it away."
        ) from None
    except OSError as error:
        raise UserMustMend(
            f"cannot be written ({error.strerror})", where=str(file), mend="Name another place."
        ) from error
    typer.echo(f"{file} is written. Check it with: bots study show {file}")


def show(
    plan: Plan,
    data_dir: Data = _DATA,
    model: Model = None,
    cells: Annotated[bool, typer.Option("--cells", help="List every market with its seeds.")] = False,
) -> None:
    """Check a plan and print its treatments and markets; nothing starts."""
    from bots.services.study_folder import cell_runs, study_folder
    from bots.services.study_run import load_study

    study, console = load_study(plan, model), printer()
    folder = study_folder(data_dir, study)
    runs = cell_runs(folder) if folder.exists() else {}
    rules = study.plan.rules
    finished = Counter(treatment for (treatment, _), run in runs.items() if run.stands(rules))
    table = Table(box=None, pad_edge=False)
    for name in ("Treatment", "Traders", "Seats", "Changes", "Markets", "Done"):
        table.add_column(name, justify="right" if name in ("Traders", "Markets", "Done") else "left")
    for name, treatment in study.plan.treatments.items():
        settings = study.plan.settings(name)
        changes = treatment.model_dump(exclude_defaults=True, exclude={"seats", "traders", "market"})
        told = ", ".join(f"{key} = {value}" for key, value in {**treatment.market, **changes}.items())
        numbers = (str(study.plan.repetitions), str(finished[name]))
        table.add_row(
            escape(name), str(settings.traders), escape(settings.seats), escape(told) or "–", *numbers
        )
    console.print(table)
    console.print()
    if cells:
        finished_in = {key: run.folder.name for key, run in runs.items() if run.stands(rules)}
        console.print(_cells(study.cells, finished_in))
        console.print()
    say(console, f"{len(study.cells)} markets, hash {study.hash}, kept in {folder}")


def _cells(cells: Sequence[Cell], runs: Mapping[tuple[str, int], str]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("Treatment", "Repetition", "Dividends", "Seating seed", "Sampling seed", "Run"):
        table.add_column(name, justify="left" if name in ("Treatment", "Dividends", "Run") else "right")
    for cell in cells:
        dividends = cell.settings.own_seed or cell.dividend_seed
        seeds = (str(cell.seating_seed), str(cell.sampling_seed))
        where = runs.get(cell.key, "–")
        table.add_row(escape(cell.treatment), str(cell.repetition), escape(dividends), *seeds, where)
    return table


def cost(plan: Plan, data_dir: Data = _DATA, model: Model = None) -> None:
    """Tell what the markets that are left would take: requests, tokens, money, time; no model is asked."""
    from bots.services.study_cost import cost as tell_cost
    from bots.services.study_folder import cell_runs, study_folder
    from bots.services.study_run import load_study

    study = load_study(plan, model)
    folder = study_folder(data_dir, study)
    runs = cell_runs(folder) if folder.exists() else {}
    done = {key for key, one in runs.items() if one.stands(study.plan.rules)}
    tell_cost(study, [cell for cell in study.cells if cell.key not in done], printer())


def simulate(
    plan: Plan,
    model: Model = None,
    strategies: Annotated[
        str, typer.Option(help="Strategies, with commas between; each takes the seats of the plan's models.")
    ] = "zero-intelligence,fundamentalist,momentum",
    markets: Annotated[int, typer.Option(min=4, help="Markets played for each strategy.")] = 30,
    measure: Annotated[
        str | None, typer.Option(help="Measure of the difference.  [default: the plan's first outcome]")
    ] = None,
) -> None:
    """Tell what difference a number of markets can detect, from markets played with strategies."""
    from bots.services.study_run import load_study
    from bots.services.study_simulate import simulate as simulate_study

    study = load_study(plan, model)
    names = [name.strip() for name in strategies.split(",") if name.strip()]
    simulate_study(study, names, markets, measure or study.plan.outcomes[0], printer())


def register_study(
    plan: Plan,
    model: Model = None,
    out: Annotated[
        Path | None, typer.Option(help="The Markdown file.  [default: NAME-HASH-registration.md, here]")
    ] = None,
) -> None:
    """Write the document to pre-register: design, outcomes, tests, rules, hashes of plan and code."""
    from bots.services.analysis_commands import writable
    from bots.services.study_register import registration
    from bots.services.study_run import load_study

    study = load_study(plan, model)
    file = out or Path(f"{study.folder_name}-registration.md")
    with writable(file):
        file.write_text(registration(study), encoding="utf-8")
    typer.echo(f"{file} is written.")


def run(
    plan: Plan,
    data_dir: Data = _DATA,
    model: Model = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            help="Markets at a time.  [default: one a processor, 8 where models trade]",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Play on the Dask cluster of this scheduler, such as tcp://host:8786."
        ),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="oTree server for markets on one.  [default: the study starts it]"),
    ] = None,
    transport: Annotated[
        Transport, typer.Option(help="How bots reach that server's pages.")
    ] = Transport.AUTO,
) -> None:
    """Play every market of a plan that is not finished yet; stop it and start it again as you like.

    Exit code 0: all markets are done. 3: some failed, or the limit is reached. 6: in some every decision of a
    trader failed. 130: interrupted.
    """
    from bots.services.loop import in_loop
    from bots.services.study_run import Spread, run_study

    spread = Spread(jobs, dask, server, transport, model)
    in_loop(lambda room: run_study(plan, data_dir, spread, room))


def report(
    plan: Plan,
    data_dir: Data = _DATA,
    model: Model = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(help="A measure to compare; may be given often.  [default: the plan's outcomes]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap over markets.")] = 1,
    pages: Annotated[
        int,
        typer.Option(min=0, help="Markets that get a page of their own, at most; called again, the next."),
    ] = 200,
) -> None:
    """Compare the treatments of a study, with the market as the unit.

    The page that is written leads to one of each market, and from there to any decision.
    """
    from bots.services.study_report import report_study
    from bots.services.study_run import load_study

    console, study = printer(), load_study(plan, model)
    measures = measure or study.plan.outcomes
    for file in report_study(study, data_dir, measures, seed, console, pages):
        say(console, f"Written: {file}")
