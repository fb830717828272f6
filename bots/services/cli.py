"""argv → plan → exit code. One console script, `bots`; `python -m bots.main …` is its verb `run`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from bots.adapters.browser_settings import BrowserOptions, Family, Screenshots
from bots.agents.options import FormAnswers, Rhythm
from bots.domain.errors import BotsError, UserMustMend
from bots.services import analysis_commands, init_command, model_commands, study_commands
from bots.services.help_screen import FirstScreen
from bots.services.loop import EXIT_INTERRUPTED, in_loop
from bots.services.names import names_beginning
from bots.services.plan import DEFAULT_TIMEOUT_MINUTES, DEFAULT_WAIT_MINUTES, Again, RunPlan, Transport, usd
from bots.services.room import Room
from bots.services.terminal import begin, say_error, with_manner

EXIT_MEND = 2

app = typer.Typer(
    name="bots",
    cls=FirstScreen,
    help="LLM agents and people trading in one experimental asset market, on oTree.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

NoReport = Annotated[bool, typer.Option("--no-report", help="Leave figure and report to bots rebuild.")]


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bots {version('llm-trading-agents')}")
        raise typer.Exit


@app.callback()
def before_verbs(
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Tell the version.",
            callback=_tell_version,
            is_eager=True,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """Take what `bots` takes before a verb."""


@app.command()
def run(
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="A SessionStartLinks page, a room, a /join/ link, or a links file."
        ),
    ],
    model_name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_NAME",
            help="A model, a strategy, provider:model, or mixed.",
            autocompletion=names_beginning,
        ),
    ],
    production: Annotated[
        bool, typer.Option("-p", "--production", help="Keep under production-runs; needs -m.")
    ] = False,
    message: Annotated[str, typer.Option("-m", "--message", metavar="NOTES", help="Notes on this run.")] = "",
    timeout_minutes: Annotated[
        float, typer.Option(help="End the run then, saved.")
    ] = DEFAULT_TIMEOUT_MINUTES,
    wait_minutes: Annotated[
        float, typer.Option(help="Longest stay on one wait page; then the seat fails.")
    ] = DEFAULT_WAIT_MINUTES,
    seats: Annotated[
        str | None,
        typer.Option(metavar="SEATS", help="Only these become bots: numbers or labels, such as 2,4-6,A7."),
    ] = None,
    num_bots: Annotated[
        int | None, typer.Option(help="Only the last N links become bots.  [default: all]")
    ] = None,
    fallback: Annotated[
        str, typer.Option(help="Who acts where a decision fails: a strategy, or last-plan.")
    ] = "hold",
    form_fallback: Annotated[
        FormAnswers, typer.Option(help="How forms outside markets are answered where no decision is made.")
    ] = FormAnswers.DEFAULT,
    max_cost: Annotated[
        str | None, typer.Option(metavar="USD", help="Most the models may cost; then the fallback acts.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Most tokens the models may use; then the fallback acts.")
    ] = None,
    decisions: Annotated[
        int, typer.Option(help="Most decisions of a trader in one period of a double auction.")
    ] = Rhythm().decisions,
    pause: Annotated[
        float, typer.Option(help="Least seconds between two of them; 0 answers news at once.")
    ] = Rhythm().pause,
    seed: Annotated[int, typer.Option(help="Of the traders' own draws.")] = 1,
    data_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("bot-data"),
    transport: Annotated[
        Transport,
        typer.Option(
            help="How bots reach their pages: in Chromium, without (http), or there if need be (auto)."
        ),
    ] = Transport.BROWSER,
    browser: Annotated[Family, typer.Option(help="Which browser bots sit in.")] = Family.CHROMIUM,
    headed: Annotated[bool, typer.Option(help="Show the browser.")] = False,
    bots_per_browser: Annotated[
        int | None, typer.Option(help="How many bots share one.  [default: all; 12 on a grid]")
    ] = None,
    isolated: Annotated[bool, typer.Option(help="Give each bot cookies and storage of its own.")] = False,
    classic: Annotated[
        bool, typer.Option(help="Drive browsers over classic WebDriver alone, one for each bot.")
    ] = False,
    grid: Annotated[
        str | None, typer.Option(metavar="HUB", help="Take browsers from a Selenium Grid: http://hub:4444.")
    ] = None,
    screenshots: Annotated[
        Screenshots, typer.Option(help="Photograph pages where something fails, or all.")
    ] = Screenshots.NEVER,
    no_report: NoReport = False,
) -> None:
    """Send an LLM agent to each participant link of an oTree session."""
    plan = RunPlan(
        url=url,
        model=model_name,
        production=production,
        notes=message,
        timeout_minutes=timeout_minutes,
        num_bots=num_bots,
        seats=seats,
        wait_minutes=wait_minutes,
        data=data_dir,
        fallback=fallback,
        form_fallback=form_fallback,
        max_cost_usd=None if max_cost is None else usd(max_cost, "--max-cost"),
        max_tokens=max_tokens,
        seed=seed,
        browser=BrowserOptions(browser, headed, bots_per_browser, isolated, grid, screenshots, classic),
        transport=transport,
        rhythm=Rhythm(decisions, pause),
    )
    in_loop(lambda room: _run(plan, room, drawn=not no_report))


async def _run(plan: RunPlan, room: Room, *, drawn: bool) -> int:
    from bots.services.after_run import show_and_draw
    from bots.services.exit_codes import exit_code
    from bots.services.people import keep_people
    from bots.services.runner import run as run_plan

    report = await run_plan(plan, room)
    await keep_people(report.folder, room)
    return exit_code(report, show_and_draw(room.console, report, drawn=drawn))


@app.command()
def resume(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run that was cut short.")],
    timeout_minutes: Annotated[
        float | None, typer.Option(help="Time for what is left.  [default: as at first]")
    ] = None,
    wait_minutes: Annotated[
        float | None, typer.Option(help="Longest stay on one wait page.  [default: as at first]")
    ] = None,
    headed: Annotated[bool, typer.Option(help="Show the browser.")] = False,
    no_report: NoReport = False,
) -> None:
    """Go on with a run that was killed, interrupted or timed out; nothing is sent twice."""
    again = Again(timeout_minutes, wait_minutes, headed)
    in_loop(lambda room: _resume(run_folder, room, again, drawn=not no_report))


async def _resume(folder: Path, room: Room, again: Again, *, drawn: bool) -> int:
    from bots.services.after_run import show_and_draw
    from bots.services.exit_codes import exit_code
    from bots.services.people import keep_people
    from bots.services.resume import resume as resume_run

    report = await resume_run(folder, room, again)
    await keep_people(report.folder, room)
    return exit_code(report, show_and_draw(room.console, report, drawn=drawn))


@app.command()
def demo(
    model_name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL_NAME",
            help="Who trades: a model, a strategy, provider:model, or mixed.",
            autocompletion=names_beginning,
        ),
    ] = "strategies",
    participants: Annotated[int, typer.Option(min=2, help="Traders in the market.")] = 6,
    practice_rounds: Annotated[int, typer.Option(min=0)] = 2,
    paid_rounds: Annotated[int, typer.Option(min=1)] = 5,
    data_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("bot-data"),
    transport: Annotated[
        Transport,
        typer.Option(
            help="How bots reach their pages: in Chromium, without (http), or there if need be (auto)."
        ),
    ] = Transport.BROWSER,
    headed: Annotated[bool, typer.Option(help="Show the browser.")] = False,
) -> None:
    """Start the shipped market, let bots play a short session in it, show the result."""
    from bots.services.demo import Demo, run_demo

    plan = Demo(model_name, participants, practice_rounds, paid_rounds, data_dir, headed, transport)
    in_loop(lambda room: run_demo(plan, room))


@app.command()
def setup() -> None:
    """Make the oTree server's environment where there is none, and look for a browser."""
    from bots.services.setup import set_up

    in_loop(set_up)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines.")
    ] = "127.0.0.1",
    data_dir: Annotated[Path, typer.Option(help="Where the embedded database is kept.")] = Path(
        "bot-data/otree-server"
    ),
    production: Annotated[
        bool,
        typer.Option(
            "--production",
            help="For sessions with people: demands a password for the admin pages and a key for cookies.",
        ),
    ] = False,
) -> None:
    """Serve the shipped oTree project until Ctrl-C, on an embedded PostgreSQL or that of DATABASE_URL."""
    from bots.services.serving import Serving, serve_until_interrupted

    in_loop(lambda room: serve_until_interrupted(Serving(host, port, data_dir, production), room))


init_command.register(app)
analysis_commands.register(app)
model_commands.register(app)
study_commands.register(app)

_run_alone = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
_run_alone.command()(run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the console script `bots` and return its exit code."""
    return _exit_code(app, arguments, "bots")


def run_main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m bots.main`, which is `bots run`, and return its exit code."""
    return _exit_code(_run_alone, arguments, "python -m bots.main")


def _exit_code(program: typer.Typer, arguments: Sequence[str] | None, name: str) -> int:
    """Run a program; errors become a sentence and an exit code: 2 where the user must mend something."""
    begin()
    try:
        with_manner(program)(args=list(sys.argv[1:] if arguments is None else arguments), prog_name=name)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except BotsError as error:
        say_error(str(error))
        return EXIT_MEND if isinstance(error, UserMustMend) else 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0
