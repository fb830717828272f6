"""Keys of models, oTree's REST key and its admin password are in nothing that a run writes or prints."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from tests.adapters.server.quiz_project import PASSWORD, REST_KEY
from tests.end_to_end.command import AT_DEBUG_LEVEL, ROOT
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
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", AT_DEBUG_LEVEL, url, "gpt-4o", "--transport", "http"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **neutral, **given, **model.environment(MODEL_KEY)},
            stdout=PIPE,
            stderr=STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 120)

    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert process.returncode == 0, output.decode()
    assert b"DEBUG" in output
    assert any(path.name == "journal.jsonl" for path in written)
    for secret in (MODEL_KEY, REST_KEY, PASSWORD):
        assert secret.encode() not in output, secret
        assert [path.name for path, content in written.items() if secret.encode() in content] == []
