"""A study's folder: what was planned, and a run folder for every market that was begun.

bot-data/studies/NAME-HASH/
    study.json              the resolved plan that HASH is of
    plan.toml               the file it came from, as it was when the study was begun
    runs.metadata           one line a run
    run-1/ run-2/ …         ordinary run folders; each manifest names its treatment and repetition

A market that failed or was cut short keeps its folder, for what it cost and what it shows, and is played anew
in another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bots.adapters.models.limits import Spent, spent_on
from bots.adapters.run_folder import read_manifest, replace_file
from bots.analysis.model_use import ModelMeter
from bots.domain.errors import UserMustMend
from bots.domain.records import EVENTS, Event, RunManifest, RunOutcome
from bots.domain.study import Rules
from bots.services.study_plan import Study

CellKey = tuple[str, int]  # treatment, repetition

_CUT_SHORT = (RunOutcome.RUNNING, RunOutcome.INTERRUPTED, RunOutcome.TIMED_OUT)
_EXCHANGES = ('"event":"run_resumed"', '"event":"model_asked"', '"event":"model_replied"')


@dataclass(frozen=True, slots=True)
class CellRun:
    """The run that stands for a cell: one in which all decided, else a finished one, else the latest."""

    folder: Path
    manifest: RunManifest

    @property
    def key(self) -> CellKey:
        """Which cell of the study it played."""
        about = self.manifest.configuration.get("study", {})
        return str(about.get("treatment")), int(about.get("repetition", 0))

    @property
    def finished(self) -> bool:
        """Whether its traders came to the end of the market."""
        return self.manifest.outcome is RunOutcome.FINISHED

    @property
    def undecided(self) -> bool:
        """Whether it is finished, and every decision of some trader failed."""
        return self.finished and bool(self.manifest.undecided)

    def stands(self, rules: Rules) -> bool:
        """Whether the cell is done, by the plan's rules."""
        return self.finished and not (rules.exclude_undecided and self.undecided)


def study_folder(data: Path, study: Study) -> Path:
    """Return where a study is kept."""
    return data / "studies" / study.folder_name


def open_study_folder(data: Path, study: Study) -> Path:
    """Return the study's folder, made and described where it is new.

    Raises:
        UserMustMend: the folder cannot be written.
    """
    folder = study_folder(data, study)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "study.json").exists():
            replace_file(folder / "plan.toml", study.where.read_text(encoding="utf-8"))
            told = {"hash": study.hash, **study.resolved}
            replace_file(folder / "study.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UserMustMend(
            f"no study folder can be made ({error.strerror})",
            where=str(folder),
            mend="Free space there, make it writable, or name another place with --data-dir.",
        ) from error
    return folder


def cell_runs(folder: Path) -> Mapping[CellKey, CellRun]:
    """Return the run that stands for each cell that was begun.

    Raises:
        UserMustMend: a manifest is there and cannot be read.
    """
    return {key: standing(runs) for key, runs in runs_by_cell(folder).items()}


def runs_by_cell(folder: Path) -> Mapping[CellKey, Sequence[CellRun]]:
    """Return all runs of each cell that was begun, in the order they were; otherwise as `cell_runs`."""
    found: dict[CellKey, list[CellRun]] = {}
    for run in _runs(folder):
        found.setdefault(run.key, []).append(run)
    return found


def standing(runs: Sequence[CellRun]) -> CellRun:
    """Return which of a cell's runs stands for it."""
    return max(reversed(runs), key=_rank)  # of several alike the latest


def cut_short(runs: Iterable[CellRun]) -> tuple[CellRun, ...]:
    """Return those of a cell's runs that were killed, interrupted or timed out."""
    return tuple(run for run in runs if run.manifest.outcome in _CUT_SHORT)


def _rank(run: CellRun) -> int:
    return run.finished + (run.finished and not run.undecided)


def _runs(folder: Path) -> Iterator[CellRun]:
    """Yield the runs in the order they were begun; a folder whose run was killed at once has no manifest."""
    folders = (path.parent for path in folder.glob("run-*/manifest.json"))
    for run in sorted(folders, key=lambda path: int(path.name.removeprefix("run-"))):
        yield CellRun(run, read_manifest(run))


def spent_so_far(folder: Path) -> Mapping[str, Spent]:
    """Return what the runs of each treatment have used of models, as their journals tell and budgets count.

    Runs that failed or were cut short count too: a request without a reply as the most it may have used.
    """
    spent: dict[str, Spent] = {}
    for run in _runs(folder):
        journal = run.folder / "journal.jsonl"
        if journal.exists():
            meter = ModelMeter(exchanges(journal))
            meter.cut_short()
            spent.setdefault(run.key[0], Spent()).add(spent_on(meter.uses))
    return spent


def exchanges(journal: Path) -> Iterator[Event]:
    """Yield a journal's requests to models and their replies, without a last line that a kill has torn."""
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            if any(sign in line for sign in _EXCHANGES) and line.endswith("\n"):
                yield EVENTS.validate_json(line)
