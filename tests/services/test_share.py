"""`bots export --share`: an archive that may be published, and that says what it left out."""

from __future__ import annotations

import asyncio
import hashlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bots.adapters.run_folder import read_manifest
from bots.analysis.runs import open_run
from bots.domain.market import Decision, PageMove
from bots.domain.records import (
    ActAnswered,
    ActSent,
    DecisionMade,
    Event,
    ModelAsked,
    ModelReplied,
    PageSeen,
    RunDescribed,
    RunOutcome,
)
from bots.services.cli import main
from bots.services.replay import read_recording, replay
from tests.analysis.played_runs import MODEL, play_run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRIVATE = "my-name-is-private"
CODE = "code0001"


def run_with_a_survey(folder: Path) -> Path:
    """A played market, with a page of a survey before it on which a participant's words stand."""
    play_run(folder, (MODEL, "fundamentalist"), practice_rounds=0, paid_rounds=2)
    played = read_manifest(folder)
    manifest = played.model_copy(
        update={
            "outcome": RunOutcome.RUNNING,
            "ended": None,
            "notes": PRIVATE,
            "command": (f"/home/{PRIVATE}/bots",),
            "server": {"url": "http://lab.example.org:8000", "otree": "6.0.15", "config": {"name": "demo"}},
            "url": "http://lab.example.org:8000/SessionStartLinks/abcd1234",
        }
    )
    links = {
        1: f"http://lab.example.org:8000/InitializeParticipant/{CODE}",
        3: "http://lab.example.org:8000/InitializeParticipant/person01",
    }
    form = {"act": "form", "page": "Age", "location": f"/p/{CODE}/survey/Age/1", "round": None, "ref": "x-1"}
    before: list[Event] = [
        RunDescribed(at=NOW, manifest=manifest, links=links),
        PageSeen(at=NOW, seat=2, page="Age", kind="form", location=f"/p/{CODE}/survey/Age/1", text=PRIVATE),
        ModelAsked(
            at=NOW, seat=2, decision="s2-Age", attempt=1, model=MODEL, prompt=PRIVATE, prompt_hash="0"
        ),
        ModelReplied(at=NOW, seat=2, decision="s2-Age", attempt=1, reply=PRIVATE, seconds=1),
        DecisionMade(
            at=NOW,
            seat=2,
            decision="s2-Age",
            page="Age",
            round=None,
            by=MODEL,
            seconds=1,
            content=Decision(move=PageMove(), plan=PRIVATE),
        ),
        ActSent.model_validate({"at": NOW, "seat": 2, "content": {"values": {"name": PRIVATE}}, **form}),
        ActAnswered(at=NOW, seat=2, ref="x-1", accepted=False, words=(f"Name: {PRIVATE} is taken.",)),
    ]
    path = folder / "journal.jsonl"
    path.write_text("".join(one.model_dump_json() + "\n" for one in before) + path.read_text())
    return folder


@pytest.fixture
def shared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = run_with_a_survey(tmp_path / "run-4")
    assert main(["export", str(folder), "--share", "--out", str(tmp_path / "out.zip")]) == 0
    assert "texts of pages outside the market: 1" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "shared")
    return tmp_path / "shared"


def test_nothing_in_the_archive_names_people_or_opens_their_pages(shared: Path) -> None:
    files = [file for file in shared.rglob("*") if file.is_file()]

    for secret in (PRIVATE, CODE, "person01", "lab.example.org", "code0002"):
        assert [file.name for file in files if secret.encode() in file.read_bytes()] == [], secret
    assert {"journal.jsonl", "manifest.json", "report.html", "orders.csv", "LEFT-OUT.md"} <= {
        file.name for file in files
    }
    assert not [file for file in files if file.name == "bot-links.cfg"]


def test_the_archive_says_what_it_left_out_and_of_which_journal_it_is(shared: Path, tmp_path: Path) -> None:
    told = (shared / "LEFT-OUT.md").read_text()
    digest = hashlib.sha256((tmp_path / "run-4" / "journal.jsonl").read_bytes()).hexdigest()

    assert f"run-4: {digest}" in told
    for what in ("prompts of pages", "replies on pages", "answers on pages", "forms sent", "words of the"):
        assert what in told


def test_a_shared_run_is_read_as_before(shared: Path, tmp_path: Path) -> None:
    before, after = open_run(tmp_path / "run-4"), open_run(shared / "runs" / "run-4")

    assert after.prices.equals(before.prices)
    assert after.orders["limit"].to_list() == before.orders["limit"].to_list()
    assert set(after.orders["participant"]) == {"P1", "P2"}
    prompts = after.model_calls.filter(after.model_calls["prompt"] != "[left out]")
    assert prompts.height == before.model_calls.height - 1


def test_two_archives_of_a_run_are_the_same(shared: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    assert main(["export", str(tmp_path / "run-4"), "--share", "--out", str(again)]) == 0

    assert again.read_bytes() == (tmp_path / "out.zip").read_bytes()


async def test_a_shared_market_replays(tmp_path: Path) -> None:
    folder = tmp_path / "run-5"
    await asyncio.to_thread(
        play_run, folder, ("fundamentalist", "momentum"), practice_rounds=0, paid_rounds=2
    )
    manifest = read_manifest(folder).model_copy(update={"run_id": "run-5"})
    described = RunDescribed(at=NOW, manifest=manifest, links={})
    path = folder / "journal.jsonl"
    path.write_text(described.model_dump_json() + "\n" + path.read_text())
    assert main(["export", str(folder), "--share", "--out", str(tmp_path / "out.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "shared")
    manifest, journal = read_recording(tmp_path / "shared" / "runs" / "run-5")

    assert (await replay(journal.events, manifest)).identical


def test_what_cannot_be_shared_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    play_run(tmp_path / "run-6", ("hold", "hold"), practice_rounds=0, paid_rounds=1)

    assert main(["export", str(tmp_path / "run-6"), "--share", "--out", str(tmp_path / "no.zip")]) == 2
    assert "does not begin with what the run is" in capsys.readouterr().err
    assert not (tmp_path / "no.zip").exists()
