"""Starting and ending a browser: nothing is left behind, and what is missing is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bots.adapters.browser_settings import BrowserOptions
from bots.adapters.web_driver import BrowserSettings, open_browser
from bots.domain.errors import UserMustMend

pytestmark = pytest.mark.browser

HOLDING = """
import asyncio, sys
from bots.adapters.web_driver import BrowserSettings, open_browser

async def hold():
    async with open_browser(BrowserSettings.find()):
        print("open", flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


def program() -> str:
    """What the browser is called among processes."""
    found = BrowserSettings.find().browser
    assert found is not None
    return found.name


def profiles() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("bots-browser-*"))


@pytest.fixture(autouse=True)
def profiles_of_this_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Others on this machine have browsers too. Chromium wants a short path."""
    tmp_path_factory.getbasetemp()  # pytest's own folder stays where it is for all tests
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield


async def test_nothing_runs_and_no_profile_is_left_after_the_end() -> None:
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    folders = profiles()
    async with open_browser(BrowserSettings.find()):
        ours = [one for one in psutil.Process().children(recursive=True) if one.pid not in before]
        assert {program(), "chromedriver"} <= {one.name() for one in ours}
        assert profiles() - folders
    assert not [one for one in ours if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert profiles() <= folders


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_process_that_is_ended(how: signal.Signals) -> None:
    folders = profiles()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    below = psutil.Process(process.pid).children(recursive=True)
    assert program() in {one.name() for one in below}
    os.kill(process.pid, how)
    process.wait()
    process.stdout.close()
    _, alive = psutil.wait_procs(below, timeout=15)
    assert not alive
    assert profiles() <= folders


def put(folder: Path, name: str, version: str) -> Path:
    """A program that tells its version."""
    made = folder / name
    made.write_text(f"#!/bin/sh\necho Program {version}\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize(
    ("version", "options", "chosen"),
    [
        ("9.1.7", BrowserOptions(), "chrome-headless-shell"),
        ("10.0.1", BrowserOptions(), "chromium"),
        ("9.1.7", BrowserOptions(headed=True), "chromium"),
        ("9.1.7", BrowserOptions(classic=True), "chromium"),
    ],
    ids=["hidden", "of another version than the driver", "shown", "classic"],
)
def test_hidden_bots_sit_in_a_browser_without_windows_if_its_driver_can_drive_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, options: BrowserOptions, chosen: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    driver = put(tmp_path, "chromedriver", "9.1.8")
    put(tmp_path, "chromium", "9.1.8")
    put(tmp_path, "chrome-headless-shell", version)
    found = BrowserSettings.find(options)
    assert (found.browser, found.driver) == (tmp_path / chosen, driver)


def test_a_browser_without_windows_that_does_not_run_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    put(tmp_path, "chromedriver", "9.1.8")
    put(tmp_path, "chromium", "9.1.8")
    put(tmp_path, "chrome-headless-shell", "9.1.8").write_text("no program")
    assert BrowserSettings.find().browser == tmp_path / "chromium"


def test_missing_browser_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserMustMend, match=r"Chromium is not installed .* apt-get install"):
        BrowserSettings.find()


def test_headed_browser_needs_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserMustMend, match="no screen"):
        BrowserSettings.find(BrowserOptions(headed=True))


async def test_browser_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(UserMustMend, match=r"did not start: .*--transport http"):
        async with open_browser(BrowserSettings(broken, BrowserSettings.find().driver)):
            pass


async def test_driver_that_does_not_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserMustMend, match="driver ended at once with exit code 127"):
        async with open_browser(BrowserSettings(BrowserSettings.find().browser, tmp_path / "none")):
            pass


async def test_driver_whose_port_was_taken_is_started_anew(tmp_path: Path) -> None:
    found, marks = BrowserSettings.find(), tmp_path / "started"
    moody = tmp_path / "chromedriver"
    moody.write_text(
        f"#!/bin/sh\necho x >> {marks}\n"
        f'test "$(wc -l < {marks})" = 1 && echo "IPv4 port not available. Exiting..." && exit 1\n'
        f'exec {found.driver} "$@"\n'
    )
    moody.chmod(0o755)
    async with open_browser(BrowserSettings(found.browser, moody)):
        assert marks.read_text() == "x\nx\n"
    assert not profiles()


async def test_browser_that_hangs_at_its_start_is_given_up(tmp_path: Path) -> None:
    hanging = tmp_path / "chromedriver"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    settings = BrowserSettings(BrowserSettings.find().browser, hanging, start_seconds=0.2)
    with pytest.raises(UserMustMend, match=r"did not start in 0\.2 s"):
        async with open_browser(settings):
            pass
