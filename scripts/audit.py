"""Audit the dependencies without a network: python scripts/audit.py   (part of `make check`)

- every requirement of a lock is one exact version with sha256 hashes, and nothing comes from elsewhere;
- what the files of requirements ask for stands in their lock, in a version they allow;
- no release that scripts/known_bad.toml names is locked, unless it says why;
- what is installed here, and in the environments of oTree and the local model if they are there, is what the
  locks say; what was added by hand is told.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Locked:
    """One requirement of a lock; `marker` says where it applies, empty for everywhere."""

    name: str
    version: str
    marker: str
    hashes: int


@dataclass(frozen=True, slots=True)
class Bad:
    """Releases that `known_bad.toml` names."""

    name: str
    versions: str
    why: str
    accepted: str = ""

    def holds(self, version: str) -> bool:
        """Tell whether a version is one of them; several versions that begin with == are a list."""
        parts = self.versions.split(",")
        if self.versions == "*":
            return True
        if all(part.startswith("==") for part in parts):
            return any(SpecifierSet(part).contains(version, prereleases=True) for part in parts)
        return SpecifierSet(self.versions).contains(version, prereleases=True)


def read_lock(text: str, where: str) -> tuple[list[Locked], list[str]]:
    """Return a lock's requirements, and what is wrong with its lines."""
    found, faults = [], []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = line.split()
        hashes = [word for word in words if word.startswith("--")]
        try:
            wanted = Requirement(" ".join(word for word in words if not word.startswith("--")))
        except InvalidRequirement:
            faults.append(f"{where}: no requirement of a release: {line.strip()[:100]}")
            continue
        pins = [pin for pin in wanted.specifier if pin.operator == "==" and not pin.version.endswith(".*")]
        if wanted.url or len(pins) != 1 or len(wanted.specifier) != 1:
            faults.append(f"{where}: {wanted.name} is not one exact version of the index")
            continue
        if not hashes or not all(map(_HASH.match, hashes)):
            faults.append(f"{where}: {wanted.name} has no sha256 hash, or another option")
        marker = str(wanted.marker or "")
        found.append(Locked(canonicalize_name(wanted.name), pins[0].version, marker, len(hashes)))
    return found, faults


def unmet(asked: Iterable[Requirement], locked: Sequence[Locked], where: str) -> Iterator[str]:
    """Yield what is asked for and does not stand in the lock in an allowed version."""
    for wanted in asked:
        versions = [one.version for one in locked if one.name == canonicalize_name(wanted.name)]
        if not versions:
            yield f"{where}: {wanted.name} is not in the lock"
        for version in versions:
            if not wanted.specifier.contains(version, prereleases=True):
                yield f"{where}: {wanted.name} is locked to {version}, asked for is {wanted.specifier}"


def known_bad(locked: Sequence[Locked], bad: Sequence[Bad], where: str) -> tuple[list[str], list[str]]:
    """Return the faults of locked releases, and the weaknesses that are accepted."""
    told: tuple[list[str], list[str]] = ([], [])
    for one in locked:
        for entry in bad:
            if entry.name == one.name and entry.holds(one.version):
                text = f"{where}: {one.name} {one.version}: {entry.why}"
                told[bool(entry.accepted)].append(text + (f". {entry.accepted}" if entry.accepted else ""))
    return told


def installed_otherwise(locked: Sequence[Locked], installed: Mapping[str, str], where: str) -> Iterator[str]:
    """Yield what is locked for this machine and is not installed so."""
    for one in locked:
        applies = not one.marker or Marker(one.marker).evaluate(default_environment())
        if applies and installed.get(one.name) != one.version:
            there = installed.get(one.name, "not installed")
            yield f"{where}: {one.name} is {there}, locked is {one.version}"


def added(locked: Sequence[Locked], installed: Mapping[str, str], own: set[str], where: str) -> Iterator[str]:
    """Yield what is installed and stands in no lock; `own` are our packages and the installers."""
    for name in sorted(installed.keys() - {one.name for one in locked} - own):
        yield f"{where}: {name} {installed[name]} is installed and not in the lock, whose audit ends there"


def _asked(path: Path) -> Iterator[Requirement]:
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from _asked(path.parent / text[3:].strip())
        elif text:
            yield Requirement(text)


def _installed(paths: Sequence[str]) -> dict[str, str]:
    found = metadata.distributions(path=list(paths))
    return {canonicalize_name(one.name): one.version for one in found if one.name}


def audit(root: Path) -> tuple[list[str], list[str]]:
    """Return what is wrong with the dependencies of a checkout, and what is known and accepted."""
    entries = tomllib.loads((root / "scripts/known_bad.toml").read_text(encoding="utf-8"))["release"]
    bad = [Bad(**entry) for entry in entries]
    faults: list[str] = []
    accepted: list[str] = []
    places = {
        "requirements.lock": (root / "requirements-dev.txt", _of_this_environment()),
        "otree_project/requirements.lock": (
            root / "otree_project/requirements.txt",
            _of(root, ".venv-otree"),
        ),
        "requirements-local.lock": (root / "requirements-local.txt", _of(root, ".venv-local-model")),
    }
    for name, (asked, installed) in places.items():
        locked, wrong = read_lock((root / name).read_text(encoding="utf-8"), name)
        refused, known = known_bad(locked, bad, name)
        faults += [*wrong, *unmet(_asked(asked), locked, name), *refused]
        accepted += known
        if installed is not None:
            own = {"pip", "setuptools", "wheel", "llm-trading-agents", "llm-trading-markets"}
            faults += installed_otherwise(locked, installed, name)
            accepted += added(locked, installed, own, name)
    return faults, accepted


def _of_this_environment() -> dict[str, str] | None:
    """Return what is installed here; None outside the project's own environment."""
    return _installed(sys.path) if Path(sys.prefix).parent == ROOT else None


def _of(root: Path, environment: str) -> dict[str, str] | None:
    paths = [str(path) for path in root.glob(f"{environment}/lib/python*/site-packages")]
    return _installed(paths) if paths else None


def main() -> int:
    """Print what was found; return 1 where something is wrong."""
    faults, accepted = audit(ROOT)
    for text in accepted:
        print(f"accepted  {text}")
    for text in faults:
        print(f"WRONG     {text}")
    print(f"Audit: {len(faults)} wrong, {len(accepted)} known and accepted.")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
