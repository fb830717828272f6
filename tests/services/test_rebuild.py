"""Every file of a run is made again from its journal, as it was."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from bots.adapters.run_folder import JournalWriter, append_metadata, read_manifest, run_locked, write_manifest
from bots.analysis.run_data import read_journal
from bots.analysis.run_manifest import manifest_of
from bots.domain.errors import UserMustMend
from bots.domain.records import (
    Event,
    RunDescribed,
    RunEnded,
    RunOutcome,
    RunResumed,
    RunStarted,
    SeatEnded,
    SeatOutcome,
)
from bots.services.cli import main
from bots.services.rebuild import rebuild
from tests.analysis.played_runs import play_run
from tests.manifests import NOW, manifest

LINKS = {
    1: "http://localhost:8000/InitializeParticipant/abc",
    2: "http://localhost:8000/InitializeParticipant/d",
}


def ended(seat: int, outcome: SeatOutcome) -> SeatEnded:
    return SeatEnded(at=NOW, seat=seat, outcome=outcome)


RESUMED = RunResumed(at=NOW + timedelta(hours=1), torn=True)
FIRST_PART: list[Event] = [
    RunDescribed(at=NOW, manifest=manifest(), links=LINKS),
    RunStarted(at=NOW, seats=2),
    ended(1, SeatOutcome.FINISHED),
    ended(2, SeatOutcome.INTERRUPTED),
    RunEnded(at=NOW, outcome=RunOutcome.INTERRUPTED, reason="1 of 2 seats interrupted"),
]


def test_a_manifest_says_how_the_last_part_of_a_run_ended() -> None:
    seats = {1: SeatOutcome.FINISHED, 2: SeatOutcome.INTERRUPTED}
    first = manifest_of(FIRST_PART)
    killed = manifest_of([*FIRST_PART, RESUMED])
    whole = manifest_of(
        [*FIRST_PART, RESUMED, ended(2, SeatOutcome.FINISHED), RunEnded(at=NOW, outcome=RunOutcome.FINISHED)]
    )

    assert (first.outcome, first.ended) == (RunOutcome.INTERRUPTED, NOW)
    assert {seat.seat: seat.outcome for seat in first.seats} == seats
    assert (killed.outcome, killed.ended, killed.resumed) == (RunOutcome.RUNNING, None, (RESUMED.at,))
    assert [seat.outcome for seat in killed.seats] == [SeatOutcome.FINISHED, SeatOutcome.RUNNING]
    assert (whole.outcome, {seat.outcome for seat in whole.seats}) == (
        RunOutcome.FINISHED,
        {SeatOutcome.FINISHED},
    )


def described_run(folder: Path) -> Path:
    """Play a session, and begin its journal as a run does."""
    play_run(folder, ("fundamentalist", "zero-intelligence"), practice_rounds=0, paid_rounds=2)
    path, played = folder / "journal.jsonl", read_manifest(folder)
    running = {"outcome": RunOutcome.RUNNING, "ended": None}
    first = RunDescribed(at=NOW, manifest=played.model_copy(update=running), links=LINKS)
    path.write_text(first.model_dump_json() + "\n" + path.read_text())
    return folder


def test_what_is_deleted_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = described_run(tmp_path / "run-1")
    rebuild(folder)
    before = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for file in tmp_path.rglob("*"):
        if file.is_file() and file.name != "journal.jsonl":
            file.unlink()

    written = rebuild(folder)
    after = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    assert after == before
    assert {file.name for file in written} >= {"manifest.json", "runs.metadata", "report.html"}


def test_links_and_the_metadata_line_come_back_once(tmp_path: Path) -> None:
    folder = tmp_path / "run-7"
    folder.mkdir()
    with JournalWriter(folder / "journal.jsonl") as journal:
        for event in FIRST_PART:
            journal.append(event)
    append_metadata(tmp_path, manifest())
    with (folder / "journal.jsonl").open("a") as stream:
        stream.write('{"event": "seat_en')

    rebuild(folder)

    links = (folder / "bot-links.cfg").read_text().splitlines()[1:]
    assert links == [f"{number}={url}" for number, url in LINKS.items()]
    assert len((tmp_path / "runs.metadata").read_text().splitlines()) == 1
    assert read_manifest(folder) == manifest_of(read_journal(folder).events)


def test_a_run_that_is_played_or_has_no_journal_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "run-7"
    folder.mkdir()
    with pytest.raises(UserMustMend, match=r"journal cannot be read .*Name a run folder"):
        rebuild(folder)
    with JournalWriter(folder / "journal.jsonl") as journal:
        journal.append(FIRST_PART[0])
    write_manifest(folder, manifest())
    with run_locked(folder), pytest.raises(UserMustMend, match="another process"):
        rebuild(folder)
    shutil.copy(folder / "manifest.json", folder / "journal.jsonl")
    with pytest.raises(UserMustMend, match="journal line 1"):
        rebuild(folder)


def test_a_run_whose_process_is_gone_is_shown_as_killed_and_one_that_is_played_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = play_run(tmp_path / "run-1", ("hold", "hold"), practice_rounds=0, paid_rounds=1)
    running = read_manifest(folder).model_copy(update={"outcome": RunOutcome.RUNNING, "ended": None})
    write_manifest(folder, running)
    main(["show", str(folder)])
    killed = capsys.readouterr().out
    with run_locked(folder):
        main(["show", str(folder)])
    played = capsys.readouterr().out

    assert f"killed. Go on with: bots resume {folder}" in "".join(killed.split("\n"))
    assert "hold, running" in played
