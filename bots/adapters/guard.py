"""Runs a command so that nothing of it outlives us, however we end.

    us ──pipe──▶ guard ──▶ command ──▶ whatever the command starts, in any session or process group

The guard is this file run as a program of its own. It ends the command and all its descendants when the pipe
from us reaches its end (we closed it, crashed or were killed), when it gets SIGTERM, SIGINT or SIGHUP, and
when the command itself has ended and left something behind. It first asks the command alone, which may want
to end its own children in order, then asks everything that is left, then kills. A signal that comes while it
does so makes it kill at once.

Linux makes the guard the parent of every orphan below it, so that daemons (PostgreSQL) and programs that
leave their process group (Chromium) stay findable. Elsewhere a descendant is also known by a mark in its
environment.

Only the standard library is imported, and the file is run by its path: the guard is up in some 30 ms.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

_MARK: Final = "BOTS_GUARD"
_WINDOWS: Final = sys.platform == "win32"
_STOP_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGHUP")
_SIGKILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows knows only one way to end a process
_PR_SET_CHILD_SUBREAPER: Final = 36  # <linux/prctl.h>
_KILL_SECONDS: Final = 5.0  # for the system to carry out SIGKILL
_NOT_STARTED: Final = 127  # a shell's exit code for a command that is not there


_SECRETS: Final = ("_API_KEY", "_REST_KEY", "_PASSWORD", "_SECRET", "_TOKEN")


def environment_without_secrets() -> dict[str, str]:
    """Return our environment as a browser or a server may have it: without keys and passwords."""
    return {name: value for name, value in os.environ.items() if not _is_secret(name)}


@contextlib.contextmanager
def secrets_kept_back() -> Iterator[None]:
    """Take keys and passwords out of our environment meanwhile: libraries start programs too."""
    held = {name: os.environ.pop(name) for name in list(os.environ) if _is_secret(name)}
    try:
        yield
    finally:
        os.environ.update(held)


def _is_secret(name: str) -> bool:
    return name.upper().endswith(_SECRETS)


class Guarded:
    """Our side: a command and all it starts, ended when this object is stopped or this process ends."""

    def __init__(self, process: subprocess.Popen[str], grace: float) -> None:
        self._process = process
        self._grace = grace

    @classmethod
    def start(  # noqa: PLR0913 - the options of a process, all by keyword
        cls,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path | None = None,
        remove: Iterable[Path] = (),
        grace: float = 5.0,
        read_output: bool = False,
        read_errors: bool = False,
    ) -> Self:
        """Start a command under a guard, in a session of its own: the terminal's Ctrl-C reaches only us.

        Args:
            command: program and arguments; its standard input is a pipe that ends when the guard does.
            env: its whole environment; None: ours.
            cwd: its working folder; None: ours.
            log: file to which its output is appended; None: its output is dropped.
            remove: folders deleted once all of it has ended, such as a browser's profile.
            grace: seconds given for ending in order, once to the command and once to what it leaves.
            read_output: standard output is kept for `output` to read; standard error alone goes to the log.
            read_errors: standard error is kept there too.

        Raises:
            OSError: the guard cannot be started or the log cannot be opened. A command that cannot be started
                shows as exit code 127.
        """
        options = [f"--grace={grace}", *(f"--remove={folder}" for folder in remove)]
        with contextlib.ExitStack() as opened:
            sink = opened.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            process = subprocess.Popen(
                [sys.executable, "-I", __file__, *options, "--", *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if read_output else sink,
                stderr=subprocess.STDOUT if read_errors else sink,
                env=env,
                cwd=cwd,
                text=True,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        return cls(process, grace)

    @property
    def pid(self) -> int:
        """Process id of the guard, the ancestor of everything it guards."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code of the command (128 + n: ended by signal n); None while it runs."""
        return self._process.poll()

    @property
    def output(self) -> IO[str]:
        """Standard output of the command.

        Raises:
            ValueError: it was not asked for with `read_output`.
        """
        if self._process.stdout is None:
            raise ValueError("this command was started without read_output")
        return self._process.stdout

    def drop_output(self) -> None:
        """Read what it says from now on, and keep nothing: a full pipe would stop it."""
        threading.Thread(target=deque, args=(self.output, 0), daemon=True, name="dropped output").start()

    def wait(self, timeout: float) -> int:
        """Wait until the command has ended by itself and nothing of it is left; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs after so many seconds.
        """
        return self._process.wait(timeout)

    def stop(self, timeout: float | None = None) -> int:
        """End the command and everything it started; safe to call twice. Blocks until all are gone.

        Args:
            timeout: seconds after which what is left is killed; None: after the grace times.

        Returns:
            The command's exit code.

        Raises:
            subprocess.TimeoutExpired: the system did not carry out SIGKILL in 5 s.
        """
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        orderly = 2 * self._grace + _KILL_SECONDS if timeout is None else timeout
        try:
            code = self._process.wait(orderly)
        except subprocess.TimeoutExpired:
            self._process.terminate()
            code = self._process.wait(2 * _KILL_SECONDS)
        if self._process.stdout:
            self._process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Guard:
    """The guard's side. Signals, ended children and the end of the pipe arrive as words on one queue."""

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._mark = os.urandom(8).hex()
        self._heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._keeps_orphans = _adopt_orphans()
        self._hurry = False

    def run(self, command: Sequence[str]) -> int:
        """Run a command until it ends or we are told to; end what is left of it; return its exit code."""
        self._listen()
        # Its own standard input ends with us: should the guard itself be killed, a command can notice.
        self._command = subprocess.Popen(
            command, stdin=subprocess.PIPE, env={**os.environ, _MARK: self._mark}
        )
        threading.Thread(target=self._hear_pipe, daemon=True).start()
        if _WINDOWS:
            threading.Thread(target=self._hear_command, daemon=True).start()
        while self._heard.get() == "child" and self._command_runs():
            pass
        self._end_all()
        code = self._command.returncode
        return 128 + _SIGKILL if code is None else code if code >= 0 else 128 - code

    def _listen(self) -> None:
        for name in _STOP_SIGNALS:
            if number := getattr(signal, name, None):
                signal.signal(number, lambda _number, _frame: self._heard.put("signal"))
        if sys.platform != "win32":
            signal.signal(signal.SIGCHLD, lambda _number, _frame: self._heard.put("child"))

    def _hear_pipe(self) -> None:
        while os.read(0, 4096):
            pass
        self._heard.put("pipe")

    def _hear_command(self) -> None:
        self._command.wait()
        self._heard.put("child")

    def _command_runs(self) -> bool:
        """Collect ended children, adopted ones too; return whether the command still runs."""
        if sys.platform != "win32":
            with contextlib.suppress(ChildProcessError):
                while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                    if ended[0] == self._command.pid:
                        self._command.returncode = os.waitstatus_to_exitcode(ended[1])
        return self._command.returncode is None

    def _family(self) -> set[int]:
        """Return the ids of everything below us that still runs."""
        self._command_runs()
        return _descendants_in_proc() if self._keeps_orphans else _descendants_by_mark(self._mark)

    def _end_all(self) -> None:
        if self._command_runs():
            _send(signal.SIGTERM, {self._command.pid})
            self._wait_until(lambda: not self._command_runs())
        if family := self._family():
            _send(signal.SIGTERM, family)
            self._wait_until(lambda: not self._family())
        until = time.monotonic() + _KILL_SECONDS
        while (family := self._family()) and time.monotonic() < until:
            _send(_SIGKILL, family)
            self._hear(until)

    def _wait_until(self, over: Callable[[], bool]) -> None:
        """Wait for what ended children bring about, at most the grace time."""
        until = time.monotonic() + self._grace
        while not (self._hurry or over()) and time.monotonic() < until:
            self._hear(until)

    def _hear(self, until: float) -> None:
        # An end of which no signal tells us (a grandchild's, or any on Windows) is looked for every 0.1 s.
        with contextlib.suppress(queue.Empty):
            self._hurry |= self._heard.get(timeout=max(0.0, min(0.1, until - time.monotonic()))) == "signal"


