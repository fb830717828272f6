"""The recipe for page readers of others: what the docs print is what is played here."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bots.adapters.page_readers import installed_readers
from bots.domain.errors import UserMustMend
from bots.domain.records import RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport
from tests.any_otree.players import Lab, asking

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    installed_readers.cache_clear()
    yield tmp_path
    installed_readers.cache_clear()


def install(site: Path, module: str) -> None:
    """Lay a package down as an installer does."""
    info = site / "bakery_reader-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bakery-reader\nVersion: 1.0\n")
    entry = "[bots.page_readers]\nbakery = bakery_reader:read_bakery_page\n"
    (info / "entry_points.txt").write_text(entry)
    (site / "bakery_reader.py").write_text(module)
    importlib.invalidate_caches()


def test_the_recipe_in_the_docs_is_the_example() -> None:
    docs = (ROOT / "docs/howto/page-reader.md").read_text("utf-8")
    assert (ROOT / "examples/bakery_reader.py").read_text("utf-8").rstrip() in docs


@pytest.mark.browser
@pytest.mark.server
@pytest.mark.asyncio(loop_scope="session")
async def test_an_installed_reader_makes_a_page_playable_that_no_form_reader_understands(
    browser: Transport, neutral_server: NeutralServer, site: Path
) -> None:
    install(site, (ROOT / "examples/bakery_reader.py").read_text("utf-8"))
    code, links = neutral_server.session("bakery")
    prompts: list[str] = []

    def bakes(messages: object, schema: object) -> str:
        prompts.append(str(messages))
        return json.dumps(
            {"reasoning": "", "note": "", "answers": {"loaves": 13 if len(prompts) == 1 else 9}}
        )

    played = await Lab(browser).play(links, [asking(bakes)])
    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    assert "9 customers will come" in prompts[0]
    assert "loaves: must be at most 12." in prompts[1]
    [row] = neutral_server.stored(code)
    assert row["bakery.1.player.loaves"] == "9"


def test_a_reader_that_cannot_be_loaded_is_told_by_its_name(site: Path) -> None:
    install(site, "import a_module_that_is_not_there\n")
    sys.modules.pop("bakery_reader", None)
    with pytest.raises(UserMustMend, match="the page reader 'bakery' cannot be loaded"):
        installed_readers()
