"""A disk that is full or read-only: a defined end, told truthfully; the run goes on once there is space."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.adapters.run_folder import JournalWriter
from bots.domain.errors import RecordLost
from bots.domain.records import PageMissed, RunEnded, RunOutcome, parse_journal
from tests.end_to_end.command import end, run, start_verb
from tests.faults.invariants import on_record, on_server
from tests.faults.small_disk import enlarge, make_read_only, small_disk
from tests.study import plans as study_plans

SMALL_STUDY = """
name = "full"
repetitions = 6
traders = 4
seats = "zero-intelligence"
market = { practice_rounds = 0, paid_rounds = 8 }
"""
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_journal_on_a_full_disk_ends_with_a_whole_event_and_has_room_for_the_end(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 256) as disk:
        path = disk / "journal.jsonl"
        event = PageMissed(at=NOW, seat=1, page="trade", round=3, reason="x" * 5000)
        kept = []

        def fill(journal: JournalWriter) -> None:
            for _ in range(100):
                journal.append(event)
                kept.append(event.event)

        with JournalWriter(path) as journal:
            with pytest.raises(RecordLost, match=r"No space left on device.*bots resume"):
                fill(journal)
            journal.append(RunEnded(at=NOW, outcome=RunOutcome.FAILED))

        read = parse_journal(path.read_text())

    assert len(kept) > 5
    assert not read.torn
    assert [one.event for one in read.events] == [*kept, "run_ended"]


@pytest.mark.server
@pytest.mark.slow
async def test_a_run_on_a_full_disk_ends_says_so_and_goes_on_when_there_is_space(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 9}
    session = await market_server.rest.create_session("demo", 3, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    with small_disk(tmp_path / "bot-data", 320) as disk:
        full = await run(tmp_path, url, "zero-intelligence", "--transport", "http", report=True)
        cut, events = full.manifest, full.events
        enlarge(disk, 8_000)
        folder = str(full.run)
        resumed = await end(await start_verb(tmp_path, "resume", folder), tmp_path)
        sent, served = on_record(resumed.events), await on_server(market_server, session["code"])
        make_read_only(disk)
        second = await run(tmp_path, url, "hold", "--transport", "http", report=True)
        again = await end(await start_verb(tmp_path, "rebuild", folder), tmp_path)

    assert full.code == 2, full.output
    assert "can no longer be written (No space left on device)" in full.output
    assert "Traceback" not in full.output + second.output + again.output
    assert cut.outcome is RunOutcome.FAILED
    assert "No space left" in cut.reason
    assert events[-1].event == "run_ended"
    assert resumed.code == 0, resumed.output
    assert Counter(served) == Counter(sent)
    assert (second.code, again.code) == (2, 2)
    assert "Read-only file system" in second.output
    assert "Read-only file system" in again.output


@pytest.mark.parametrize("jobs", ["1", "2"])
async def test_a_study_on_a_full_disk_says_so_and_goes_on_when_there_is_space(
    tmp_path: Path, jobs: str
) -> None:
    plan = study_plans.plan_file(tmp_path, SMALL_STUDY)
    with small_disk(tmp_path / "data", 900) as disk:
        code, said = await study_plans.end(await study_plans.start(plan, disk, "-j", jobs))
        enlarge(disk, 100_000)
        again, told = await study_plans.end(await study_plans.start(plan, disk, "-j", jobs))

    assert code == 2, said
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert again == 0, told
