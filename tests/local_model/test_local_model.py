"""The real SmolLM2-135M in llama.cpp, in Chromium, on loopback alone. Run by `make test-local-model`."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from bots.adapters.models.local import LOCAL_MODEL, local_model_python, served
from bots.adapters.otree_server import OTreeServer
from bots.domain.records import DecisionMade, ModelReplied, RunOutcome
from tests.end_to_end.command import end, start

pytestmark = [
    pytest.mark.browser,
    pytest.mark.server,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not os.environ.get("TEST_LOCAL_MODEL"), reason="opt-in: make test-local-model"),
]


async def test_two_local_traders_and_four_strategies_finish_a_market_of_three_rounds(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 3, "trade_seconds": 60, "forecast_seconds": 60}
    session = await market_server.rest.create_session("demo", 6, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    names = "2 x local, 1 x fundamentalist, 1 x speculator, 2 x zero-intelligence"
    process = await start(tmp_path, url, names, environment={"LOCAL_BASE_URL": ""})
    ended = await end(process, tmp_path, seconds=400)

    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    (use,) = ended.manifest.models
    assert use.served == (LOCAL_MODEL,)
    made = [event for event in ended.events if isinstance(event, DecisionMade) and event.seat <= 2]
    by_model = [event for event in made if not event.fallback]
    replies = [event for event in ended.events if isinstance(event, ModelReplied) and event.reply]
    seconds = [event.seconds for event in replies]
    print(f"{len(by_model)} of {len(made)} decisions by the model, {max(seconds):.1f} s the longest reply")
    print(ended.output)
    assert len(made) == 2 * 3 * 2
    assert len(by_model) >= 1


async def test_server_ends_with_its_context(tmp_path: Path) -> None:
    async with served(local_model_python({}), log=tmp_path / "log") as url:
        assert url.startswith("http://127.0.0.1:")
        own = [
            one
            for one in psutil.Process().children(recursive=True)
            if "local_server.py" in str(one.cmdline())
        ]
        assert own
    _, alive = psutil.wait_procs(own, timeout=5)
    assert not alive
