"""Tell what a release brings: python scripts/release_notes.py [TAG]   (`make release-notes TAG=v0.2.0`)

Prints the section of CHANGELOG.md for a tag such as v0.2.0, once the version stands in every file that names
one; without a tag, what is unreleased.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_VERSION = re.compile(r"^version: *\"?([^\"\s]+)", re.MULTILINE)


class NotReady(Exception):
    """The release cannot be told yet; the message says where and how to mend it."""


def versions(root: Path) -> dict[str, str]:
    """Return the version that each file names, by the file's path."""
    found = {
        name: str(tomllib.loads((root / name).read_text(encoding="utf-8"))["project"]["version"])
        for name in ("pyproject.toml", "markets/pyproject.toml")
    }
    cited = _VERSION.search((root / "CITATION.cff").read_text(encoding="utf-8"))
    return {**found, "CITATION.cff": cited[1] if cited else "none"}


def section(changelog: str, version: str) -> str:
    """Return the text below a version's heading, with or without a date; `Unreleased` is a version too.

    Raises:
        NotReady: there is no such section, or nothing in it.
    """
    parts = re.split(r"^## +", changelog, flags=re.MULTILINE)[1:]
    for part in parts:
        heading, _, text = part.partition("\n")
        if heading.split(" ")[0].strip("[]") == version:
            if not text.strip():
                raise NotReady(f"CHANGELOG.md, {version}: the section is empty. Say what the release brings.")
            return text.strip()
    raise NotReady(f"CHANGELOG.md: there is no section {version}. Give Unreleased its version and date.")


def notes(root: Path, tag: str | None) -> str:
    """Return the notes of a release.

    Raises:
        NotReady: the tag, a file's version and the changelog do not agree.
    """
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not tag:
        return section(changelog, "Unreleased")
    version = tag.removeprefix("v")
    others = [f"{name} says {said}" for name, said in versions(root).items() if said != version]
    if others:
        raise NotReady(f"{tag}: {', '.join(others)}. Write {version} there, or tag another version.")
    return section(changelog, version)


def main(tags: list[str]) -> int:
    """Print the notes; return 2 where the release is not ready."""
    try:
        print(notes(ROOT, tags[0] if tags else None))
    except NotReady as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
