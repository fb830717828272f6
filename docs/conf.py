"""How Sphinx builds the site: `make docs`, without a network; a link that leads nowhere fails it."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from docs.make_reference import linked_from, write  # noqa: E402

project = "LLM Trading Agents"
author = "the contributors"
release = version = version_of("llm-trading-agents")
html_title = "LLM Trading Agents"
language = "en"

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
smartquotes = False  # an option --plain, or a name in quotes, is to be copied as it stands
myst_heading_anchors = 3

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {
        "color-brand-primary": "#1d4f91",
        "color-brand-content": "#1d4f91",
        "color-brand-visited": "#1d4f91",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
        "font-stack--monospace": "ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#8fb8f0",
        "color-brand-content": "#8fb8f0",
        "color-brand-visited": "#8fb8f0",
    },
}


def _link_to_pages(app: object, name: str, source: list[str]) -> None:
    """Pages are read on a code host too, where they link to files; here those files are pages."""
    if not name.startswith("project/"):
        folder = (HERE / name).parent
        source[0] = linked_from(folder, folder, source[0])
    if name == "index":
        source[0] += _unlisted(source[0])


def _unlisted(index: str) -> str:
    """Return a part of the navigation for pages that the index does not name."""
    pages = (path.relative_to(HERE).with_suffix("").as_posix() for path in sorted(HERE.rglob("*.md")))
    listed = {"index", *index.split()}
    others = [page for page in pages if page not in listed]
    return "\n".join(["\n```{toctree}", ":hidden:", ":caption: More\n", *others, "```\n"]) if others else ""


def setup(app) -> None:  # type: ignore[no-untyped-def]
    """Make the reference, then let Sphinx read."""
    write()
    app.connect("source-read", _link_to_pages)
