"""The documented command on an app nobody told it about, and what can be read of the run afterwards."""

from __future__ import annotations

import signal
from pathlib import Path

import aiohttp
import pytest

from bots.domain.records import DecisionMade, RunOutcome, SeatEnded, WentToBrowser
from bots.services.cli import main
from tests.adapters.neutral_server import NeutralServer
from tests.end_to_end.command import end, resume, run, start, wait_pages
from tests.standins.model_server import Asked, ModelServer

pytestmark = pytest.mark.server


def answer(asked: Asked) -> str:
    """Split 60 to 40, and on the other page give what fits."""
    if '"mine"' in asked.text.rpartition("THE PRESENT PAGE")[2]:
        return '{"reasoning": "Fair enough.", "note": "", "answers": {"mine": 60, "theirs": 40}}'
    return (
        '{"reasoning": "So it is.", "note": "I stay.", "button": "Stay in the game", "answers": {'
        '"risky_low": 5, "risky_high": 150, "safe_low": 40, "safe_high": 60, "belief": 0.25,'
        '"region": "the north", "tools": ["py"], "born": "1990-05-17", "slider": 70}}'
    )


async def test_decisions_on_any_page_are_shown_and_reported(
    tmp_path: Path, neutral_server: NeutralServer, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = neutral_server.session("anything", 2)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    async with ModelServer(answer) as server:
        ended = await run(
            tmp_path, url, "gpt-4o", "--transport", "http", "--form-fallback", "random",
            environment=server.environment(), report=True,
        )  # fmt: skip

    assert (ended.code, ended.manifest.outcome) == (0, RunOutcome.FINISHED), ended.output
    assert ended.manifest.form_fallback == "random"
    made = [event for event in ended.events if isinstance(event, DecisionMade)]
    assert {event.by for event in made} == {"openai:gpt-4o-2024-08-06"}
    assert main(["show", str(ended.run), "--seat", "1"]) == 0
    shown = capsys.readouterr().out
    for words in (
        "Raw — risky_low = 5",
        "region = north",
        "press Stay in the game → accepted",
        "Split — mine = 60; theirs = 40",
        "Fair enough.",
    ):
        assert words in shown
    report = (ended.run / "report.html").read_text("utf-8")
    assert "mine = 60; theirs = 40" in report


@pytest.mark.browser
async def test_a_run_says_which_page_needed_a_browser(tmp_path: Path, neutral_server: NeutralServer) -> None:
    code, _ = neutral_server.session("channel", 2, quiz=True)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    ended = await run(tmp_path, url, "hold", "--transport", "auto", "--num-bots", "1")

    assert ended.manifest.transport == "auto"
    (went,) = [event for event in ended.events if isinstance(event, WentToBrowser)]
    assert (went.seat, went.location.split("/")[-2]) == (1, "Held")
    assert went.reason == "its script decides whether the form goes"


async def test_a_wait_page_that_never_goes_on_is_told_with_who_was_waited_for(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    ended = await run(tmp_path, url, "hold", "--transport", "http", "--seats", "2", "--wait-minutes", "0.02")

    assert (ended.code, ended.manifest.outcome) == (3, RunOutcome.SEATS_FAILED), ended.output
    reason = ended.manifest.seats[0].reason
    assert "Meet did not go on for 1 s; it says: Please wait" in reason
    awaited = f"Waited for: participant 1 ({links[0].rsplit('/', 1)[1]}, not begun)."
    assert awaited in reason

    resumed = await end(await resume(tmp_path, ended.run), tmp_path)
    assert (resumed.code, resumed.manifest.wait_minutes) == (3, 0.02), resumed.output
    assert "Meet did not go on for 1 s" in resumed.manifest.seats[0].reason
    assert awaited in resumed.manifest.seats[0].reason


async def test_who_was_waited_for_is_told_by_code_and_never_by_label(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    neutral_server.in_room("listed", "pairs", 2)
    room = f"{neutral_server.url}/room/listed"
    person = f"{room}?participant_label=A1&welcome_page_ok=1"
    async with aiohttp.ClientSession() as http, http.get(person) as response:
        code = response.url.parts[2]
    options = ("--transport", "http", "--seats", "A2", "--wait-minutes", "0.02")
    ended = await run(tmp_path, room, "hold", *options)

    reason = ended.manifest.seats[0].reason
    assert f"Waited for: participant 1 ({code}, on " in reason
    assert "A1" not in ended.output + reason


@pytest.mark.parametrize("how", [RunOutcome.TIMED_OUT, RunOutcome.INTERRUPTED])
async def test_a_run_that_ends_before_its_wait_page_names_who_was_waited_for(
    tmp_path: Path, neutral_server: NeutralServer, how: RunOutcome
) -> None:
    code, links = neutral_server.session("pairs", 4)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    minutes = "0.07" if how is RunOutcome.TIMED_OUT else "5"
    process = await start(
        tmp_path, url, "hold", "--transport", "http", "--seats", "2,4", "--timeout-minutes", minutes
    )
    if how is RunOutcome.INTERRUPTED:
        await wait_pages(tmp_path, 2)
        process.send_signal(signal.SIGINT)
    ended = await end(process, tmp_path)

    assert ended.manifest.outcome is how, ended.output
    behind = ", ".join(f"participant {one} ({links[one - 1].rsplit('/', 1)[1]}, not begun)" for one in (1, 3))
    assert [one.outcome.value for one in ended.manifest.seats] == [how.value] * 2
    for seat in ended.manifest.seats:
        assert seat.reason.startswith("Meet did not go on for ")
        assert seat.reason.endswith(f"Waited for: {behind}.")
    assert [event.reason for event in ended.events if isinstance(event, SeatEnded)] == [
        seat.reason for seat in ended.manifest.seats
    ]
    assert ended.output.count(f"Waited for: {behind}.") == len({one.reason for one in ended.manifest.seats})
