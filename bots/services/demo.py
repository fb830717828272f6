"""The shipped market on this machine: a whole session, played by bots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.otree_server import OTreeServer, ServerPlan
from bots.services.plan import RunPlan, Transport
from bots.services.room import Room

_STARTING = "Starting the oTree project on an embedded PostgreSQL …"


@dataclass(frozen=True, slots=True)
class Demo:
    """A short session of the shipped market with bots in every seat."""

    model: str
    participants: int
    practice_rounds: int
    paid_rounds: int
    data: Path
    headed: bool
    transport: Transport


async def run_demo(demo: Demo, room: Room) -> int:
    """Serve the market on a throw-away database, play one session, show it; return the run's exit code."""
    from bots.services.after_run import show_and_draw
    from bots.services.exit_codes import exit_code
    from bots.services.runner import run

    room.say(_STARTING)
    server_plan = ServerPlan(env={"OTREE_PRODUCTION": "1"}, python=otree_python_of(room.environment))
    async with OTreeServer.start(server_plan) as server:
        rounds = {"practice_rounds": demo.practice_rounds, "paid_rounds": demo.paid_rounds}
        session = await server.rest.create_session("demo", demo.participants, modified=rounds)
        url = f"{server.url}/SessionStartLinks/{session['code']}"
        plan = RunPlan(
            url,
            demo.model,
            notes="demo",
            data=demo.data,
            browser=BrowserOptions(headed=demo.headed),
            transport=demo.transport,
        )
        command = f"python -m bots.main {url} {demo.model} -m demo"
        if demo.transport is not Transport.BROWSER:
            command += f" --transport {demo.transport.value}"
        room.say(command)
        report = await run(plan, room)
    return exit_code(report, show_and_draw(room.console, report))


def otree_python_of(environment: Mapping[str, str]) -> Path | None:
    """Return the interpreter that the setting OTREE_PYTHON names, if it is set."""
    named = environment.get("OTREE_PYTHON")
    return Path(named) if named else None
