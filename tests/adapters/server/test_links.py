"""The links of a session come from its page, from behind the login, from a room, or from a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bots.adapters.links import (
    Credentials,
    LoginWanted,
    ParticipantLink,
    SessionLinks,
    read_links,
    read_links_file,
    session_in_room,
    write_links_file,
)
from bots.adapters.otree_server import OTreeServer
from bots.adapters.shared_links import take_places
from bots.domain.errors import UserMustMend
from bots.services.plan import RunPlan
from bots.services.seats import read_session, ways_in
from tests.adapters.server.quiz_project import PASSWORD, REST_KEY
from tests.adapters.small_server import free_port, served

server = pytest.mark.server


async def expect_error(url: str | Path, *words: str, credentials: Credentials | None = None) -> UserMustMend:
    with pytest.raises(UserMustMend) as caught:
        await read_links(str(url), credentials)
    for word in words:
        assert word in str(caught.value)
    return caught.value


async def codes_of(server: OTreeServer, session: str) -> list[str]:
    participants = (await server.rest.get_session(session))["participants"]
    return [each["code"] for each in sorted(participants, key=lambda each: int(each["id_in_session"]))]


@server
async def test_start_links_page_gives_every_participant_in_order(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 12)

    found = await read_links(session["admin_url"])

    assert [link.number for link in found.links] == list(range(1, 13))
    assert [link.code for link in found.links] == await codes_of(open_server, session["code"])
    assert found.session_code == session["code"]
    assert found.url == session["admin_url"]


@server
async def test_link_leads_to_the_first_page(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 1)
    found = await read_links(session["admin_url"])
    async with aiohttp.ClientSession() as http, http.get(found.links[0].url) as page:
        assert page.status == 200
        assert "/quiz/Question/1" in str(page.url)


@server
async def test_other_admin_pages_of_a_session_name_it_as_well(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 2)
    found = await read_links(f"{open_server.url}/SessionMonitor/{session['code']}/")
    assert len(found.links) == 2


@server
async def test_study_mode_opens_with_the_rest_key(closed_server: OTreeServer) -> None:
    session = await closed_server.rest.create_session("quiz", 3)
    found = await read_links(session["admin_url"], Credentials(rest_key=SecretStr(REST_KEY)))
    assert [link.code for link in found.links] == await codes_of(closed_server, session["code"])
    assert found.links[0].url == f"{closed_server.url}/InitializeParticipant/{found.links[0].code}"


@server
async def test_study_mode_opens_with_the_admins_login(closed_server: OTreeServer) -> None:
    session = await closed_server.rest.create_session("quiz", 3)
    found = await read_links(session["admin_url"], Credentials(password=SecretStr(PASSWORD)))
    assert [link.code for link in found.links] == await codes_of(closed_server, session["code"])


@server
async def test_study_mode_without_either_says_which_variables_to_set(closed_server: OTreeServer) -> None:
    session = await closed_server.rest.create_session("quiz", 3)
    await expect_error(
        session["admin_url"],
        "OTREE_REST_KEY",
        "OTREE_ADMIN_USERNAME",
        "OTREE_ADMIN_PASSWORD",
        "bots/config/.env",
    )


@server
@pytest.mark.parametrize(
    ("wrong", "variable"),
    [
        (Credentials(rest_key=SecretStr("guess")), "OTREE_REST_KEY"),
        (Credentials(password=SecretStr("guess")), "OTREE_ADMIN_PASSWORD"),
        (Credentials(username="root", password=SecretStr(PASSWORD)), "OTREE_ADMIN_USERNAME"),
    ],
)
async def test_study_mode_with_wrong_credentials_names_the_variable_and_not_the_value(
    closed_server: OTreeServer, wrong: Credentials, variable: str
) -> None:
    session = await closed_server.rest.create_session("quiz", 3)
    error = await expect_error(session["admin_url"], variable, credentials=wrong)
    assert "guess" not in str(error)
    assert PASSWORD not in str(error)


@server
async def test_session_in_a_room_gives_its_links(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 4, room="lab")
    codes = await codes_of(open_server, session["code"])
    for page in (session["admin_url"], f"{open_server.url}/room_with_session/lab", session["room_url"]):
        found = await read_links(page)
        assert [link.code for link in found.links] == codes
        assert found.session_code == session["code"]


@server
@pytest.mark.parametrize(
    "credentials", [Credentials(rest_key=SecretStr(REST_KEY)), Credentials(password=SecretStr(PASSWORD))]
)
async def test_session_in_a_room_behind_the_login_gives_its_links(
    closed_server: OTreeServer, credentials: Credentials
) -> None:
    session = await closed_server.rest.create_session("quiz", 4, room="classroom")
    for page in (session["admin_url"], session["room_url"]):
        found = await read_links(page, credentials)
        assert [link.code for link in found.links] == await codes_of(closed_server, session["code"])
        assert found.session_code == session["code"]


@server
async def test_a_room_whose_session_only_the_admin_may_see_lets_bots_in_as_participants(
    closed_server: OTreeServer,
) -> None:
    session = await closed_server.rest.create_session("quiz", 4, room="lab")
    plan = RunPlan(f"{closed_server.url}/room/lab", "hold", num_bots=2)
    assert await read_session(plan, Credentials()) is None
    taken = await take_places(plan.url, ways_in(plan))

    assert [link.code for link in taken.links] == (await codes_of(closed_server, session["code"]))[:2]
    with pytest.raises(LoginWanted, match="OTREE_REST_KEY"):
        await read_session(replace(plan, num_bots=None), Credentials())
    assert await session_in_room(plan.url, Credentials(rest_key=SecretStr(REST_KEY))) == session["code"]


@server
async def test_room_without_a_session_is_told(open_server: OTreeServer, closed_server: OTreeServer) -> None:
    await expect_error(f"{open_server.url}/room/empty", "no session in room empty")
    key = Credentials(rest_key=SecretStr(REST_KEY))
    await expect_error(f"{closed_server.url}/room/empty", "no session in room empty", credentials=key)


@server
@pytest.mark.parametrize("level", ["open_server", "closed_server"])
async def test_unknown_session_code_is_told(level: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(level).url
    await expect_error(f"{url}/SessionStartLinks/nosuch00", "no session nosuch00")


@server
async def test_links_that_make_the_reader_a_participant_are_refused_unopened(
    open_server: OTreeServer,
) -> None:
    session = await open_server.rest.create_session("quiz", 1)
    link = (await read_links(session["admin_url"])).links[0].url
    for url in (session["session_wide_url"], link):
        await expect_error(url, "makes whoever opens it a participant", "SessionStartLinks")


async def test_server_that_is_not_there_is_told() -> None:
    port = free_port()
    await expect_error(f"http://127.0.0.1:{port}/SessionStartLinks/abc123", "cannot be reached", str(port))


@pytest.mark.parametrize(
    "address",
    [
        "ftp://127.0.0.1/SessionStartLinks/abc",
        "https://127.0.0.1/",
        "http://[::1/SessionStartLinks/abc",
        "http://:80/SessionStartLinks/abc",
        "http://127.0.0.1:99999/SessionStartLinks/abc",
        "javascript://x/SessionStartLinks/abc",
    ],
)
async def test_address_that_names_no_session_is_told(address: str) -> None:
    await expect_error(address, address, "SessionStartLinks")


async def test_password_in_an_address_is_refused_and_not_repeated() -> None:
    error = await expect_error("http://me:hunter2@127.0.0.1/SessionStartLinks/abc", "password")
    assert "hunter2" not in str(error)


@asynccontextmanager
async def serving(html: str, status: int = 200) -> AsyncIterator[str]:
    """A web server that is not oTree's and answers everything alike."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", status=status)

    async with served([web.route("*", "/{path:.*}", answer)]) as url:
        yield f"{url}/SessionStartLinks/abc123"


