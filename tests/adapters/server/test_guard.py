"""The guard leaves nothing of a command behind, however its owner ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bots.adapters import guard
from bots.adapters.guard import Guarded

# Starts a daemon as PostgreSQL does (two forks and a session of its own) and a stubborn child that ignores
# SIGTERM, writes their process ids, and sleeps.
FAMILY = """
import os, signal, sys, time
def note(name):
    path = os.path.join(sys.argv[1], name)
    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)  # a note is there whole or not at all
def doze():
    while True:
        time.sleep(60)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note("daemon"); doze()
    os._exit(0)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN); note("stubborn"); doze()
note("command")
while len([n for n in os.listdir(sys.argv[1]) if n in ("daemon", "stubborn")]) < 2:
    time.sleep(0.01)
print("ready", flush=True)
doze()
"""

OWNER = """
import sys, time
from pathlib import Path
from bots.adapters.guard import Guarded
guarded = Guarded.start([sys.executable, "-c", sys.argv[2], sys.argv[1]], read_output=True, grace=0.3)
print(guarded.output.readline(), guarded.pid, flush=True)
time.sleep(60)
"""


LONGER_THAN_ANY_TEST = 3600.0


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Guarded]:
    def start_family(**options: float) -> Guarded:
        guarded = Guarded.start(
            [sys.executable, "-c", FAMILY, tmp_path],
            read_output=True,
            **({"grace": 0.3} | options),  # type: ignore[arg-type]
        )
        assert guarded.output.readline() == "ready\n"
        return guarded

    return start_family


def pids(folder: Path) -> dict[str, int]:
    return {path.name: int(path.read_text()) for path in folder.iterdir()}


def running(numbers: dict[str, int]) -> set[str]:
    return {name for name, pid in numbers.items() if runs(pid)}


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # ended, not yet collected by its parent
    except psutil.NoSuchProcess:
        return False


def wait_until_gone(numbers: dict[str, int], seconds: float) -> None:
    until = time.monotonic() + seconds
    while running(numbers) and time.monotonic() < until:
        time.sleep(0.02)


def test_stop_ends_daemons_and_children_that_ignore_the_first_signal(
    start: Callable[..., Guarded], tmp_path: Path
) -> None:
    guarded = start()
    family = pids(tmp_path)
    assert running(family) == {"command", "daemon", "stubborn"}

    code = guarded.stop()

    assert running(family) == set()
    assert code == 128 + signal.SIGTERM
    assert not guarded.alive


def test_owner_killed_outright_leaves_no_descendant(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path, FAMILY], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout
    with owner.stdout as said:
        assert said.readline() == "ready\n"
        family = pids(tmp_path) | {"guard": int(said.readline())}
    owner.kill()
    owner.wait()

    wait_until_gone(family, seconds=5)

    assert running(family) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_guard_that_is_told_to_end_ends_everything(
    start: Callable[..., Guarded], tmp_path: Path, number: signal.Signals
) -> None:
    guarded = start()

    os.kill(guarded.pid, number)
    guarded.stop()

    assert running(pids(tmp_path)) == set()


def test_command_that_is_killed_leaves_none_of_its_children(
    start: Callable[..., Guarded], tmp_path: Path
) -> None:
    guarded = start()

    os.kill(pids(tmp_path)["command"], signal.SIGKILL)

    assert guarded.wait(5) == 128 + signal.SIGKILL
    assert running(pids(tmp_path)) == set()
    guarded.stop()


def test_short_timeout_cuts_a_long_grace_short(start: Callable[..., Guarded], tmp_path: Path) -> None:
    guarded = start(grace=LONGER_THAN_ANY_TEST)

    guarded.stop(timeout=0.2)

    assert running(pids(tmp_path)) == set()


def test_where_orphans_are_not_adopted_the_mark_finds_them(
    start: Callable[..., Guarded], tmp_path: Path
) -> None:
    with start():
        mark = psutil.Process(pids(tmp_path)["command"]).environ()["BOTS_GUARD"]
        assert guard._descendants_by_mark(mark) >= set(pids(tmp_path).values())


def test_command_ends_with_its_own_exit_code_and_output_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Guarded.start([sys.executable, "-c", "print('done'); raise SystemExit(7)"], log=log) as guarded:
        assert guarded.wait(5) == 7
    assert log.read_text() == "done\n"


def test_command_that_is_missing_is_named_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Guarded.start([tmp_path / "no-such-driver"], log=log) as guarded:
        assert guarded.wait(5) == 127
    assert "no-such-driver cannot be run: No such file or directory" in log.read_text()


def test_folders_are_removed_after_the_command_has_ended(tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    (profile / "cookies").touch()
    with Guarded.start([sys.executable, "-c", "import time; time.sleep(60)"], remove=[profile]):
        assert profile.exists()
    assert not profile.exists()


def test_a_command_that_obeys_is_not_given_its_whole_grace() -> None:
    obedient = [sys.executable, "-I", "-c", "print('up', flush=True); input()"]
    guarded = Guarded.start(obedient, read_output=True, grace=LONGER_THAN_ANY_TEST)
    guarded.output.readline()
    guarded.stop()
    guarded.stop()
    assert not guarded.alive
