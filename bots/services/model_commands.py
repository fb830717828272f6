"""The verbs about models: replay a run from its recording, check before a run that all is there."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bots.services.terminal import printer


def register(app: typer.Typer) -> None:
    """Add the verbs to the console script."""
    app.command()(replay)
    app.command()(doctor)
    app.command("try")(try_)


def replay(
    run: Annotated[Path, typer.Argument(help="A run folder, such as bot-data/debug-runs/run-1.")],
    url: Annotated[
        str | None,
        typer.Option(help="Play it on this oTree session, as a new run, with the recorded replies."),
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("bot-data"),
) -> None:
    """Play a run again from its recording, without server, provider or key, and compare byte for byte.

    Exit code 0: every prompt, decision and act is as recorded. 5: something differs; the first differences
    are shown.
    """
    if url is not None:
        from bots.services.loop import in_loop
        from bots.services.replay_on_server import replay_on_server

        in_loop(lambda room: replay_on_server(run, url, data_dir, room))
    from bots.services.replay import run_replay

    raise typer.Exit(asyncio.run(run_replay(run, printer())))


def doctor(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Models to check.  [default: each provider whose key is set]"
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="A SessionStartLinks page or links file that has to answer.")
    ] = None,
    data_dir: Annotated[Path, typer.Option(help="Folder of all runs.")] = Path("bot-data"),
    browser: Annotated[bool, typer.Option(help="Start the browser once.")] = True,
    plain: Annotated[bool, typer.Option(help="No table, no colours: one line a check.")] = False,
) -> None:
    """Check before a run that keys, providers, browser, server and disk are there; spends nothing.

    Exit code 0: nothing has to be mended. 2: something has; it says how.
    """
    from bots.services.configuration import environment
    from bots.services.doctor import Grade, Visit, examine, say_plainly, show

    visit = Visit(models or (), url, data_dir, browser)
    findings = asyncio.run(examine(visit, environment()))
    if plain:
        for line in say_plainly(findings):
            typer.echo(line)
    else:
        show(printer(), findings)
    raise typer.Exit(2 if any(one.grade is Grade.MEND for one in findings) else 0)


def try_(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="A participant's link, a /join/ link or a room's.")
    ],
    decide: Annotated[
        str | None,
        typer.Option(metavar="MODEL_NAME", help="Let it decide and play on.  [default: send nothing]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The HTML file.")] = Path("bots-try.html"),
    minutes: Annotated[float, typer.Option(help="Longest time, with --decide.")] = 15.0,
    headed: Annotated[bool, typer.Option(help="Show the browser.")] = False,
) -> None:
    """Show what a bot sees behind one link, as text beside a picture of the page, and what it would do.

    Nothing is sent unless --decide names who decides; opening a link makes its participant begin, though.
    """
    from bots.services.loop import in_loop
    from bots.services.try_link import Trial, try_link

    trial = Trial(url, decide, out, headed=headed, minutes=minutes)
    in_loop(lambda room: try_link(trial, room))
