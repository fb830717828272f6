"""What a command and everything it starts take: processor time and memory, browsers and the rest apart."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

_CPU_EVERY: Final = 0.25  # seconds between looks at processor time
_MEMORY_EVERY: Final = 8  # looks between those at the memory of a browser's processes, which cost more
_FEW: Final = 4  # processes whose memory is looked at each time
_BROWSERS: Final = ("chrom", "headless_shell", "firefox")
_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Processors that were busy for `seconds`: 1 is one of them all the time."""

    seconds: float
    client: float
    browser: float


@dataclass(slots=True)
class Taken:
    """What a command took.

    Attributes:
        seconds: from its start to its end.
        client_cpu, browser_cpu: processor seconds, of browsers and their drivers, and of all else.
        begun: of each process that is no browser's, how many seconds after the command it began, and its
            processor seconds.
        started: when the command began, seconds since the epoch.
        looks: processor seconds so far, of the client and of browsers, each after the seconds since the epoch
            at which they were read, oldest first.
        memory: of all processes together in MB, shared pages counted once (PSS), oldest first, each after the
            seconds since the epoch at which it was taken.
        code: exit code; None where it was ended for taking too long.
    """

    seconds: float = 0.0
    started: float = 0.0
    client_cpu: float = 0.0
    browser_cpu: float = 0.0
    begun: Sequence[tuple[float, float]] = ()
    looks: Sequence[tuple[float, float, float]] = ()
    memory: Sequence[tuple[float, float]] = ()
    code: int | None = None

    def client_cpu_begun_after(self, moment: float) -> float:
        """Return the processor seconds of what the command started after a time, browsers left out.

        Args:
            moment: seconds since the epoch.
        """
        return sum(seconds for began, seconds in self.begun if self.started + began > moment)

    def most_memory(self, until: float = math.inf) -> float:
        """Return the most memory until a time in seconds since the epoch, in MB; 0 where nobody looked."""
        return max((size for at, size in self.memory if at <= until), default=0.0)

    def load(self, since: float, until: float) -> Load | None:
        """Return what was taken between two times, seconds since the epoch; None where it is not known."""
        within = [look for look in self.looks if since <= look[0] <= until]
        if len(within) < 2:
            return None
        (start, *before), (end, *after) = within[0], within[-1]
        client, browser = ((now - then) / (end - start) for then, now in zip(before, after, strict=True))
        return Load(end - start, client, browser)


@dataclass
class _Watch:
    """Looks at the processes of a command until told to stop."""

    root: psutil.Process
    stop: threading.Event = field(default_factory=threading.Event)
    cpu: dict[tuple[int, float], tuple[bool, float]] = field(default_factory=dict)
    looks: list[tuple[float, float, float]] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    def run(self) -> None:
        looks = 0
        while not self.stop.wait(_CPU_EVERY):
            with contextlib.suppress(psutil.Error):
                family = [self.root, *self.root.children(recursive=True)]
                for one in family:
                    with contextlib.suppress(psutil.Error):
                        self._see(one)
                self.looks.append((time.time(), self.taken(browser=False), self.taken(browser=True)))
                if looks % _MEMORY_EVERY == 0 or len(family) <= _FEW:
                    self.memory.append((time.time(), sum(map(_pss, family)) / _MEGABYTE))
            looks += 1

    def taken(self, *, browser: bool) -> float:
        """Return the processor seconds so far, of browsers and their drivers or of all else."""
        return sum(seconds for of_browser, seconds in self.cpu.values() if of_browser is browser)

    def _see(self, one: psutil.Process) -> None:
        times = one.cpu_times()
        browser = one.name().startswith(_BROWSERS)
        self.cpu[one.pid, one.create_time()] = browser, times.user + times.system


def run(command: Sequence[str | Path], *, env: Mapping[str, str], folder: Path, most_seconds: float) -> Taken:
    """Run a command and return what it took; one that takes too long is ended."""
    started = time.monotonic()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **env},
            cwd=folder,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        taken = Taken(started=time.time())
        watch = _Watch(psutil.Process(process.pid))
        began = watch.root.create_time()  # by a clock that may be off by a second, as it is for all processes
        thread = threading.Thread(target=watch.run)
        thread.start()
        try:
            taken.code = process.wait(most_seconds)
        except subprocess.TimeoutExpired:
            _end(watch.root)
        finally:
            taken.seconds = time.monotonic() - started
            watch.stop.set()
            thread.join()
    taken.begun = [
        (created - began, seconds) for (_, created), (browser, seconds) in watch.cpu.items() if not browser
    ]
    taken.client_cpu, taken.browser_cpu = watch.taken(browser=False), watch.taken(browser=True)
    taken.looks, taken.memory = watch.looks, watch.memory
    return taken


def _pss(one: psutil.Process) -> int:
    try:
        return int(one.memory_full_info().pss)
    except psutil.Error:
        return 0


def _end(root: psutil.Process) -> None:
    family = [root, *root.children(recursive=True)]
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.send_signal(signal.SIGKILL)