async def test_page_that_is_not_otrees_is_told() -> None:
    async with serving("<h1>It works!</h1><a href='http://[broken'>x</a>") as url:
        await expect_error(url, "no links of participants")


async def test_failing_server_is_told() -> None:
    async with serving("oops", status=500) as url:
        await expect_error(url, "status 500", "log of the oTree server")


async def test_links_to_another_host_are_refused() -> None:
    async with serving("<a href='http://elsewhere.example/InitializeParticipant/abc'>P1</a>") as url:
        await expect_error(url, "another host (elsewhere.example)")


async def test_links_are_told_once_each_and_on_the_address_that_answered() -> None:
    anchor = "<a class='participant-link' href='http://127.0.0.1/InitializeParticipant/{0}'>{0}</a>"
    async with serving("".join(map(anchor.format, ["b", "a", "b"]))) as url:
        found = await read_links(url)
    base = url.removesuffix("/SessionStartLinks/abc123")
    assert [link.url for link in found.links] == [f"{base}/InitializeParticipant/{code}" for code in "ba"]


@given(html=st.text() | st.lists(st.text()).map(lambda hrefs: "".join(f"<a href='{h}'>" for h in hrefs)))
def test_no_page_makes_reading_it_fail_otherwise(html: str) -> None:
    async def read() -> None:
        async with serving(html) as url:
            await expect_error(url)

    asyncio.run(read())


