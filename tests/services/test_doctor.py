from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from bots.domain.errors import UserMustMend
from bots.services.configuration import CONFIG
from bots.services.doctor import Finding, Grade, Visit, examine, say_plainly, show
from tests.models.asking import KEY
from tests.standins.model_server import Fault, ModelServer

MODELS = {
    "gpt-4o": "gpt-4o-2024-08-06",
    "claude-sonnet-4-6": "claude-sonnet-4-6",
    "mistral-large": "mistral-large-2512",
    "gemini-2.5-flash": "gemini-2.5-flash",
    "grok-3": "grok-3",
}


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(listed=tuple(MODELS.values())) as server:
        yield server


async def look(
    folder: Path, *models: str, environment: dict[str, str] | None = None, url: str | None = None
) -> dict[str, Finding]:
    found = await examine(Visit(models, url, folder / "bot-data", browser=False), environment or {})
    return {one.what: one for one in found}


@pytest.mark.parametrize("model", MODELS)
async def test_key_and_model_of_every_provider_are_checked_without_a_completion(
    model: str, server: ModelServer, tmp_path: Path
) -> None:
    found = await look(tmp_path, model, environment=server.environment(KEY))
    assert {one.grade for what, one in found.items() if what.startswith(("Provider", "Model"))} == {Grade.OK}
    assert f"{MODELS[model]} is there" in found[f"Model {model}"].is_so
    (asked,) = server.asked
    assert asked.body == {}
    assert KEY in str(asked.headers)


@pytest.mark.parametrize("model", MODELS)
async def test_refused_key_is_told_and_not_repeated(model: str, server: ModelServer, tmp_path: Path) -> None:
    server.script = [Fault.KEY_REFUSED]
    found = await look(tmp_path, model, environment=server.environment(KEY))
    (provider,) = (one for what, one in found.items() if what.startswith("Provider"))
    assert provider.grade is Grade.MEND
    assert "the key is refused" in provider.is_so
    assert "_API_KEY" in provider.mend
    assert KEY not in "".join(say_plainly(list(found.values())))


async def test_model_that_is_gone_is_told_with_its_nearest(server: ModelServer, tmp_path: Path) -> None:
    server.listed = ("gpt-4o-2024-11-20", "o9")
    found = await look(tmp_path, "gpt-4o", environment=server.environment(KEY))
    assert found["Model gpt-4o"].grade is Grade.MEND
    assert "gpt-4o-2024-11-20" in found["Model gpt-4o"].mend


async def test_server_without_a_list_leaves_the_key_open(server: ModelServer, tmp_path: Path) -> None:
    server.listed = None
    found = await look(tmp_path, "gpt-4o", environment=server.environment(KEY))
    assert found["Provider openai"].grade is Grade.WARNING


async def test_missing_key_and_silent_server_are_told(tmp_path: Path) -> None:
    found = await look(tmp_path, "1 x gpt-4o, 1 x hold", environment={})
    assert "OPENAI_API_KEY is not set" in found["Provider openai"].is_so
    silent = {"LOCAL_BASE_URL": "http://127.0.0.1:9/v1"}
    found = await look(tmp_path, "local", environment=silent)
    assert "does not answer" in found["Provider local"].is_so


async def test_without_names_every_provider_with_a_key_is_checked(
    server: ModelServer, tmp_path: Path
) -> None:
    environment = {**server.environment(KEY), "XAI_API_KEY": "", "LOCAL_API_KEY": ""}
    found = await look(tmp_path, environment=environment)
    assert {what for what in found if what.startswith("Provider")} == {
        *("Provider openai", "Provider anthropic", "Provider mistral", "Provider google")
    }


async def test_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    found = await look(tmp_path, url="http://127.0.0.1:9/SessionStartLinks/abc")
    assert found["oTree server"].grade is Grade.MEND
    links = tmp_path / "links.cfg"
    links.write_text("1=http://127.0.0.1:9/InitializeParticipant/abc\n")
    assert (await look(tmp_path, url=str(links)))["oTree server"].grade is Grade.OK


async def test_unknown_model_is_the_users_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="gpt-4o"):
        await look(tmp_path, "gpt-4oo")


def test_settings_that_others_can_read_draw_a_warning(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes((CONFIG / "models.toml").read_bytes())
    (tmp_path / ".env").write_text("OPENAI_API_KEY=\n")
    assert _settings_of(tmp_path, 0o644).grade is Grade.WARNING
    assert "chmod 600" in _settings_of(tmp_path, 0o644).mend
    assert _settings_of(tmp_path, 0o600).grade is Grade.OK


def _settings_of(config: Path, mode: int) -> Finding:
    os.chmod(config / ".env", mode)
    found: Sequence[Finding] = asyncio.run(examine(Visit((), None, config, browser=False), {}, config))
    return next(one for one in found if one.what == "Settings")


def test_table_says_how_to_mend_under_what_is_wrong() -> None:
    out = io.StringIO()
    show(Console(width=80, file=out), [Finding("Disk", Grade.MEND, "no [space]", "Free some.")])
    assert out.getvalue().splitlines()[:2] == [
        "mend  Disk  no [space]  ",
        "            → Free some.",
    ]


@pytest.mark.browser
async def test_browser_is_started_once(tmp_path: Path) -> None:
    found = await examine(Visit(("hold",), None, tmp_path, browser=True), {})
    assert [one.grade for one in found if one.what == "Browser"] == [Grade.OK]
