"""The documented command with models: in Chromium, against a local server that speaks their protocols."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import DecisionMade, DecisionNotMade, ModelReplied
from tests.end_to_end.command import Ended, end, run, start_at_debug_level, start_verb
from tests.models.asking import KEY
from tests.standins.model_server import SERVED_MODEL, Fault, ModelServer

pytestmark = [pytest.mark.browser, pytest.mark.server]

HTTP = ("--transport", "http")
NAMES = "1 x gpt-4o, 1 x claude-sonnet-4-6, 1 x mistral-large, 1 x gemini-2.5-flash, 1 x grok-4, 1 x hold"


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


async def session_url(server: OTreeServer, participants: int, **more: str) -> str:
    config = {"practice_rounds": 0, "paid_rounds": 2, **more}
    session = await server.rest.create_session("demo", participants, modified=config)
    return f"{server.url}/SessionStartLinks/{session['code']}"


async def replay(folder: Path, *options: str) -> Ended:
    """Replay in an environment without keys, in which no address of a provider answers."""
    return await end(await start_verb(folder, "replay", str(folder), *options), folder)


@pytest.mark.slow
async def test_five_providers_with_faults_trade_in_chromium_and_no_key_is_written_anywhere(
    market_server: OTreeServer, models: ModelServer, tmp_path: Path
) -> None:
    models.script = [Fault.BROKEN, Fault.KEY_REFUSED, Fault.PROSE, Fault.LATER, Fault.CUT, Fault.HUGE]
    url = await session_url(market_server, 6)
    process = await start_at_debug_level(tmp_path, url, NAMES, environment=models.environment(KEY))
    ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    assert any(KEY in str(asked.headers) for asked in models.asked)
    assert "DEBUG" in ended.output
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    assert KEY not in ended.output
    assert any("[key]" in str(event.error) for event in ended.events if isinstance(event, ModelReplied))
    assert sum(isinstance(event, DecisionMade) for event in ended.events) == 6 * 2 * 2

    uses = ended.manifest.models
    assert len(uses) == 5
    assert {name for use in uses for name in use.served} == {SERVED_MODEL}
    assert sum(use.requests for use in uses) == len(models.asked)
    assert ended.manifest.prices.startswith("genai-prices ")
    assert len(ended.manifest.prompts) == 64
    assert " USD" in ended.output

    replayed = await replay(ended.run)
    assert replayed.code == 0, replayed.output
    assert "Identical to the recording." in replayed.output


async def test_run_at_its_limit_falls_back_and_says_so(
    market_server: OTreeServer, models: ModelServer, tmp_path: Path
) -> None:
    url = await session_url(market_server, 2)
    arguments = (url, "gpt-4o", *HTTP, "--max-tokens", "9000", "--fallback", "last-plan")
    ended = await run(tmp_path, *arguments, environment=models.environment(KEY))

    assert ended.code == 0, ended.output
    failed = [event for event in ended.events if isinstance(event, DecisionNotMade)]
    assert {event.kind for event in failed} == {"over-budget"}
    assert "The limit of 9,000 tokens was reached: last-plan made" in ended.output
    (use,) = ended.manifest.models
    assert 0 < use.input_tokens + use.output_tokens <= 9000
    assert (ended.manifest.max_tokens, ended.manifest.over_budget) == (9000, len(failed))
    assert (await replay(ended.run)).code == 0


async def test_run_whose_model_refuses_the_key_finishes_and_says_loudly_that_nothing_was_decided(
    market_server: OTreeServer, models: ModelServer, tmp_path: Path
) -> None:
    models.script = [Fault.KEY_REFUSED] * 100
    url = await session_url(market_server, 3)
    arguments = (url, "2 x gpt-4o, 1 x zero-intelligence", *HTTP)
    ended = await run(tmp_path, *arguments, environment=models.environment(KEY))

    assert ended.code == 6, ended.output
    assert ended.manifest.outcome == "finished"
    *_, last = ended.output.strip().splitlines()
    name = "openai:gpt-4o-2024-08-06"
    seats = ", ".join(str(seat.seat) for seat in ended.manifest.seats if seat.trader == name)
    assert last.startswith(f"Warning: every decision of {name} failed (seats {seats}); hold traded instead.")
    assert "Last: rejected: " in last
    assert KEY not in ended.output


@pytest.mark.slow
async def test_whole_run_of_twenty_four_traders_replays_from_its_recording(
    market_server: OTreeServer, models: ModelServer, tmp_path: Path
) -> None:
    models.script = [Fault.BROKEN, Fault.PROSE, Fault.KEY_REFUSED, Fault.CUT, Fault.REFUSAL] * 4
    url = await session_url(market_server, 24)
    names = (
        "4 x gpt-4o, 4 x claude-sonnet-4-6, 4 x mistral-large, 4 x gemini-2.5-flash, 4 x grok-4, "
        "2 x zero-intelligence, 2 x speculator"
    )
    arguments = (url, names, *HTTP)
    ended = await run(tmp_path, *arguments, environment=models.environment(KEY))

    assert ended.code == 0, ended.output
    decisions = sum(isinstance(event, DecisionMade) for event in ended.events)
    assert decisions == 24 * 2 * 2
    replayed = await replay(ended.run)
    assert replayed.code == 0, replayed.output
    assert f"24 seats, {len(models.asked)} prompts, {decisions} decisions" in replayed.output
    assert "Identical to the recording." in replayed.output


@pytest.mark.slow
async def test_recorded_replies_are_played_on_another_session_and_changed_prompts_are_shown(
    market_server: OTreeServer, models: ModelServer, tmp_path: Path
) -> None:
    models.script = [Fault.PROSE, Fault.KEY_REFUSED]
    names = "1 x gpt-4o, 2 x hold"  # one who trades: order ids follow the order of arrival
    first = await session_url(market_server, 3, dividend_seed="7")
    ended = await run(tmp_path, first, names, *HTTP, environment=models.environment(KEY))
    assert ended.code == 0, ended.output
    asked = len(models.asked)

    same = await session_url(market_server, 3, dividend_seed="7")
    again = await replay(ended.run, "--url", same, "--data-dir", str(tmp_path / "again"))
    assert again.code == 0, again.output
    assert "Identical to the recording." in again.output
    other = await session_url(market_server, 3, dividend_seed="7", interest_rate="0.10")
    differs = await replay(ended.run, "--url", other, "--data-dir", str(tmp_path / "again"))
    assert differs.code == 5, differs.output
    assert (
        "-- Interest: after the trading of each round, the cash you hold earns 5 percent." in differs.output
    )
    assert (
        "+- Interest: after the trading of each round, the cash you hold earns 10 percent." in differs.output
    )
    assert len(models.asked) == asked


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-cost", "much"], "--max-cost: 'much' is no amount above 0"),
        (["--max-cost", "0"], "--max-cost"),
        (["--max-cost", "NaN"], "--max-cost"),
        (["--max-tokens", "0"], "--max-tokens"),
        (["--max-tokens", "many"], "--max-tokens"),
        (["--fallback", "gpt-4o"], "--fallback: 'gpt-4o' cannot act"),
    ],
)
async def test_limits_that_are_none_are_told(
    market_server: OTreeServer, tmp_path: Path, arguments: list[str], said: str
) -> None:
    url = await session_url(market_server, 2)
    ended = await run(tmp_path, url, "gpt-4o", *arguments, environment={"OPENAI_API_KEY": "k"})
    assert ended.code == 2
    assert said in ended.output
    assert list(tmp_path.iterdir()) == []


async def test_limit_of_money_needs_a_known_price(market_server: OTreeServer, tmp_path: Path) -> None:
    url = await session_url(market_server, 2)
    arguments = (url, "openai:gpt-unheard-of", "--max-cost", "1")
    ended = await run(tmp_path, *arguments, environment={"OPENAI_API_KEY": "k"})
    assert ended.code == 2
    assert "no price is known for openai:gpt-unheard-of" in ended.output
