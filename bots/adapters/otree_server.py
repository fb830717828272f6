"""oTree servers: starting one for a project, and the REST interface of any."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr

from bots.adapters.guard import Guarded, environment_without_secrets
from bots.adapters.otree_environment import SHIPPED_PROJECT, otree_python
from bots.domain.errors import UserMustMend

SERVE: Final = SHIPPED_PROJECT / "serve.py"
_STOP_SECONDS: Final = 12.0  # for oTree to close and PostgreSQL to write out
_REST_SECONDS: Final = 60.0  # a large session or export takes oTree that long
_LOG_LINES: Final = 12

JsonObject = dict[str, Any]
Table = list[dict[str, str]]  # rows of a CSV file, by column name


@dataclass(frozen=True, slots=True)
class OTreeRest:
    """The REST interface of an oTree server (6; on 5 there are no exports).

    Args:
        url: address of the server, without a path.
        key: its OTREE_REST_KEY; needed when its OTREE_AUTH_LEVEL is DEMO or STUDY.

    Every method raises UserMustMend when the server cannot be reached or refuses.
    """

    url: str
    key: SecretStr | None = None

    async def version(self) -> str:
        """Return the server's version of oTree."""
        return str((await self._json("GET", "/api/otree_version"))["version"])

    async def create_session(
        self,
        config: str,
        num_participants: int,
        *,
        modified: Mapping[str, object] | None = None,
        room: str | None = None,
    ) -> JsonObject:
        """Create a session and return its `code`, `session_wide_url`, `admin_url` and, in a room, `room_url`.

        Args:
            config: name of a session config.
            num_participants: a multiple of the config's group size.
            modified: fields of the config that this session has otherwise.
            room: name of the room it takes place in.
        """
        body: JsonObject = {"session_config_name": config, "num_participants": num_participants}
        body |= {"room_name": room} if room else {}
        body |= {"modified_session_config_fields": dict(modified)} if modified else {}
        return await self._json("POST", "/api/sessions", body)

    async def get_session(self, code: str) -> JsonObject:
        """Return a session's `config`, `num_participants`, `participants` (code, id_in_session, label …)."""
        return await self._json("POST", f"/api/get_session/{quote(code, safe='')}", {})

    async def rooms(self) -> list[JsonObject]:
        """Return each room's `name`, `url` and `session_code` (None: no session is there)."""
        rooms: list[JsonObject] = json.loads(await self._text("GET", "/api/rooms"))
        return rooms

    async def export_wide(self, session: str | None = None) -> Table:
        """Return one row a participant, all apps and rounds side by side."""
        return await self._table("/api/export_wide", session)

    async def export_app_custom(
        self, app: str, session: str | None = None, *, function: str = "custom_export"
    ) -> Table:
        """Return the rows that an app's own export function makes."""
        return await self._table("/api/export_app_custom", session, app=app, function_name=function)

    async def _table(self, path: str, session: str | None, **query: str) -> Table:
        query |= {"session_code": session} if session else {}
        text = await self._text("GET", path, query=query)
        return list(csv.DictReader(io.StringIO(text, newline="")))

    async def _json(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        text = await self._text(method, path, body)
        try:
            answer: JsonObject = json.loads(text)
        except ValueError as error:
            raise UserMustMend(
                "the answer is not that of an oTree server",
                where=self.url + path,
                mend="Give the address of an oTree server.",
            ) from error
        return answer

    async def _text(
        self, method: str, path: str, body: JsonObject | None = None, query: Mapping[str, str] | None = None
    ) -> str:
        headers = {"otree-rest-key": self.key.get_secret_value()} if self.key else {}
        timeout = aiohttp.ClientTimeout(total=_REST_SECONDS)
        try:
            # A redirect is not followed: the key is for this server alone.
            async with (
                aiohttp.ClientSession(headers=headers, timeout=timeout) as http,
                http.request(
                    method, self.url + path, json=body, params=query, allow_redirects=False
                ) as response,
            ):
                text = await response.text()
                if response.status != 200:
                    raise self._refused(path, response.status, text)
                return text
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as error:
            raise unreachable(self.url + path, error) from error

    def _refused(self, path: str, status: int, text: str) -> UserMustMend:
        where = self.url + path
        said = " ".join(text.split())[:200] if "<html" not in text.lower() else f"status {status}"
        if status in (401, 403) and "rest" in said.lower():
            which = "the OTREE_REST_KEY given is not accepted" if self.key else "no OTREE_REST_KEY was given"
            return UserMustMend(
                f"the server asks for its REST key, and {which} ({said})",
                where=where,
                mend="Set OTREE_REST_KEY in bots/config/.env, or in .env of this folder, to the value it "
                "has on the server.",
            )
        if status == 404:
            return UserMustMend(
                f"the server does not know it ({said})",
                where=where,
                mend="Check the address and the session code; the session may have been deleted.",
            )
        if status >= 500:
            return UserMustMend(
                f"the server failed (status {status})", where=where, mend="See the log of the oTree server."
            )
        return UserMustMend(
            f"the server refuses ({said})", where=where, mend="Correct what it names and try again."
        )


def unreachable(where: str, error: Exception) -> UserMustMend:
    """Say that a server does not answer, and how that shows."""
    reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return UserMustMend(
        f"the server cannot be reached ({reason})",
        where=where,
        mend="Check the address, and that the oTree server runs and can be reached from here.",
    )


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How to start an oTree server.

    Args:
        project: folder of the oTree project.
        data_dir: folder that keeps its database; None: a throw-away one.
        host: address to listen on; 0.0.0.0 lets other machines in.
        port: 0 takes a free one.
        python: interpreter of oTree's environment (the setting OTREE_PYTHON); None: the one that was set up.
        env: variables for the server beside our own, such as OTREE_AUTH_LEVEL, OTREE_REST_KEY, DATABASE_URL.
        log: file to which all it writes is appended; None: dropped, but the last lines of a failed start.
        start_seconds: after which a server that does not answer has failed.
    """

    project: Path = SHIPPED_PROJECT
    data_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    python: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    log: Path | None = None
    start_seconds: float = 60.0
    reset: bool = False


@dataclass(frozen=True, slots=True)
class OTreeServer:
    """A server that answers, until its context is left or this process ends in any way.

    Args:
        url: its address, without a path, as seen from this machine.
        pid: ancestor of all its processes.
        log: the file it writes to.
        rest: its REST interface.
        start_seconds: how long it took to start.
    """

    url: str
    pid: int
    log: Path
    rest: OTreeRest
    start_seconds: float

    @staticmethod
    @asynccontextmanager
    async def start(plan: ServerPlan) -> AsyncIterator[OTreeServer]:
        """Start a server and yield it once it answers; end it, and all it started, afterwards.

        Raises:
            UserMustMend: oTree's environment is missing, the port is taken, or the database or the project
                cannot be used.
        """
        guarded, log = _spawn(plan)
        try:
            yield await asyncio.to_thread(_when_ready, plan, guarded, log)
        finally:
            # Ending takes a moment and must be waited for, even when we are cancelled meanwhile.
            await asyncio.shield(asyncio.to_thread(guarded.stop))

    @staticmethod
    @contextmanager
    def start_blocking(plan: ServerPlan) -> Iterator[OTreeServer]:
        """Do what `start` does, without an event loop."""
        guarded, log = _spawn(plan)
        with guarded:
            yield _when_ready(plan, guarded, log)


def _spawn(plan: ServerPlan) -> tuple[Guarded, Path]:
    python = otree_python(plan.python)
    scratch = _scratch_folder()
    log = plan.log or scratch / "server.log"
    command: list[str | Path] = [python, SERVE, f"--project={plan.project}", f"--host={plan.host}"]
    command += [f"--port={plan.port}", f"--data={plan.data_dir or scratch / 'database'}"]
    command += ["--ephemeral"] if plan.data_dir is None else []
    command += ["--reset"] if plan.reset else []
    # Keys of model providers are none of the server's business; its own come with the plan.
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        guarded = Guarded.start(
            command,
            env={**environment_without_secrets(), "PYTHONUNBUFFERED": "1", **plan.env},
            log=log,
            remove=[scratch],
            grace=_STOP_SECONDS,
            read_output=True,
        )
    except OSError as error:
        shutil.rmtree(scratch, ignore_errors=True)
        raise UserMustMend(
            f"the server's log cannot be written ({error.strerror})",
            where=str(log),
            mend="Make the folder writable.",
        ) from error
    return guarded, log


def _scratch_folder() -> Path:
    """Make a folder that the database's own account can reach when we are root."""
    root = sys.platform != "win32" and os.geteuid() == 0
    folder = Path(tempfile.mkdtemp(prefix="otree-", dir="/tmp" if root else None))
    if root:
        folder.chmod(0o711)
    return folder


def _when_ready(plan: ServerPlan, guarded: Guarded, log: Path) -> OTreeServer:
    """Wait for the line in which the server says that it answers, or why it does not."""
    late = threading.Event()

    def end_late_server() -> None:
        late.set()
        guarded.stop()

    overdue = threading.Timer(plan.start_seconds, end_late_server)
    overdue.daemon = True
    overdue.start()
    try:
        line = guarded.output.readline()
    except ValueError:  # closed by the timer
        line = ""
    finally:
        overdue.cancel()
    if late.is_set():  # what it says while it is being ended is no start
        raise _did_not_start(plan, log)
    try:
        said: JsonObject = json.loads(line)
    except ValueError:
        raise _did_not_start(plan, log) from None
    if "error" in said:
        raise UserMustMend(said["error"], where=said["where"], mend=said["mend"])
    key = plan.env.get("OTREE_REST_KEY")
    rest = OTreeRest(said["url"], SecretStr(key) if key else None)
    return OTreeServer(said["url"], guarded.pid, log, rest, said["seconds"])


def _did_not_start(plan: ServerPlan, log: Path) -> UserMustMend:
    try:
        last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    except OSError:
        last = []
    return UserMustMend(
        "\n    ".join([f"the server did not start within {plan.start_seconds:g} s; it wrote last:", *last]),
        where=str(plan.project),
        mend=f"The whole log is {plan.log}." if plan.log else "Name a log file to see all of it.",
    )
