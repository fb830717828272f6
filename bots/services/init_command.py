"""The verb that begins a project: `bots init`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bots.domain.errors import UserMustMend

if TYPE_CHECKING:
    from bots.services.work_folder import Wishes


def register(app: typer.Typer) -> None:
    """Add the verb to the console script."""
    app.command()(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to write it.  [default: this folder]")
    ] = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
) -> None:
    """Write a folder to work in: .env, models.toml, bot-links.cfg and the plan of a study.

    Commands that run in the folder find them there. Files that exist are left as they are.
    """
    from bots.services.work_folder import Wishes, study_name, write_folder

    name = study_name(folder)
    wishes = Wishes(name) if yes else _asked(name)
    written = write_folder(folder, wishes)
    for path in written.new:
        typer.echo(f"Written: {path}")
    for path in written.kept:
        typer.echo(f"Kept:    {path} (was there)")
    if folder != Path():
        typer.echo(f"\ncd {folder}")
    typer.echo(
        "\nbots doctor                 what is missing\nbots demo                   a market of strategies"
    )
    typer.echo("bots study show study.toml  the plan\nbots study run study.toml   play it")


def _asked(name: str) -> Wishes:
    """Ask for the study's name, who trades, and the keys of the providers whose models do.

    Raises:
        UserMustMend: there is no terminal to ask at.
    """
    from bots.adapters.models.catalogue import load_catalogue
    from bots.services.configuration import models_file
    from bots.services.work_folder import Wishes, study_name

    if not sys.stdin.isatty():
        raise UserMustMend(
            "there is no terminal to ask at", where="bots init", mend="Add --yes to take the defaults."
        )
    study = study_name(Path(typer.prompt("Name of the study", default=name)))
    known = load_catalogue(models_file()).providers
    keys = {
        name: entry.api_key_env for name, entry in known.items() if entry.api_key_env and entry.key_required
    }
    typer.echo(f"Providers of models: {', '.join(keys)}.")
    named = typer.prompt("Which will you use (names with commas, or none)", default="none")
    chosen = [one.strip() for one in named.split(",") if one.strip() not in ("", "none")]
    seats = typer.prompt("Who trades in the study", default="zero-intelligence")
    return Wishes(study, seats, {setting: _key(setting) for setting in _settings(chosen, keys)})


def _settings(chosen: list[str], keys: Mapping[str, str]) -> list[str]:
    unknown = [one for one in chosen if one not in keys]
    if unknown:
        raise UserMustMend(
            f"no provider is called {unknown[0]!r}",
            where="bots init",
            mend=f"Name some of {', '.join(keys)}, or none.",
        )
    return [keys[one] for one in chosen]


def _key(setting: str) -> str:
    asked = f"{setting} (not shown; empty to fill in later)"
    return str(typer.prompt(asked, default="", hide_input=True, show_default=False)).strip()
