"""The shipped oTree project, served until Ctrl-C: to try it, or in production, to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.otree_server import OTreeServer, ServerPlan
from bots.domain.errors import UserMustMend
from bots.services.demo import otree_python_of
from bots.services.room import Room

_DEMANDED: Mapping[str, str] = {
    "OTREE_ADMIN_PASSWORD": "the password of the user admin, without which nobody may open the admin pages",
    "OTREE_SECRET_KEY": "a long random text that signs cookies, such as "
    "python -c 'import secrets; print(secrets.token_hex(32))' prints, the same at each start",
}
"""What a server for people cannot do without, and what it is."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What to serve where.

    Attributes:
        data: folder of the embedded database, which is kept; not used where DATABASE_URL names another.
        production: for people: the admin pages and the REST interface are closed to everybody else.
    """

    host: str
    port: int
    data: Path
    production: bool = False


async def serve_until_interrupted(serving: Serving, room: Room) -> int:
    """Serve the shipped project until a signal comes; return 0.

    Raises:
        UserMustMend: a server for people lacks a setting, or it cannot start.
    """
    settings = otree_settings(room.environment, production=serving.production)
    database = "the PostgreSQL of DATABASE_URL" if settings.get("DATABASE_URL") else "an embedded PostgreSQL"
    room.say(f"Starting the oTree project on {database} …")
    plan = ServerPlan(
        data_dir=serving.data,
        host=serving.host,
        port=serving.port,
        python=otree_python_of(room.environment),
        env=settings,
        log=serving.data.parent / f"{serving.data.name}.log",
    )
    async with OTreeServer.start(plan) as server:
        room.say(f"oTree is served at {server.url} (Ctrl-C ends it)")
        with room.interrupt.gently() as stop:
            await stop.wait()
    return 0


def otree_settings(environment: Mapping[str, str], *, production: bool) -> dict[str, str]:
    """Return the settings that are the server's: oTree's own, and the database's address.

    Raises:
        UserMustMend: production lacks one of them.
    """
    given = {k: v for k, v in environment.items() if k.startswith("OTREE_") or k == "DATABASE_URL"}
    if not production:
        return {"OTREE_PRODUCTION": "1", **given}
    missing = [name for name in _DEMANDED if not given.get(name)]
    if missing:
        raise UserMustMend(
            f"{' and '.join(missing)} must be set to serve people",
            where="the environment, or bots/config/.env",
            mend=" ".join(f"Set {name}: {_DEMANDED[name]}." for name in missing),
        )
    return {**given, "OTREE_PRODUCTION": "1", "OTREE_AUTH_LEVEL": given.get("OTREE_AUTH_LEVEL") or "STUDY"}
