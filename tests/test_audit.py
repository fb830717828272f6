"""The audit finds what is not locked, known to be bad or installed otherwise, without a network."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from tests.scripts import ROOT, loaded

HASH = "--hash=sha256:" + "a" * 64


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    return loaded("audit")


def test_this_checkout_passes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "audit.py"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout
    assert "0 wrong" in done.stdout


def test_a_lock_of_exact_versions_with_hashes_is_read(audit: ModuleType) -> None:
    text = f"# a remark\nsome_Thing==1.2 ; os_name == 'nt' \\\n    {HASH} \\\n    {HASH}\n"
    (one,), faults = audit.read_lock(text, "lock")

    assert (one.name, one.version, one.hashes) == ("some-thing", "1.2", 2)
    assert not faults


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("thing==1.2", "no sha256 hash"),
        ("thing==1.2 --hash=md5:abc", "no sha256 hash"),
        (f"thing>=1.2 {HASH}", "not one exact version"),
        (f"thing==1.* {HASH}", "not one exact version"),
        (f"thing @ https://example.org/thing.whl {HASH}", "not one exact version"),
        ("--index-url https://example.org/simple", "no requirement"),
        ("-e .", "no requirement"),
        ("git+https://example.org/thing", "no requirement"),
    ],
)
def test_whatever_else_stands_in_a_lock_is_a_fault(audit: ModuleType, line: str, fault: str) -> None:
    (told,) = audit.read_lock(line, "lock")[1]

    assert fault in told


def test_bad_releases_and_accepted_weaknesses_are_told_apart(audit: ModuleType) -> None:
    bad = [
        audit.Bad("evil", "==1.1,==1.3", "steals"),
        audit.Bad("old", "<2", "slow", accepted="pinned by another"),
        audit.Bad("never", "*", "taken over"),
    ]
    locked = [
        audit.Locked(name, version, "", 1)
        for name, version in (("evil", "1.3"), ("evil", "1.2"), ("old", "1.9"), ("never", "9"))
    ]
    refused, accepted = audit.known_bad(locked, bad, "lock")

    assert refused == ["lock: evil 1.3: steals", "lock: never 9: taken over"]
    assert accepted == ["lock: old 1.9: slow. pinned by another"]


def test_what_is_asked_for_or_installed_and_not_locked_is_told(audit: ModuleType) -> None:
    locked = [audit.Locked("here", "1.0", "", 1), audit.Locked("windows", "1", "os_name == 'nt'", 1)]
    installed = {"here": "1.1", "stray": "3", "pip": "1"}
    unmet = list(audit.unmet([Requirement("here>=2"), Requirement("gone")], locked, "lock"))
    other = list(audit.installed_otherwise(locked, installed, "lock"))
    (stray,) = audit.added(locked, installed, {"pip"}, "lock")

    assert unmet == ["lock: here is locked to 1.0, asked for is >=2", "lock: gone is not in the lock"]
    assert other == ["lock: here is 1.1, locked is 1.0"]
    assert "stray 3 is installed and not in the lock" in stray
