from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

from bots.analysis.codebook import ROUND, SEAT, TABLES
from bots.analysis.measures import MEASURES
from bots.domain.records import Event
from docs import make_reference
from tests.docs.pages import PAGES, ROOT


def test_every_event_of_the_journal_is_described_once() -> None:
    union = get_args(Event)[0]
    names = [kind.model_fields["event"].default for kind in get_args(union)]
    described = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "records.md").read_text(), flags=re.M)

    assert described == names


def test_every_link_to_a_file_of_the_project_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PICTURE = (ROOT / "docs" / "images" / "architecture.svg").read_text()


def test_every_name_on_the_path_of_a_decision_stands_in_the_file_it_is_said_to_be_in() -> None:
    named = re.findall(r"`(\w+)`(?: in|\n? *in)\s+`([\w/]+\.py)`", ARCHITECTURE)

    assert len(named) == 9
    for name, file in named:
        defined = rf"^ *(class|def|async def) {name}\b|^{name}\b"
        assert re.search(defined, (ROOT / file).read_text(), flags=re.M), f"{file} has no {name}"


def test_every_part_in_the_picture_of_the_architecture_exists() -> None:
    parts = re.findall(r'data-path="([^"]+)"', PICTURE)

    assert len(parts) > 20
    for part in parts:
        assert (ROOT / part).exists(), part


def test_the_layers_of_the_picture_are_the_packages_of_the_project() -> None:
    layers = set(re.findall(r'class="title" x="\d+" y="\d+">(\w+)</text>', PICTURE))
    packages = {path.parent.name for path in (ROOT / "bots").glob("*/__init__.py")}

    assert layers == packages | {"markets", "otree_project"}


def test_the_site_builds_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr

    elsewhere = re.compile(r'(?:src|href)="(?:https?:)?//[^"]*\.(?:js|css|woff2?)')
    for page in tmp_path.rglob("*.html"):
        assert not elsewhere.search(page.read_text(encoding="utf-8")), f"{page} loads from elsewhere"


def test_the_reference_has_every_verb_event_and_error() -> None:
    commands = make_reference.commands()
    for name, _ in make_reference.verbs():
        assert f"## bots {name}\n" in commands
    assert make_reference.events().count("\n## ") == len(get_args(get_args(Event)[0])) + 1
    assert len(list(make_reference.mendable())) > 80


def test_the_page_on_analysis_names_every_column_and_every_measure_as_the_code_does() -> None:
    page = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
    everywhere = {column.name for column in (*SEAT, *ROUND)}
    assert all(f"`{name}`" in page for name in everywhere)
    for name, table in TABLES.items():
        own = ", ".join(f"`{one.name}`" for one in table.columns if one not in (*SEAT, *ROUND))
        assert f"| `{name}` | {table.row} | {own} |" in page
    for name, one in MEASURES.items():
        assert f"| `{name}` | {one.label} | {one.formula.replace('|', '∣')} | {one.unit} |" in page
