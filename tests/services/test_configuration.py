from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from bots.services.configuration import environment, readable_by_others
from bots.services.interrupt import Interrupt
from bots.services.room import Room


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text("OPENAI_API_KEY=sk-of-the-file\nXAI_API_KEY='xai-$HOME'\nGOOGLE_API_KEY=\n")
    path.chmod(0o600)
    return tmp_path


def test_settings_of_the_process_go_before_those_of_the_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-process")
    settings = environment(config)
    assert settings["OPENAI_API_KEY"] == "sk-of-the-process"
    assert settings["XAI_API_KEY"] == "xai-$HOME"
    assert "GOOGLE_API_KEY" not in settings
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert environment(config)["OPENAI_API_KEY"] == "sk-of-the-file"


async def test_settings_show_no_value_wherever_they_are_printed(config: Path) -> None:
    settings = environment(config)
    room = Room(settings, Console(), Interrupt(None))  # type: ignore[arg-type]
    for text in (repr(settings), str(settings), f"{vars(settings)}", repr(room)):
        assert "of-the-file" not in text
        assert "xai-" not in text


@pytest.mark.parametrize(("mode", "open_to_others"), [(0o600, False), (0o640, True), (0o604, True)])
def test_file_that_others_can_read_is_noticed(config: Path, mode: int, open_to_others: bool) -> None:
    (config / ".env").chmod(mode)
    assert (readable_by_others(config) is not None) is open_to_others


def test_missing_file_is_no_matter(tmp_path: Path) -> None:
    assert readable_by_others(tmp_path) is None
    assert environment(tmp_path)["PATH"]
