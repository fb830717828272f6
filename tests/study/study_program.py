"""`bots` with the verbs of studies, as a program of its own: python study_program.py study run PLAN."""

from __future__ import annotations

import sys

import typer

from bots.services.cli import app, main
from bots.services.study_commands import register


def program() -> typer.Typer:
    """Return the console script with the verbs of studies."""
    if not any(group.name == "study" for group in app.registered_groups):
        register(app)
    return app


if __name__ == "__main__":
    program()
    sys.exit(main())
