from __future__ import annotations

import contextlib
import resource
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.journal_lines import JournalLines
from bots.adapters.run_folder import (
    JournalWriter,
    append_metadata,
    create_run_folder,
    metadata_line,
    read_manifest,
    write_manifest,
)
from bots.domain.errors import RecordLost, UserMustMend
from bots.domain.pages import Field, FieldKind, Form
from bots.domain.records import (
    ActAnswered,
    ModelReplied,
    PageMissed,
    PageSeen,
    RunStarted,
    parse_journal,
)
from tests.manifests import NOW, manifest
from tests.market_pages import view


def test_the_first_run_is_number_one(tmp_path: Path) -> None:
    assert create_run_folder(tmp_path / "debug-runs") == (1, tmp_path / "debug-runs" / "run-1")


def test_a_new_run_is_one_above_the_highest_even_where_runs_were_deleted(tmp_path: Path) -> None:
    for name in ("run-2", "run-9", "run-x", "notes"):
        (tmp_path / name).mkdir()

    assert create_run_folder(tmp_path)[0] == 10


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    numbers: list[int] = []
    threads = [
        threading.Thread(target=lambda: numbers.append(create_run_folder(tmp_path)[0])) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 17))


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UserMustMend, match="no run folder can be made"):
        create_run_folder(tmp_path / "file" / "debug-runs")


def test_the_metadata_line_has_its_seven_fields() -> None:
    assert metadata_line(manifest(model="gpt-4o", subjects=6, bots=4, notes="a first try")) == (
        "2026-03-01T12:00:05Z | 7 | gpt-4o | 6 | 4 | a first try | "
        "http://localhost:8000/SessionStartLinks/abc123\n"
    )


@given(st.text())
def test_no_notes_break_the_metadata_line(notes: str) -> None:
    line = metadata_line(manifest(notes=notes))

    assert len(line[:-1].splitlines()) == 1
    assert len(line.split(" | ")) == 7


def test_runs_append_their_lines(tmp_path: Path) -> None:
    append_metadata(tmp_path, manifest(run=1))
    append_metadata(tmp_path, manifest(run=2))

    lines = (tmp_path / "runs.metadata").read_text().splitlines()
    assert [line.split(" | ")[1] for line in lines] == ["1", "2"]


def test_a_manifest_reads_back_as_it_was_written(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(notes="with | a bar\nand a line"))

    assert read_manifest(tmp_path) == manifest(notes="with | a bar\nand a line")
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_folder_without_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match=r"manifest\.json"):
        read_manifest(tmp_path)


def journal_of(path: Path) -> bytes:
    with JournalWriter(path) as journal:
        journal.append(RunStarted(at=NOW, seats=2))
        journal.append(
            PageMissed(at=NOW, seat=1, page="trade", round=3, reason="the page's time was over · ü")
        )
    return path.read_bytes()


def test_a_journal_reads_back_as_it_was_written(tmp_path: Path) -> None:
    read = parse_journal(journal_of(tmp_path / "journal.jsonl").decode())

    assert [event.event for event in read.events] == ["run_started", "page_missed"]
    assert not read.torn


def test_a_journal_cut_at_any_byte_loses_at_most_its_last_line(tmp_path: Path) -> None:
    whole = journal_of(tmp_path / "journal.jsonl")
    first = whole.index(b"\n") + 1
    for cut in range(len(whole) + 1):
        read = parse_journal(whole[:cut].decode(errors="ignore"))
        assert len(read.events) == (0 if cut < first - 1 else 1 if cut < len(whole) - 1 else 2)


@given(st.text())
def test_no_text_of_a_page_breaks_the_journal(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        with JournalWriter(path) as journal:
            journal.append(PageMissed(at=NOW, seat=1, page=text, round=None, reason=text))
        (event,) = parse_journal(path.read_text(encoding="utf-8")).events

    assert isinstance(event, PageMissed)
    assert event.page == text


def test_words_on_a_page_are_not_taken_for_its_market(tmp_path: Path) -> None:
    words = '"market":null,"history":[],"own":[],"forecasts":[]'
    seen = PageSeen(
        at=NOW, seat=1, page=words, kind="market", location=words, title=words, text=words, view=view()
    )

    assert JournalLines().line(seen).decode() == seen.model_dump_json() + "\n"


def test_a_run_that_is_played_anew_keeps_acts_back_and_writes_what_was_paid_for_at_once(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    answered = ActAnswered(at=NOW, seat=1, ref="a", accepted=True)
    replied = ModelReplied(at=NOW, seat=1, decision="d", attempt=1, reply="{}", seconds=1.0)

    def on_disk() -> list[str]:
        return [event.event for event in parse_journal(path.read_text()).events]

    with JournalWriter(path, durable=False) as journal:
        journal.append(answered)
        assert on_disk() == []
        journal.append(replied)
        assert on_disk() == ["act_answered", "model_replied"]
        journal.append(answered)
    assert on_disk() == ["act_answered", "model_replied", "act_answered"]


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_lines_that_could_not_be_written_are_written_later_and_the_one_that_was_refused_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.jsonl"
    answered = [ActAnswered(at=NOW, seat=1, ref=f"a-{number}", accepted=True) for number in range(3)]
    replied = ModelReplied(at=NOW, seat=1, decision="d", attempt=1, reply="{}", seconds=1.0)

    with JournalWriter(path, durable=False) as journal:
        for event in answered:
            journal.append(event)
        half = sum(len(JournalLines().line(event)) for event in answered[:2]) + 10
        with files_of_at_most(half), pytest.raises(RecordLost, match="File too large"):
            journal.append(replied)
        assert path.read_bytes() == b""

    assert list(parse_journal(path.read_text()).events) == answered


def test_half_a_surrogate_pair_does_not_stop_the_journal(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "journal.jsonl") as journal:
        journal.append(PageMissed(at=NOW, seat=1, page="trade", round=None, reason="a broken reply \ud83d"))
    (event,) = parse_journal((tmp_path / "journal.jsonl").read_text(encoding="utf-8")).events

    assert isinstance(event, PageMissed)
    assert event.reason == "a broken reply ?"


def test_a_page_whose_form_holds_half_a_surrogate_pair_is_written_anew_each_time() -> None:
    form = Form((Field("age", FieldKind.TEXT, "a broken label \ud83d"),))
    lines = JournalLines()
    for seat in (1, 2):
        seen = PageSeen(at=NOW, seat=seat, page="trade", kind="market", location="/", view=view(), form=form)
        (event,) = parse_journal(lines.line(seen).decode()).events
        assert isinstance(event, PageSeen)
        assert event.form == Form((Field("age", FieldKind.TEXT, "a broken label ?"),))


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    lines = journal_of(tmp_path / "journal.jsonl").decode().splitlines()

    with pytest.raises(ValueError, match="journal line 1"):
        parse_journal(f"nonsense\n{lines[1]}\n")
