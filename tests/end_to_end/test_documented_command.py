from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActAnswered, PageSeen, RunOutcome, SeatOutcome
from tests.end_to_end.command import descendants, end, gone, line_with, run, start

pytestmark = [pytest.mark.browser, pytest.mark.server]

SHORT = {"practice_rounds": 1, "paid_rounds": 2}
HTTP = ("--transport", "http")


async def session_url(server: OTreeServer, participants: int, **config: Any) -> str:
    session = await server.rest.create_session("demo", participants, modified={**SHORT, **config})
    return f"{server.url}/SessionStartLinks/{session['code']}"


@pytest.mark.slow
async def test_a_whole_run_is_kept_and_told(market_server: OTreeServer, tmp_path: Path) -> None:
    url = await session_url(market_server, 3)
    ended = await run(tmp_path, url, "zero-intelligence", "-m", "three | traders", "--seed", "5", report=True)

    assert ended.code == 0, ended.output
    manifest = ended.manifest
    assert (manifest.outcome, manifest.subjects, manifest.bots) == (RunOutcome.FINISHED, 3, 3)
    assert {seat.outcome for seat in manifest.seats} == {SeatOutcome.FINISHED}
    assert manifest.ended is not None
    assert (manifest.started.tzname(), manifest.ended.tzname()) == ("UTC", "UTC")
    assert (manifest.server["otree"], manifest.server["config"]["paid_rounds"]) == ("6.0.15", 2)
    assert manifest.configuration["options"]["seed"] == 5
    assert {"python", "aiohttp", "pydantic-ai-slim"} <= manifest.packages.keys()
    assert manifest.git.keys() == {"commit", "dirty"}
    assert manifest.machine["processors"] > 0
    assert ended.run == tmp_path / "bot-data" / "debug-runs" / "run-1"
    (line,) = (tmp_path / "bot-data" / "debug-runs" / "runs.metadata").read_text().splitlines()
    assert line.split(" | ")[1:] == ["1", "zero-intelligence", "3", "3", "three ¦ traders", url]
    assert (ended.run / "bot-links.cfg").read_text().count("InitializeParticipant") == 3
    assert (ended.run / "price-and-volume.png").stat().st_size > 5000
    for heading in ("Fundamental value", "Forecasts", "Run folder"):
        assert heading in ended.output
    assert all(event.accepted for event in ended.events if isinstance(event, ActAnswered))


@pytest.mark.slow
async def test_a_run_without_a_browser_is_played_and_kept_alike(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    url = await session_url(market_server, 4)
    ended = await run(tmp_path, url, "strategies", *HTTP, report=True)

    assert ended.code == 0, ended.output
    assert ended.manifest.transport == "http"
    assert all(event.accepted for event in ended.events if isinstance(event, ActAnswered))
    assert "Forecasts" in ended.output


@pytest.mark.slow
async def test_a_market_is_played_in_browsers_that_classic_webdriver_drives(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    url = await session_url(market_server, 3, practice_rounds=0)
    ended = await run(tmp_path, url, "zero-intelligence", "--classic", "--screenshots", "page")

    assert ended.code == 0, ended.output
    assert ended.manifest.configuration["options"]["browser"]["classic"]
    assert all(event.accepted for event in ended.events if isinstance(event, ActAnswered))
    assert {folder.name for folder in (ended.run / "screenshots").iterdir()} == {"seat-1", "seat-2", "seat-3"}


async def test_a_run_without_a_report_tells_the_command_that_makes_it(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    url = await session_url(market_server, 2, paid_rounds=1, practice_rounds=0)
    ended = await run(tmp_path, url, "hold", *HTTP)

    assert ended.code == 0, ended.output
    assert f"Figure and report: bots rebuild {ended.run.relative_to(tmp_path)}" in ended.output
    assert not [*ended.run.glob("*.html"), *ended.run.glob("*.png")]


async def test_a_links_file_and_production_runs_work_alike(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    session = await market_server.rest.create_session("demo", 2, modified=SHORT)
    participants = (await market_server.rest.get_session(session["code"]))["participants"]
    links = tmp_path / "my-links.cfg"
    text = "".join(
        f"{one['id_in_session']}={market_server.url}/InitializeParticipant/{one['code']}\n"
        for one in participants
    )
    links.write_text(text)
    ended = await run(tmp_path, str(links), "hold", "-p", "-m", "links came by hand", *HTTP)

    assert ended.code == 0, ended.output
    assert ended.run == tmp_path / "bot-data" / "production-runs" / "run-1"
    assert links.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["hold", "--num-bots", "0"], "--num-bots"),
        (["hold", "--num-bots", "-1"], "--num-bots"),
        (["hold", "--num-bots", "4"], "the session has 3 participants"),
        (["hold", "--num-bots", "many"], "--num-bots"),
        (["hold", "-p"], "needs notes"),
        (["hold", "--timeout-minutes", "0"], "--timeout-minutes"),
        (["gpt-4oo"], "gpt-4o"),
        (["nosuch:model"], "nosuch"),
        (["hold", "--fallback", "never"], "never"),
        (["gpt-4o"], "OPENAI_API_KEY"),
        ([], "MODEL_NAME"),
    ],
)
async def test_what_the_user_must_mend_is_told_before_anything_is_written(
    market_server: OTreeServer, tmp_path: Path, arguments: list[str], said: str
) -> None:
    url = await session_url(market_server, 3)
    ended = await run(tmp_path, url, *arguments, environment={"OPENAI_API_KEY": ""})

    assert ended.code == 2
    assert said in ended.output
    assert "Traceback" not in ended.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/SessionStartLinks/abc", "SERVER/SessionStartLinks/nosuch", "no-such-file.cfg"]
)
async def test_links_that_cannot_be_read_are_told(
    market_server: OTreeServer, tmp_path: Path, url: str
) -> None:
    ended = await run(tmp_path, url.replace("SERVER", market_server.url), "hold")

    assert ended.code == 2
    assert "Traceback" not in ended.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
