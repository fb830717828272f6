"""Keys of models, oTree's REST key and its admin password are in nothing that a run writes or prints."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import psutil
import pytest

from bots.adapters.otree_server import OTreeServer
from tests.adapters.server.quiz_project import PASSWORD, REST_KEY
from tests.end_to_end.command import descendants, end, start, start_at_debug_level
from tests.standins.model_server import ModelServer

pytestmark = pytest.mark.server

MODEL_KEY = "sk-model-key-nobody-may-see"


@pytest.mark.parametrize(
    "given",
    [{"OTREE_REST_KEY": REST_KEY}, {"OTREE_ADMIN_USERNAME": "admin", "OTREE_ADMIN_PASSWORD": PASSWORD}],
)
async def test_no_secret_is_written_or_printed_at_debug_level(
    closed_server: OTreeServer, tmp_path: Path, given: dict[str, str]
) -> None:
    session = await closed_server.rest.create_session("quiz", 2)
    url = f"{closed_server.url}/SessionStartLinks/{session['code']}"
    neutral = {"OTREE_REST_KEY": "", "OTREE_ADMIN_PASSWORD": ""}
    async with ModelServer() as model:
        told = {**neutral, **given, **model.environment(MODEL_KEY)}
        arguments = (url, "gpt-4o", "--transport", "http")
        ended = await end(await start_at_debug_level(tmp_path, *arguments, environment=told), tmp_path)

    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert ended.code == 6, ended.output  # what the stand-in answers fits no quiz
    assert "DEBUG" in ended.output
    assert any(path.name == "journal.jsonl" for path in written)
    for secret in (MODEL_KEY, REST_KEY, PASSWORD):
        assert secret not in ended.output, secret
        assert [path.name for path, content in written.items() if secret.encode() in content] == []


@pytest.mark.browser
@pytest.mark.skipif(sys.platform == "win32", reason="there nobody reads another program's environment")
async def test_no_program_that_a_run_starts_is_given_a_secret(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    """Neither in its arguments nor in its environment, which others of the same account can read."""
    config = {"practice_rounds": 0, "paid_rounds": 1}
    session = await market_server.rest.create_session("demo", 2, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    given = {"OTREE_REST_KEY": REST_KEY, "OTREE_ADMIN_PASSWORD": PASSWORD}
    told: dict[str, str] = {}  # what each program below was told, by its command line
    async with ModelServer(delay=0.2) as model:
        settings = given | model.environment(MODEL_KEY)
        process = await start(tmp_path, url, "gpt-4o", environment=settings, report=True)
        ours = psutil.Process(process.pid).cmdline()
        ending = asyncio.create_task(end(process, tmp_path))
        while not ending.done():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                for one in descendants(process.pid):
                    if (command := one.cmdline()) != ours:  # else it has not become another program yet
                        told[" ".join(command)] = f"{command} {one.environ()}"
            await asyncio.sleep(0.05)
    ended = await ending

    assert ended.code == 0, ended.output
    for program in ("chromedriver", "--remote-debugging-port", "write_report"):
        assert any(program in command and "PATH" in all_told for command, all_told in told.items()), program
    for secret in (MODEL_KEY, REST_KEY, PASSWORD):
        assert [command for command, all_told in told.items() if secret in all_told] == []
