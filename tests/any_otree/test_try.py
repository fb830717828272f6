"""`bots try`: one link, seen with a bot's eyes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.services.cli import main
from tests.adapters.neutral_server import NeutralServer
from tests.end_to_end.command import end, start_verb

pytestmark = [pytest.mark.server, pytest.mark.browser]


async def test_a_page_is_shown_beside_its_picture_and_nothing_is_sent(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, [link] = neutral_server.session("anything")
    ended = await end(await start_verb(tmp_path, "try", link), tmp_path)

    assert ended.code == 0, ended.output
    assert "You will divide 100 points between yourself and another participant." in ended.output
    page = (tmp_path / "bots-try.html").read_text("utf-8")
    assert "data:image/png;base64,iVBOR" in page
    assert "[image: A bar of 100 points]" in page
    [row] = neutral_server.stored(code)
    assert row["participant._index_in_pages"] == "1"


async def test_who_is_asked_to_decide_plays_on_and_each_page_is_kept(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, [link] = neutral_server.session("questions")
    ended = await end(await start_verb(tmp_path, "try", link, "--decide", "hold"), tmp_path)

    assert ended.code == 0, ended.output
    page = (tmp_path / "bots-try.html").read_text("utf-8")
    assert page.count("<section>") == 3
    assert "default answers decides: submit" in page
    [row] = neutral_server.stored(code)
    assert row["questions.1.player.age"] == "18"


def test_what_is_no_link_of_a_participant_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "http://localhost:8000/SessionStartLinks/abc"]) == 2
    assert "no link of a participant" in capsys.readouterr().err
