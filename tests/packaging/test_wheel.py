"""What is installed from the wheel, in an environment that has never seen the checkout, gives the market."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("bots", "markets", "otree_project", "requirements", "pyproject.toml", "README.md", "LICENSE")
NEVER_SHIPPED = (".env", "bot-links.cfg", "db.sqlite3", ".pyc")

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources as they are, with a key beside them that must not get into it."""
    sources, made = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__", ".env"))
        else:
            shutil.copy(ROOT / name, sources / name)
    (sources / "bots/config/.env").write_text("OPENAI_API_KEY=nobody-may-see")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", f"--outdir={made}", sources], made)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def bots(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script in a clean environment with the locked dependencies and the wheel."""
    folder = tmp_path_factory.mktemp("clean") / "env"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", f"--python={python}", "install", "-q", "--no-deps", wheel], folder)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    # The dependencies are those that the lock installed for the tests; the checkout itself is not among them.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "bots"


def run(command: list[object], folder: Path, **more: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "OTREE_PYTHON"}}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**kept, "COLUMNS": "140", **more},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_wheel_holds_what_the_product_needs_and_nothing_of_the_users(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("bots", "markets", "otree_project"):
        # What stands in the repository beside the code is data that the code reads.
        kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / part).rglob("*") if shipped(path)}
        assert kept <= set(names)
    assert not [name for name in names if name.endswith(NEVER_SHIPPED)]
    assert not [name for name in names if name.startswith(("tests", "docs", "benchmarks"))]


def test_wheel_asks_for_libraries_of_providers_and_of_clusters_by_their_extras_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    asked = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
    extras = {line.removeprefix("Provides-Extra: ") for line in lines if line.startswith("Provides-Extra: ")}
    assert extras == {"anthropic", "google", "mistral", "openai", "models", "dask"}
    always = [one for one in asked if "extra ==" not in one]
    assert any(one.startswith("pydantic-ai-slim<") for one in always)
    assert not [one for one in always if "[" in one or one.startswith(("distributed", "mistralai"))]


def shipped(path: Path) -> bool:
    folders = path.relative_to(ROOT).parts[:-1]
    made = any(one.startswith((".", "__pycache__", "build")) or one.endswith(".egg-info") for one in folders)
    unneeded = path.name in {"pyproject.toml", ".gitignore"} or path.name.endswith(NEVER_SHIPPED)
    return path.is_file() and not made and not unneeded


def test_installed_wheel_sets_the_market_up_and_plays_the_demo(bots: Path, tmp_path: Path) -> None:
    home = {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    script = "import bots, markets; print(bots.__file__, markets.__file__)"
    for place in run([bots.with_name("python"), "-c", script], tmp_path, **home).split():
        assert not Path(place).is_relative_to(ROOT)

    assert "oTree's environment" in run([bots, "setup"], tmp_path, **home)
    short = ["--participants", "3", "--practice-rounds", "0", "--paid-rounds", "1"]
    played = run([bots, "demo", "--transport", "http", *short], tmp_path, **home)
    assert "Run finished" in played
    assert (tmp_path / "bot-data/debug-runs/run-1/report.html").stat().st_size > 50_000
