"""Serve an oTree project to people and bots, on a PostgreSQL of its own unless DATABASE_URL names one.

    python otree_project/serve.py --port 8000 --data FOLDER     keeps what participants did in FOLDER
    python otree_project/serve.py                               on a throw-away database and a free port

Runs in oTree's own environment (requirements.txt beside this file). Like `otree prodserver` it is a web
server and a timeout worker; it also starts its database, says when it is ready, and ends all it started.

When it answers, one line of JSON stands on standard output: {"url": "http://127.0.0.1:8000", "port": 8000,
"database": "embedded", "otree": "6.0.15", "seconds": 1.7}. When it cannot start, that line is {"error": …,
"where": …, "mend": …} and the exit code is 2. All else goes to standard error. It ends at SIGTERM, at Ctrl-C
and, if standard input is a pipe, when that pipe ends: it does not outlive the program that started it.

oTree on a file of SQLite locks itself up when page timers fire ("database is locked"), so SQLite is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import logging
import os
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from embedded_postgres import EmbeddedPostgres, Unusable
from stalled_clients import ImpatientSocket, WholeRequests
from watched_requests import WatchedRequests

HERE = Path(__file__).resolve().parent
CLOSE_SECONDS = 1.0  # for requests under way; the sockets of open browsers would never end by themselves
RESTART_SECONDS = 1.0  # before a timeout worker that ended is started again
WORKER = "from otree.main import execute_from_command_line as run; run()"

logger = logging.getLogger("serve")


class Ended(SystemExit):
    """A signal told us to end before the web server was there to hear it."""


class WebServer(uvicorn.Server):
    """The web server of `otree prodserver`; it tells when it answers and waits for no client that stalls."""

    def __init__(self, on_ready: Callable[[], None]) -> None:
        from otree.asgi import app

        # log_config=None: oTree has set its own. One worker: oTree is one process by design.
        inside = WholeRequests(WatchedRequests(app))
        super().__init__(uvicorn.Config(inside, log_config=None, workers=1, ws=ImpatientSocket))
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    def handle_exit(self, sig: signal.Signals, frame: FrameType) -> None:
        super().handle_exit(sig, frame)
        asyncio.get_event_loop().call_later(CLOSE_SECONDS, setattr, self, "force_exit", True)


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind the port on a host, and on 127.0.0.1, where oTree's timeout worker looks for the server.

    Raises:
        Unusable: the host is not this machine's, or the port is taken.
    """
    bound: list[socket.socket] = []
    try:
        ours = [host] if host in ("", "0.0.0.0") else ["127.0.0.1", socket.gethostbyname(host)]
        for address in dict.fromkeys(ours):
            bound.append(socket.create_server((address, port), backlog=2048))
            port = bound[0].getsockname()[1]
    except OSError as error:
        raise Unusable(
            f"the server cannot listen there ({error.strerror})",
            where=f"{host}:{port}",
            mend="Stop the program that uses the port, or choose another one; 0 takes any that is free.",
        ) from error
    return bound


@contextlib.contextmanager
def database(folder: Path | None, *, ephemeral: bool) -> Iterator[bool | None]:
    """Give oTree a database by way of DATABASE_URL; load the project while it starts.

    Yields:
        True: it is new and empty; False: it was used before; None: it is not ours, DATABASE_URL named it.

    Raises:
        Unusable: it cannot be used.
    """
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("sqlite"):
        raise Unusable(
            "SQLite locks itself up when page timers fire",
            where="DATABASE_URL",
            mend="Unset it to use the embedded PostgreSQL, or name an installed PostgreSQL.",
        )
    if given:
        preload()
        yield None
        return
    with contextlib.ExitStack() as opened:
        if folder is None:
            # Root's own TMPDIR may be closed to the account PostgreSQL runs as.
            parent = "/tmp" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="otree-", dir=parent)))
            ephemeral = True
        postgres = EmbeddedPostgres(folder.resolve(), ephemeral=ephemeral)
        opened.callback(postgres.stop)
        os.environ["DATABASE_URL"] = postgres.url
        with ThreadPoolExecutor(1) as background:
            starting = background.submit(postgres.start)
            preload()
            new = starting.result()
        yield new


def preload() -> None:
    """Import the slow modules that oTree's set-up will ask for; none of them opens the database."""
    for name in ("psycopg2", "sqlalchemy.orm", "starlette.applications", "wtforms"):
        importlib.import_module(name)


