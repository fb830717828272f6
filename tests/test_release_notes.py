"""A release says what it brings once tag, files and changelog name one version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import ROOT, loaded

SCRIPT = ROOT / "scripts" / "release_notes.py"
CHANGELOG = (
    "# Changelog\n\n## Unreleased\n\n- More.\n\n## 0.2.0 - 2026-12-01\n\n- New.\n\n### Fixed\n\n- Old.\n"
)


@pytest.fixture(scope="module")
def release() -> ModuleType:
    return loaded("release_notes")


def checkout(folder: Path, *, version: str = "0.2.0", changelog: str = CHANGELOG) -> Path:
    (folder / "markets").mkdir()
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')
    (folder / "markets/pyproject.toml").write_text('[project]\nversion = "0.2.0"\n')
    (folder / "CITATION.cff").write_text("cff-version: 1.2.0\nversion: 0.2.0\n")
    (folder / "CHANGELOG.md").write_text(changelog)
    return folder


def test_notes_are_the_section_of_the_tag(release: ModuleType, tmp_path: Path) -> None:
    assert release.notes(checkout(tmp_path), "v0.2.0") == "- New.\n\n### Fixed\n\n- Old."


def test_without_a_tag_the_unreleased_is_told(release: ModuleType, tmp_path: Path) -> None:
    assert release.notes(checkout(tmp_path), None) == "- More."


def test_file_that_names_another_version_is_told(release: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(release.NotReady, match=r"pyproject\.toml says 0\.1\.0\. Write 0\.2\.0 there"):
        release.notes(checkout(tmp_path, version="0.1.0"), "v0.2.0")


@pytest.mark.parametrize(
    ("changelog", "told"),
    [("## Unreleased\n\n- More.\n", "no section 0.2.0"), ("## 0.2.0\n\n## 0.1.0\n\n- A.\n", "is empty")],
)
def test_release_of_which_nothing_is_said_is_not_ready(
    release: ModuleType, tmp_path: Path, changelog: str, told: str
) -> None:
    with pytest.raises(release.NotReady, match=told):
        release.notes(checkout(tmp_path, changelog=changelog), "v0.2.0")


def test_all_files_of_this_checkout_name_one_version(release: ModuleType) -> None:
    assert len(set(release.versions(ROOT).values())) == 1


def test_a_version_that_no_file_names_ends_with_two() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "v99.0.0"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("v99.0.0: pyproject.toml says")