def links_file(folder: Path, text: str) -> Path:
    path = folder / "bot-links.cfg"
    path.write_text(text, encoding="utf-8")
    return path


async def test_links_file_is_read_by_number_past_comments_and_blank_lines(tmp_path: Path) -> None:
    path = links_file(
        tmp_path,
        "\ufeff# by hand\r\n\r\n 2 = https://lab.example/otree/InitializeParticipant/bb \n"
        "01=http://lab.example/InitializeParticipant/aa?participant_label=x\n",
    )
    found = await read_links(f" {path} ")
    assert found.session_code is None
    assert found.links == (
        ParticipantLink(1, "aa", "http://lab.example/InitializeParticipant/aa?participant_label=x"),
        ParticipantLink(2, "bb", "https://lab.example/otree/InitializeParticipant/bb"),
    )


@pytest.mark.parametrize(
    "line",
    [
        "2=https://lab.example/SessionStartLinks/bb",
        "0=https://lab.example/InitializeParticipant/bb",
        "-2=https://lab.example/InitializeParticipant/bb",
        "two=https://lab.example/InitializeParticipant/bb",
        "https://lab.example/InitializeParticipant/bb",
        "2=ftp://lab.example/InitializeParticipant/bb",
        "2=javascript:alert(1)//InitializeParticipant/bb",
        "2=/InitializeParticipant/bb",
        "2=https:///InitializeParticipant/bb",
        "2=http://[x/InitializeParticipant/bb",
        "1=https://lab.example/InitializeParticipant/bb",
        "2=https://lab.example/InitializeParticipant/aa",
    ],
)
async def test_wrong_or_repeated_line_is_named(tmp_path: Path, line: str) -> None:
    first = "1=https://lab.example/InitializeParticipant/aa"
    await expect_error(links_file(tmp_path, f"# links\n{first}\n{line}\n"), "line 3", "bot-links.cfg")


async def test_links_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    await expect_error(tmp_path / "none.cfg", "No such file", "SessionStartLinks")
    await expect_error(tmp_path, "Is a directory")
    await expect_error("\0", "cannot be read")
    await expect_error(links_file(tmp_path, "# nothing yet\n"), "has no links")
    (tmp_path / "binary").write_bytes(b"\xff\xfe1")
    await expect_error(tmp_path / "binary", "UTF-8")


@given(data=st.binary() | st.text().map(str.encode))
def test_no_links_file_makes_reading_it_fail_otherwise(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "arbitrary.cfg"
    path.write_bytes(data)
    with pytest.raises(UserMustMend):
        read_links_file(path)


CODES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)


@given(codes=st.lists(CODES, min_size=1, max_size=30, unique=True), url=st.text())
def test_links_that_are_written_are_read_again(
    tmp_path_factory: pytest.TempPathFactory, codes: list[str], url: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "again.cfg"
    links = tuple(
        ParticipantLink(number, code, f"http://localhost:8000/InitializeParticipant/{code}")
        for number, code in enumerate(codes, start=1)
    )
    write_links_file(path, SessionLinks(url, "abc", links))
    assert read_links_file(path).links == links