def _adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent ends; return whether the system does that."""
    if sys.platform != "linux":
        return False
    import ctypes

    return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def _descendants_in_proc() -> set[int]:
    """Return our descendants that still run, from Linux's table of processes."""
    children: defaultdict[int, list[tuple[int, bytes]]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry.name}/stat", "rb") as stat:
                # The second field, the name in parentheses, may itself contain anything.
                state, parent = stat.read().rpartition(b")")[2].split()[:2]
                children[int(parent)].append((int(entry.name), state))
    found: set[int] = set()
    parents = [os.getpid()]
    while parents:
        for pid, state in children[parents.pop()]:
            if state not in b"ZX":  # ended, only not yet collected
                found.add(pid)
            parents.append(pid)
    return found


def _descendants_by_mark(mark: str) -> set[int]:
    """Return our descendants that still run: those below us, and those that carry our mark."""
    import psutil

    family = {process.pid for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(_MARK) == mark:
                family.add(process.pid)
    return {pid for pid in family if _runs(pid)}


def _runs(pid: int) -> bool:
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _send(number: int, pids: Iterable[int]) -> None:
    for pid in pids:
        # Gone since it was listed, or run as somebody whom we may not signal.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def main() -> int:
    """Run `guard [--grace SECONDS] [--remove FOLDER]… -- COMMAND…`; return the command's exit code."""
    parser = argparse.ArgumentParser(prog="guard", description="Run a command; leave nothing of it behind.")
    parser.add_argument("--grace", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--remove", action="append", default=[], metavar="FOLDER")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    try:
        return _Guard(options.grace).run(options.command)
    except OSError as error:
        print(f"{options.command[0]} cannot be run: {error.strerror}", file=sys.stderr)
        return _NOT_STARTED
    finally:
        for folder in options.remove:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
