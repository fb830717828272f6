"""Bots that come in by one link for many: session-wide, or of a room; each is somebody of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.adapters.shared_links import is_way_in, take_places
from bots.domain.errors import UserMustMend
from bots.domain.records import RunOutcome
from bots.services.cli import run_main
from tests.adapters.neutral_server import NeutralServer
from tests.end_to_end.command import acts, end, resume, run, start, start_verb

pytestmark = pytest.mark.server

HTTP = ("--transport", "http")


@pytest.mark.parametrize(
    ("link", "way_in"),
    [
        ("http://lab:8000/join/funabita", True),
        ("http://lab:8000/room/econ", False),
        ("http://lab:8000/room/econ?welcome_page_ok=1", True),
        ("https://lab/sub/room/econ?participant_label=A1", True),
        ("http://lab:8000/SessionStartLinks/abc", False),
        ("links.cfg", False),
        ("http://[lab/join/funabita", False),
    ],
)
def test_a_link_that_participants_open_is_known_from_one_that_names_a_session(
    link: str, way_in: bool
) -> None:
    assert is_way_in(link) is way_in


@pytest.mark.parametrize(
    "transport", [HTTP, pytest.param(("--transport", "browser"), marks=pytest.mark.browser)], ids=str
)
async def test_bots_of_one_session_wide_link_are_each_somebody_else(
    tmp_path: Path, neutral_server: NeutralServer, transport: tuple[str, str]
) -> None:
    code, link = neutral_server.wide_link("questions", 3)
    ended = await run(tmp_path, link, "hold", "--num-bots", "2", *transport)

    assert (ended.code, ended.manifest.outcome) == (0, RunOutcome.FINISHED), ended.output
    assert [row["questions.1.player.age"] for row in neutral_server.stored(code)] == ["18", "18", ""]
    played = [row["participant.code"] for row in neutral_server.stored(code)][:2]
    assert [seat.participant for seat in ended.manifest.seats] == played
    assert (ended.run / "bot-links.cfg").read_text().count("/InitializeParticipant/") == 2


async def test_a_label_in_a_rooms_link_seats_that_participant_alone(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code = neutral_server.in_room("listed", "questions", 3)
    ended = await run(tmp_path, f"{neutral_server.url}/room/listed?participant_label=A2", "hold", *HTTP)

    assert ended.code == 0, ended.output
    rows = {row["participant.label"]: row["questions.1.player.age"] for row in neutral_server.stored(code)}
    assert (rows.pop("A2"), {*rows.values()}) == ("18", {""})


async def test_bots_pass_a_rooms_welcome_page_each_as_somebody_else(neutral_server: NeutralServer) -> None:
    code = neutral_server.in_room("open", "questions", 2)
    room = f"{neutral_server.url}/room/open"
    taken = await take_places(room, [room] * 2)

    assert [link.code for link in taken.links] == [
        row["participant.code"] for row in neutral_server.stored(code)
    ]
    with pytest.raises(UserMustMend, match=r"no place to bot 1: .* status 404: Session is full"):
        await take_places(room, [room])


@pytest.mark.parametrize(
    ("room", "words"),
    [
        ("empty", "no session is open behind it"),
        ("nowhere", "status 404"),
        ("listed?participant_label=nobody", r"status 404: .*label was not found"),
    ],
)
async def test_a_room_that_lets_nobody_in_says_why(
    neutral_server: NeutralServer, room: str, words: str
) -> None:
    address = f"{neutral_server.url}/room/{room}"
    with pytest.raises(UserMustMend, match=words):
        await take_places(address, [address])


@pytest.mark.parametrize(
    ("query", "options", "words"),
    [
        ("/join/abc", (), "does not tell how many"),
        ("/join/abc", ("--seats", "2"), "gets the next free seat"),
        ("/join/abc", ("--num-bots", "2", "--fallback", "nobody"), "nobody"),
        ("/room/open?participant_label=A", ("--num-bots", "2"), "one participant"),
        ("/room/open?participant_label=A", ("--seats", "A7"), "gets the next free seat"),
        ("/room/open", ("--seats", "A7,A7"), "named once"),
    ],
)
def test_what_a_link_for_many_cannot_give_is_told_before_it_is_opened(
    capsys: pytest.CaptureFixture[str], query: str, options: tuple[str, ...], words: str
) -> None:
    nobody = f"http://127.0.0.1:9{query}"  # nothing listens there
    assert run_main([nobody, "hold", *HTTP, *options]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.browser
async def test_a_rooms_link_is_tried_behind_its_welcome_page(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    neutral_server.in_room("listed", "questions", 1)
    link = f"{neutral_server.url}/room/listed?participant_label=A1"
    ended = await end(await start_verb(tmp_path, "try", link), tmp_path)

    assert ended.code == 0, ended.output
    assert "Start (form)" in ended.output


async def test_labels_named_at_a_rooms_bare_address_seat_those_participants_alone(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code = neutral_server.in_room("listed", "questions", 3)
    ended = await run(tmp_path, f"{neutral_server.url}/room/listed", "hold", "--seats", "A3,A1", *HTTP)

    assert ended.code == 0, ended.output
    rows = {row["participant.label"]: row["questions.1.player.age"] for row in neutral_server.stored(code)}
    assert rows == {"A1": "18", "A3": "18", "": ""}


async def test_a_run_by_a_link_for_many_that_was_killed_goes_on_at_the_places_it_had(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, link = neutral_server.wide_link("pairs", 2)
    (tmp_path / "first").mkdir()
    (tmp_path / "other").mkdir()
    killed = await start(tmp_path / "first", link, "hold", "--num-bots", "1", *HTTP)
    await acts(tmp_path / "first", 1)
    killed.kill()
    folder = (await end(killed, tmp_path / "first")).run
    resumed = await resume(tmp_path / "first", folder)
    other = await run(tmp_path / "other", link, "hold", "--num-bots", "1", *HTTP)
    ended = await end(resumed, tmp_path / "first")

    assert (ended.code, other.code) == (0, 0), ended.output + other.output
    seated = [seat.participant for one in (ended, other) for seat in one.manifest.seats]
    assert seated == [row["participant.code"] for row in neutral_server.stored(code)]


async def test_a_rooms_bare_address_stands_for_its_session(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code = neutral_server.in_room("open", "questions", 3)
    ended = await run(tmp_path, f"{neutral_server.url}/room/open", "hold", "--num-bots", "2", *HTTP)

    assert ended.code == 0, ended.output
    assert [row["questions.1.player.age"] for row in neutral_server.stored(code)] == ["", "18", "18"]
    assert ended.manifest.server["session"] == code
