"""Every command and snippet in README and docs: its words exist; without need of a key or server, it runs."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bots.adapters.models.catalogue import load_catalogue
from bots.adapters.otree_server import OTreeServer
from bots.services.cli import app, main
from bots.services.terminal import with_manner
from tests.docs.pages import PAGES, ROOT, Block, Command, blocks, command_of, commands

BELIEVED = {"demo", "serve", "setup", "run", "resume", "doctor", "try"}
"""Verbs that need a server, a key or a browser: their words are checked here, and other tests run them. All
others run as they stand, in a folder that holds runs; `people` and `doctor --url` on a real server below."""

ON_A_SERVER = {"people"}

HOURS = {"examples/strategies.toml", "overnight.toml"}
"""Plans that take hours or a key; they are checked with `bots study show`."""

SMALL = """
name = "small"
repetitions = 1
[market]
preset = "demo"
[treatments.mixed]
seats = "3 x zero-intelligence, 3 x fundamentalist"
"""
PRICES = "market,period,price,volume,fundamental,shares\n" + "".join(
    f"{market},{period},{14 + market / 4 - period / 10},{3 + market},14,24\n"
    for market in (1, 2)
    for period in range(1, 11)
)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def verb_of(command: Command) -> str:
    return " ".join(command.verb[1:])


@pytest.fixture(scope="module")
def known() -> Mapping[str, Any]:
    """The verbs of the console script with their commands."""
    found: dict[str, Any] = {}
    for name, command in with_manner(app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {f"{name} {each}": one for each, one in inner.items()} if inner else {name: command}
    return found


@every_page
def test_every_verb_option_and_target_that_a_page_names_exists(page: Path, known: Mapping[str, Any]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    for command in commands(page):
        match command.verb[0]:
            case "make":
                assert command.words[1] in targets, command.line
            case "bots" if command.verb[1].islower() and not command.verb[1].startswith("-"):
                verb = "study run" if verb_of(command) == "study" else verb_of(command)
                assert verb in known, command.line
                options = {name for one in known[verb].params for name in (*one.opts, *one.secondary_opts)}
                for word in command.rest:
                    if word.startswith("-"):
                        assert word.partition("=")[0] in {*options, "--help"}, command.line
            case _:
                pass


@every_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    roots = "bots|markets|otree_project|docs|tests|examples|benchmarks|scripts"
    for name in re.findall(rf"`((?:{roots})/[\w./-]+)`", text):
        made = {"bots/config/.env", "bots/config/bot-links.cfg", "benchmarks/results/"}  # by users and make
        assert name in made or (ROOT / name).exists(), f"{page.name} names {name}"


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the demo's market, played in process."""
    folder = tmp_path_factory.mktemp("one-run")
    (folder / "plan.toml").write_text(SMALL)
    assert main(["study", "run", str(folder / "plan.toml"), "--data-dir", str(folder), "--quiet"]) == 0
    (run,) = (folder / "studies").glob("small-*/run-1")
    return run


@pytest.fixture
def folder(one_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader would have it: runs, a plan, prices, the repository's commands."""
    for number in (1, 2, 3, 7):
        shutil.copytree(one_run, tmp_path / "bot-data" / "debug-runs" / f"run-{number}")
    shutil.copytree(one_run, tmp_path / "bot-data" / "production-runs" / "run-1")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "prices.csv").write_text(PRICES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    return tmp_path


def runnable(command: Command) -> bool:
    """Tell whether a line can be run as it stands: no … and no CAPITALS in the place of a name."""
    meant = any(re.search(r"…|\b[A-Z]{3,}\b", word) for word in command.rest)
    return command.verb[0] == "bots" and verb_of(command) not in BELIEVED | ON_A_SERVER and not meant


def steps(page: Path) -> Iterator[Block | Command]:
    """Yield what a reader of a page would do, in the page's order."""
    for block in blocks(page):
        if block.language in ("toml", "python"):
            yield block
        elif block.language in ("sh", "bash"):
            for line in block.text.splitlines():
                yield from command_of(page, line)


@pytest.fixture(scope="module")
def already_run() -> set[object]:
    """Commands of earlier pages, which need not run again on the same runs."""
    return set()


@every_page
@pytest.mark.slow
def test_what_a_page_shows_runs(page: Path, folder: Path, already_run: set[object]) -> None:
    for step in steps(page):
        if isinstance(step, Command):
            if runnable(step) and (step.verb, step.rest) not in already_run:
                already_run.add((step.verb, step.rest))
                run(step)
        elif step.language == "toml":
            tomllib.loads(step.text)
            if step.file == "models.toml":
                shipped = (ROOT / "bots" / "config" / "models.toml").read_text()
                (folder / step.file).write_text(shipped + step.text)
                load_catalogue(folder / step.file)
            elif step.file:
                (folder / step.file).write_text(step.text)
        else:
            play(step)


def run(command: Command) -> None:
    """Run a command; plans that take hours are shown in the place of being run."""
    words = [Path(command.words[0]).name, *command.words[1:]]
    if HOURS & set(words):
        words = [*words[:2], "show", next(word for word in words if word in HOURS)]
    if "bot-data/debug-runs/run-*" in words:
        at = words.index("bot-data/debug-runs/run-*")
        words[at : at + 1] = [str(path) for path in sorted(Path("bot-data/debug-runs").glob("run-*"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command.page.name}: {command.line}\n{done.stdout}{done.stderr}"


def play(snippet: Block) -> None:
    """Run a snippet where what it imports is installed; tables are there as `bots export` writes them."""
    imported = re.findall(r"^(?:import|from) (\w+)", snippet.text, flags=re.M)
    code = compile(snippet.text, str(snippet.page), "exec")
    if not all(map(importlib.util.find_spec, imported)):
        return
    if "tables/" in snippet.text and not Path("tables").exists():
        assert main(["export", "bot-data/debug-runs/run-1", "--out", "tables"]) == 0
    exec(code, {"__name__": "snippet"})


@pytest.mark.server
async def test_the_documented_command_runs_as_the_readme_says_and_what_follows_as_the_pages_do(
    market_server: OTreeServer, folder: Path
) -> None:
    rounds = {"practice_rounds": 0, "paid_rounds": 1, "phase_start_seconds": 0}
    session = await market_server.rest.create_session("demo", 4, modified=rounds)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    readme = (ROOT / "README.md").read_text()
    line = next(line for line in readme.splitlines() if "SessionStartLinks/CODE zero-intelligence" in line)
    words = line.replace("http://127.0.0.1:8000/SessionStartLinks/CODE", url).split()
    played = await done(*words, "--transport", "http", "--quiet")
    assert (folder / played / "journal.jsonl").exists()
    for rest in {one.words[1:-1] for page in PAGES for one in commands(page)}:
        match rest:
            case ("people", *_):
                await done("bots", *rest, played)
            case ("doctor", "--url"):
                await done("bots", *rest, url)
            case _:
                pass
    assert (folder / played / "otree" / "traders.csv").exists()


async def done(*words: str) -> str:
    """Run a command beside the server, and return what it said."""
    ended = await asyncio.to_thread(
        subprocess.run, words, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()
