from __future__ import annotations

import io
import os
import pty
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console

from bots.domain.errors import UserMustMend
from bots.services.cli import main, run_main
from bots.services.configuration import environment, models_file, readable_by_others, settings_file
from bots.services.terminal import printer
from bots.services.work_folder import Wishes, write_folder
from docs.make_reference import mendable

ROOT = Path(__file__).resolve().parents[2]
BOTS = Path(sys.executable).with_name("bots")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_init_writes_what_commands_in_the_folder_find(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--yes"]) == 0

    assert {path.name for path in folder.iterdir()} == {
        *(".env", "models.toml", "bot-links.cfg", "study.toml", ".gitignore")
    }
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    (folder / ".env").write_text("OPENAI_API_KEY=sk-of-this-folder\n")
    assert environment()["OPENAI_API_KEY"] == "sk-of-this-folder"
    assert models_file() == Path("models.toml")
    assert main(["study", "show", "study.toml"]) == 0
    capsys.readouterr()
    assert main(["doctor", "--no-browser", "--plain", "hold"]) == 0
    said = capsys.readouterr().out
    assert "ok\tModels\t" in said
    assert "in models.toml" in said
    assert "bot-links.cfg holds none yet" in said


def test_init_leaves_every_file_that_is_there_as_it_is(folder: Path) -> None:
    (folder / ".env").write_text("MINE=1\n")

    assert main(["init", "--yes"]) == 0
    (folder / "models.toml").write_text("mine\n")
    assert main(["init", "--yes"]) == 0

    assert (folder / ".env").read_text() == "MINE=1\n"
    assert (folder / "models.toml").read_text() == "mine\n"


def test_init_asks_for_keys_and_never_shows_them(folder: Path) -> None:
    ours, theirs = pty.openpty()
    asked = subprocess.Popen([BOTS, "init", "lab"], stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder)
    os.close(theirs)
    said = b""
    for answer in (b"memory", b"openai", b"4 x gpt-4o", b"sk-x#1"):
        while not said.endswith(b": "):
            said += os.read(ours, 1024)
        os.write(ours, answer + b"\n")
        said += b"\n"
    said += b"".join(_until_closed(ours))
    assert asked.wait(timeout=30) == 0

    assert b"sk-x#1" not in said
    assert "OPENAI_API_KEY='sk-x#1'" in (folder / "lab" / ".env").read_text()
    plan = (folder / "lab" / "study.toml").read_text()
    assert 'name = "memory"' in plan
    assert 'seats = "4 x gpt-4o"' in plan


def _until_closed(descriptor: int) -> Iterator[bytes]:
    try:
        while chunk := os.read(descriptor, 1024):
            yield chunk
    except OSError:
        return


def test_init_without_a_terminal_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert subprocess.run([BOTS, "init"], stdin=subprocess.DEVNULL, cwd=folder, check=False).returncode == 2
    assert list(folder.iterdir()) == []


def test_a_key_that_env_files_cannot_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="no key"):
        write_folder(tmp_path / "lab", Wishes("a", settings={"OPENAI_API_KEY": "a'\\b"}))

    assert not (tmp_path / "lab" / ".env").exists()


def test_settings_of_the_folder_go_before_those_of_the_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = folder / "package"
    config.mkdir()
    (config / ".env").write_text("A=package\nB=package\nC=package\n")
    (folder / ".env").write_text("A=folder\nB=folder\n")
    monkeypatch.setenv("A", "process")

    found = environment(config)

    assert [found[name] for name in "ABC"] == ["process", "folder", "package"]
    os.chmod(folder / ".env", 0o644)
    assert readable_by_others(config) == Path(".env")


def test_a_missing_key_is_asked_for_where_it_would_be_found(folder: Path) -> None:
    assert settings_file(folder / "bots" / "config") == Path("bots/config/.env")
    (folder / ".env").touch()

    assert settings_file(folder / "bots" / "config") == Path(".env")


def test_help_fits_a_screen_names_every_verb_and_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert "Examples" in lines
    for verb in ("init", "run", "study", "codebook", "replay"):
        assert any(f"  {verb} " in line for line in lines), verb


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert capsys.readouterr().out == f"bots {version('llm-trading-agents')}\n"


@pytest.mark.parametrize("arguments", [["doctor", "hold", "--no-browser"], ["study", "new", "--help"]])
def test_every_verb_takes_plain_quiet_and_verbose(
    arguments: Sequence[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--quiet", "--verbose", "--plain"]) == 0


@pytest.mark.parametrize("verb", [[], ["run"], ["study", "run"]], ids=" ".join)
def test_h_asks_for_help(verb: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb, "--help"]) == 0
    asked = capsys.readouterr().out
    assert main([*verb, "-h"]) == 0
    assert capsys.readouterr().out == asked


def test_the_documented_command_takes_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(["--help"]) == 0

    assert "--quiet" in capsys.readouterr().out


def test_colours_obey_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        console = Console(file=io.StringIO(), force_terminal=True)
        console.print("[red]x")
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in said()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in said()


def test_a_plain_command_prints_no_escape_even_to_a_terminal() -> None:
    ours, theirs = pty.openpty()
    told = subprocess.Popen(
        [BOTS, "run", "nowhere", "gpt-4o", "--plain"], stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b"".join(_until_closed(ours))

    assert told.wait(timeout=30) == 2
    assert said.startswith(b"Error: nowhere: ")
    assert b"\x1b" not in said
    assert not printer().quiet


_AT_TAB = """
bots --install-completion >/dev/null && source "$HOME/.bashrc"
at_tab() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bots_completion bots; echo "${COMPREPLY[*]}"; }
complete -p bots
at_tab bots run --trans
at_tab bots run x funda
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_options_and_the_names_of_traders_once_told_to(tmp_path: Path) -> None:
    found = {"HOME": str(tmp_path), "PATH": f"{BOTS.parent}{os.pathsep}{os.environ['PATH']}"}
    bash = subprocess.run(
        ["bash", "--norc", "-c", _AT_TAB],
        env={**os.environ, **found},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    asked, *completed = bash.stdout.splitlines()
    assert asked.endswith("-F _bots_completion bots"), bash.stderr
    assert completed == ["--transport", "fundamentalist"]


def test_errors_speak_in_one_voice_a_clause_and_what_to_do() -> None:
    for error in mendable():
        assert not error.what.endswith("."), f"{error.place}: a clause has no full stop: {error.what!r}"
        assert error.mend[0].isupper() or error.mend[0] in "…`", f"{error.place}: begin with what to do"
        assert error.mend.endswith((".", "…", "?")), f"{error.place}: end with a full stop: {error.mend!r}"
