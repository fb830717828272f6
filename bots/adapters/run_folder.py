"""Run folders: `run-N`, its journal and manifest, and the line in `runs.metadata`.

All but the journal is derived from it; `bots rebuild` makes it again.

bot-data/debug-runs/            bot-data/production-runs/
    runs.metadata               one line a run
    run-7/
        journal.jsonl           append-only, one event a line
        manifest.json           what was run and how it ended
        bot-links.cfg           the links of this run's session
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from bots.adapters.journal_lines import JournalLines
from bots.domain.errors import RecordLost, UserMustMend
from bots.domain.records import (
    EVENTS,
    ActAnswered,
    ActSent,
    DecisionMade,
    Event,
    PageSeen,
    RunDescribed,
    RunEnded,
    RunManifest,
    RunStarted,
    SeatEnded,
)

_RUN = re.compile(r"run-(\d+)\Z")
_DURABLE = (ActSent, RunDescribed, RunStarted, SeatEnded, RunEnded)
_PLAYED_ANEW = frozenset({PageSeen, DecisionMade, ActSent, ActAnswered})  # nothing of them was paid for
_HELD_BACK = 256  # events; many lines made in a row take two thirds of the time of one now and then
_RESERVE_BYTES = 128 * 1024  # more than a manifest and the end of a run take
_force = getattr(os, "fdatasync", os.fsync)  # data and length, not times; not every system can


def runs_folder(data: Path, *, production: bool) -> Path:
    """Return where runs of this kind are kept."""
    return data / ("production-runs" if production else "debug-runs")


def create_run_folder(runs: Path) -> tuple[int, Path]:
    """Make `run-N`, N one above the highest there is, and return N and the folder.

    The folder is made exclusively: of two runs that start at once, one takes the next number.

    Raises:
        UserMustMend: the folder cannot be written.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        while True:
            number = 1 + max(map(_number, runs.iterdir()), default=0)
            folder = runs / f"run-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return number, folder
    except OSError as error:
        raise UserMustMend(
            f"no run folder can be made ({error.strerror})",
            where=str(runs),
            mend="Free space there, make it writable, or name another place with --data-dir.",
        ) from error


def _number(path: Path) -> int:
    match = _RUN.match(path.name)
    return int(match[1]) if match else 0


