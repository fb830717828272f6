from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from bots.domain.records import Event

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_every_event_of_the_journal_is_described_once() -> None:
    union = get_args(Event)[0]
    names = [kind.model_fields["event"].default for kind in get_args(union)]
    described = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "records.md").read_text(), flags=re.M)

    assert described == names


def test_every_link_to_a_file_of_the_project_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name in re.findall(r"`((?:adapters|agents|services|domain|analysis)/[\w/]+(?:\.py|/))`", text):
        assert (ROOT / "bots" / name).exists(), name
    for name in re.findall(r"`((?:markets|otree_project)/\w+\.py)`", text):
        assert (ROOT / name).exists(), name


def test_every_make_target_that_the_docs_name_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for target in re.findall(r"`?\bmake ([a-z-]+)`", page.read_text()):
            assert re.search(rf"^{target}:", makefile, flags=re.M), f"{page.name} names make {target}"