async def test_a_run_whose_time_is_over_is_saved_and_marked(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    """One bot of two: it waits for a person who never comes."""
    url = await session_url(market_server, 2, paid_rounds=1, practice_rounds=0)
    ended = await run(tmp_path, url, "fundamentalist", "--num-bots", "1", "--timeout-minutes", "0.1", *HTTP)

    assert ended.code == 4, ended.output
    assert ended.manifest.outcome is RunOutcome.TIMED_OUT
    assert ended.manifest.ended is not None
    (seat,) = ended.manifest.seats
    assert seat.outcome is SeatOutcome.TIMED_OUT
    assert any(isinstance(event, PageSeen) and event.kind == "wait" for event in ended.events)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_an_interrupted_run_says_so_and_leaves_no_process(
    market_server: OTreeServer, tmp_path: Path, number: signal.Signals
) -> None:
    url = await session_url(market_server, 2)
    process = await start(tmp_path, url, "hold", "--num-bots", "1")
    await line_with(process, "practice 1")
    started = descendants(process.pid)
    assert any("chrom" in one.name() for one in started)
    process.send_signal(number)
    ended = await end(process, tmp_path)

    assert ended.code == 130, ended.output
    assert ended.manifest.outcome is RunOutcome.INTERRUPTED
    assert [one for one in started if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


async def test_a_killed_run_leaves_no_process_and_a_journal_of_all_it_did(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    url = await session_url(market_server, 2)
    process = await start(tmp_path, url, "hold", "--num-bots", "1")
    await line_with(process, "practice 1")
    started = descendants(process.pid)
    process.kill()
    ended = await end(process, tmp_path)

    assert await gone(started)
    assert json.loads((ended.run / "manifest.json").read_text())["outcome"] == "running"
    assert any(isinstance(event, PageSeen) for event in ended.events)


@pytest.mark.parametrize("module", ["rich.console", "pydantic"])
async def test_ctrl_c_while_modules_load_ends_without_a_word(tmp_path: Path, module: str) -> None:
    url, telling = "http://127.0.0.1:9/SessionStartLinks/abc", {"PYTHONPROFILEIMPORTTIME": "1"}
    process = await start(tmp_path, url, "hold", environment=telling)
    await line_with(process, f" {module}\n")
    process.send_signal(signal.SIGINT)
    ended = await end(process, tmp_path)

    assert ended.code in {-signal.SIGINT, 130}
    assert "Traceback" not in ended.output
    assert list(tmp_path.iterdir()) == []