class JournalWriter:
    """Appends events to `journal.jsonl`; one writer a file, as `run_locked` sees to.

    Every event reaches the operating system before `append` returns, so a killed process loses none; acts and
    ends are forced to the disk as well, so a power cut loses no act that was sent. While it is open it holds
    some space in reserve, so that a run that ends on a full disk can still say so.

    Args:
        durable: as above. Without, for runs that are played anew where they are cut short: pages, decisions
            and acts are written some at a time, whole lines always, all else (exchanges with models among it)
            at once, and only the run's end is forced to the disk.
        reserve: hold space in reserve.

    Raises:
        RecordLost: the file cannot be opened.
    """

    def __init__(self, path: Path, *, durable: bool = True, reserve: bool = True) -> None:
        self._path = path
        self._durable = _DURABLE if durable else (RunEnded,)
        self._held_back = frozenset() if durable else _PLAYED_ANEW
        self._lines = JournalLines()
        self._unwritten: list[Event] = []
        self._reserve = path.with_name(".reserve") if durable and reserve else None
        try:
            new = not path.exists()
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if durable and new:
                _force_folders(path.parent)
            if self._reserve:
                self._reserve.write_bytes(os.urandom(_RESERVE_BYTES))
        except OSError as error:
            raise self._lost(error) from error

    def append(self, event: Event) -> None:
        """Write one event through.

        Raises:
            RecordLost: it cannot be kept; the journal ends with an event before. What was held back stays so.
        """
        self._unwritten.append(event)
        if type(event) in self._held_back and len(self._unwritten) < _HELD_BACK:
            return
        try:
            self._write_out()
            if isinstance(event, self._durable):
                _force(self._descriptor)
        except OSError as error:
            if self._unwritten:
                self._unwritten.pop()
            raise self._lost(error) from error

    def _write_out(self) -> None:
        """Write what is held back; where that fails it stays held back, all of it."""
        parts: list[bytes] = []
        for event in self._unwritten:
            parts += self._lines.parts(event)
        self._write(b"".join(parts))
        self._unwritten = []

    def _write(self, lines: bytes) -> None:
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, lines[written:])
        except OSError:
            self._take_back(written)
            raise

    def _take_back(self, written: int) -> None:
        """Cut off what was written of lines that did not get in whole: half a one would spoil the next."""
        try:
            os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
        except OSError:  # then nothing may follow
            self._unwritten = []
            raise

    def _lost(self, error: OSError) -> RecordLost:
        self._free_reserve()
        return RecordLost(
            f"it can no longer be written ({error.strerror or error}), and nothing is sent that is not in it",
            where=str(self._path),
            mend=f"Free space or mend the disk, then go on with: bots resume {self._path.parent}",
        )

    def _free_reserve(self) -> None:
        if self._reserve:
            with suppress(OSError):
                self._reserve.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what is left and close the file.

        Raises:
            RecordLost: it cannot be written.
        """
        try:
            self._write_out()
        except OSError as error:
            raise self._lost(error) from error
        finally:
            self._free_reserve()
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _force_folders(folder: Path) -> None:
    """Force to the disk that a new file, and the new folder it is in, are there; not every system can."""
    for place in (folder, folder.parent):
        with suppress(OSError):
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class FanOut:
    """A store that also tells listeners, such as the terminal view, what happens."""

    def __init__(self, store: JournalWriter, *listeners: Callable[[Event], None]) -> None:
        self._store = store
        self._listeners = listeners

    def append(self, event: Event) -> None:
        self._store.append(event)
        for listener in self._listeners:
            listener(event)


def mend_journal(path: Path) -> bool:
    """Cut off half a last line, so that appending starts on a line of its own; return whether there was one.

    What stood in it was not sent yet: every event is written whole before its act is sent.
    """
    whole = path.read_bytes()
    end = whole.rfind(b"\n") + 1
    if end == len(whole):
        return False
    with path.open("r+b") as stream:
        if _is_event(whole[end:]):
            stream.seek(0, os.SEEK_END)
            stream.write(b"\n")
            return False
        stream.truncate(end)
    return True


def _is_event(line: bytes) -> bool:
    try:
        EVENTS.validate_json(line)
    except ValueError:
        return False
    return True


@contextmanager
def run_locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; the lock goes with the process, however it ends.

    Raises:
        UserMustMend: another process runs this folder.
    """
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UserMustMend(
            "another process is running this folder",
            where=str(folder),
            mend="Wait until it ends, or end it, then try again.",
        ) from None
    except OSError as error:
        raise UserMustMend(
            f"it cannot be locked for this process ({error.strerror or error})",
            where=str(folder),
            mend="Make the folder writable, or copy it to a place that is.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_played(folder: Path) -> bool:
    """Tell whether a process plays this folder at this moment."""
    if not (folder / ".lock").exists():
        return False
    try:
        with FileLock(folder / ".lock", blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # on a medium that takes no locks nobody plays
        return False


@contextmanager
def written_in(folder: Path) -> Iterator[None]:
    """Turn a folder that cannot be written to into what the user must mend."""
    try:
        yield
    except OSError as error:
        raise UserMustMend(
            f"it cannot be written ({error.strerror or error})",
            where=str(error.filename or folder),
            mend="Free space there or make it writable, then try again.",
        ) from error


def write_manifest(folder: Path, manifest: RunManifest) -> None:
    """Write `manifest.json` whole or not at all."""
    replace_file(folder / "manifest.json", manifest.model_dump_json(indent=2) + "\n")


def read_manifest(folder: Path) -> RunManifest:
    """Read `manifest.json`.

    Raises:
        UserMustMend: there is none, or it is no manifest of this version.
    """
    path = folder / "manifest.json"
    try:
        return RunManifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserMustMend(
            f"no readable manifest of a run ({error})",
            where=str(path),
            mend="Name a run folder such as bot-data/debug-runs/run-1.",
        ) from error


def replace_file(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old text or the new one and nothing between."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def metadata_line(manifest: RunManifest) -> str:
    """Return the run's line: timestamp, run number, model, subjects, bots, comments, link."""
    fields = (
        manifest.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        str(manifest.run),
        manifest.model,
        str(manifest.subjects),
        str(manifest.bots),
        manifest.notes,
        manifest.url,
    )
    return " | ".join(map(_one_field, fields)) + "\n"


def _one_field(text: str) -> str:
    return " ".join(text.replace("|", "¦").split())


def has_metadata(runs: Path, manifest: RunManifest) -> bool:
    """Tell whether the run's line stands in `runs.metadata`."""
    path = runs / "runs.metadata"
    return path.exists() and metadata_line(manifest) in path.read_text(encoding="utf-8", errors="replace")


def append_metadata(runs: Path, manifest: RunManifest) -> None:
    """Append the run's line to `runs.metadata` in one write, so that runs that start at once do not mix."""
    descriptor = os.open(runs / "runs.metadata", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, metadata_line(manifest).encode())
    finally:
        os.close(descriptor)