def load_project(project: Path, *, new: bool | None, reset: bool) -> None:
    """Load the project, make the tables that are missing, and see that those there are the project's.

    Raises:
        Unusable: the project has a fault, or the tables are those of another project or version.
    """
    from sqlalchemy.exc import OperationalError

    try:
        from otree.main import setup

        setup()
        importlib.import_module("otree.asgi")
    except OperationalError as error:
        raise Unusable(
            f"the database cannot be opened ({' '.join(str(error.orig).split())})",
            where="DATABASE_URL",
            mend="See that it names a PostgreSQL that runs, or unset it to use the embedded one.",
        ) from error
    except Ended:
        raise
    except (Exception, SystemExit) as error:  # the project's own code: whatever it raises, it is its fault
        traceback.print_exc()
        raise Unusable(
            f"the project cannot be loaded ({type(error).__name__}: {error})",
            where=str(project),
            mend="The server's log has the traceback; mend the project.",
        ) from error
    if reset:
        from otree.cli.resetdb import Command

        Command().handle(interactive=False)
    elif not new and (misfits := tables_that_do_not_fit()):
        raise Unusable(
            "the tables in the database are not those of this project: " + "; ".join(misfits[:3]),
            where="DATABASE_URL" if new is None else "--data",
            mend="Export the data you need with the version that wrote them; then start once with --reset, "
            "which drops every table and all data in them, or name another database.",
        )


def tables_that_do_not_fit() -> list[str]:
    """Say where the database's tables differ from the project's models; oTree itself does not look."""
    import sqlalchemy
    from otree.database import AnyModel, engine

    inspector = sqlalchemy.inspect(engine)
    found = []
    for table in AnyModel.metadata.sorted_tables:
        there = {column["name"]: column for column in inspector.get_columns(table.name)}
        for column in table.columns:
            kept = there.pop(column.name, None)
            if kept is None:
                found.append(f"{table.name} lacks {column.name}")
            elif kept["type"]._type_affinity is not column.type._type_affinity:
                found.append(f"{table.name}.{column.name} is {kept['type']}, not {column.type}")
        found += [f"{table.name} demands {name}" for name, kept in there.items() if not kept["nullable"]]
    return found


async def run(sockets: list[socket.socket], on_ready: Callable[[], None]) -> None:
    """Answer requests and enforce page timeouts until a signal comes."""
    worker = asyncio.create_task(keep_worker(sockets[0].getsockname()[1]))
    try:
        await WebServer(on_ready).serve(sockets=sockets)
    finally:
        worker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await worker


async def keep_worker(port: int) -> None:
    """Run oTree's timeout worker; without it the pages of people who left hold everybody up."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, "timeoutsubprocess", str(port), stdin=asyncio.subprocess.DEVNULL
        )
        try:
            code = await process.wait()
            logger.error("the timeout worker ended with code %s; it is started again", code)
            await asyncio.sleep(RESTART_SECONDS)
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()


def end_with_owner() -> None:
    """End this process, as by SIGTERM, when the pipe on standard input ends; other inputs mean nothing."""

    def hear() -> None:
        while os.read(0, 4096):
            pass
        signal.raise_signal(signal.SIGTERM)

    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=hear, daemon=True).start()


def end_in_order(number: int, _frame: FrameType | None) -> NoReturn:
    raise Ended(128 + number)


def serve(options: argparse.Namespace, report: Callable[[dict[str, Any]], None]) -> None:
    """Serve until told to end; report once when ready.

    Raises:
        Unusable: it cannot start.
    """
    began = time.monotonic()
    project = options.project.resolve()
    if not (project / "settings.py").exists():
        raise Unusable(
            "no oTree project there", where=str(project), mend="Name a folder that has a settings.py."
        )
    data = options.data and options.data.resolve()  # before the folder changes
    os.chdir(project)
    # The project's modules come first, whatever folder this program stands in.
    sys.path[:] = [str(project), *(entry for entry in sys.path if entry not in (str(project), str(HERE)))]
    os.environ["USE_TIMEOUT_WORKER"] = "1"
    os.environ.setdefault("OTREE_PRODUCTION", "1")
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(each) for each in listen(options.host, options.port)]
        new = opened.enter_context(database(data, ephemeral=options.ephemeral))
        load_project(project, new=new, reset=options.reset)
        import otree

        def on_ready() -> None:
            port = sockets[0].getsockname()[1]
            host = "127.0.0.1" if len(sockets) == 1 else options.host
            report(
                {
                    "url": f"http://{host}:{port}",
                    "port": port,
                    "database": "DATABASE_URL" if new is None else "embedded",
                    "otree": otree.__version__,
                    "seconds": round(time.monotonic() - began, 2),
                }
            )

        asyncio.run(run(sockets, on_ready))
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # we are ending; the database has to end in order


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve an oTree project, with a PostgreSQL of its own.")
    parser.add_argument(
        "--project", type=Path, default=HERE, help="folder of the project (default: this one)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--data", type=Path, help="folder that keeps the database; without it nothing is kept"
    )
    parser.add_argument(
        "--ephemeral", action="store_true", help="nothing in --data is to survive a power cut"
    )
    parser.add_argument("--reset", action="store_true", help="drop every table and all data before starting")
    options = parser.parse_args()
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # oTree writes its access log to standard output, where only our line may stand

    def report(line: dict[str, Any]) -> None:
        print(json.dumps(line), file=lines, flush=True)

    signal.signal(signal.SIGTERM, end_in_order)
    end_with_owner()
    try:
        serve(options, report)
    except Unusable as error:
        report({"error": error.what, "where": error.where, "mend": error.mend})
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
