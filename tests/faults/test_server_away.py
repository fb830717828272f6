"""oTree goes away in the middle of a run and comes back: traders wait and go on, nothing is lost or twice."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import PageSeen
from tests.end_to_end.command import acts, end, start
from tests.faults.invariants import check, on_server
from tests.faults.servers import kept_plan, kill

pytestmark = pytest.mark.server


@pytest.mark.parametrize(
    "transport", ["http", pytest.param("browser", marks=[pytest.mark.browser, pytest.mark.long])]
)
async def test_a_server_that_is_killed_and_started_again_is_waited_for(
    tmp_path: Path, transport: str
) -> None:
    with kept_plan() as plan, ExitStack() as second:
        with OTreeServer.start_blocking(plan) as first:
            config = {"practice_rounds": 0, "paid_rounds": 12}
            session = await first.rest.create_session("demo", 3, modified=config)
            url = f"{first.url}/SessionStartLinks/{session['code']}"
            process = await start(tmp_path, url, "zero-intelligence", "--transport", transport)
            await acts(tmp_path, 20)
            kill(first)
        server = second.enter_context(OTreeServer.start_blocking(plan))
        ended = await end(process, tmp_path)
        served = await on_server(server, session["code"])

    assert ended.code == 0, ended.output
    assert any(isinstance(event, PageSeen) and event.kind == "broken" for event in ended.events)
    check(ended.events, served, rounds=12)
