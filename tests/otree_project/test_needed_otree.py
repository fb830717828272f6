"""The project starts on the version of oTree whose pages it knows, and on no other."""

from __future__ import annotations

import subprocess

from tests.otree_project.otree_process import PROJECT, PYTHON

START = "import otree; otree.__version__ = {version!r}; import settings"


def started_on(version: str) -> subprocess.CompletedProcess[str]:
    command = [str(PYTHON), "-c", START.format(version=version)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_another_version_of_otree_is_refused_with_what_to_install() -> None:
    refused = started_on("6.1.0")
    assert refused.returncode != 0
    assert "this project needs oTree 6.0.15, but 6.1.0 is installed" in refused.stderr
    assert "requirements.txt" in refused.stderr


def test_the_version_of_the_requirements_is_taken() -> None:
    pinned = (PROJECT / "requirements.txt").read_text().split("otree==")[1].split()[0]
    assert started_on(pinned).returncode == 0
