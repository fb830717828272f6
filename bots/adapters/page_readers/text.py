"""A document's text as a person would read it: blocks on their own lines, cells of a table side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborNode

_UNSEEN: Final = frozenset(
    {"script", "style", "template", "noscript", "option", "textarea", "svg", "-comment", "head"}
)
_BLOCKS: Final = frozenset(
    {"address", "article", "aside", "blockquote", "caption", "dd", "div", "dl", "dt", "fieldset", "figure"}
    | {"footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main", "nav"}
    | {"ol", "p", "pre", "section", "table", "tbody", "thead", "tfoot", "tr", "ul"}
)
_CELLS: Final = frozenset({"td", "th"})
_HIDDEN_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_SPACES: Final = re.compile(r"[^\S\n]+")
_BREAK: Final = "\n"
_CELL: Final = "\t"


def readable(node: LexborNode) -> str:
    """Return the visible text under a node; lines without surrounding space, no empty ones."""
    lines = (_line(line) for line in "".join(_pieces(node)).split(_BREAK))
    return "\n".join(line for line in lines if line)


def one_line(node: LexborNode) -> str:
    """Return the visible text under a node on one line."""
    return readable(node).replace("\n", " ")


def _line(raw: str) -> str:
    cells = (_SPACES.sub(" ", cell).strip() for cell in raw.split(_CELL))
    return " | ".join(cell for cell in cells if cell)


def _pieces(node: LexborNode) -> Iterator[str]:
    tag = node.tag or ""
    if tag == "-text":
        yield _plain(node)
    elif tag == "br":
        yield _BREAK
    elif tag == "img":
        yield _image(node)
    elif tag not in _UNSEEN and not hidden(node):
        around = _BREAK if tag in _BLOCKS else _CELL if tag in _CELLS else ""
        yield around
        if tag == "li":
            yield "- "
        for child in node.iter(include_text=True):
            yield from _pieces(child)
        yield around


def _image(node: LexborNode) -> str:
    words = " ".join((node.attributes.get("alt") or "").split())
    return f" [image: {words}] " if words and not hidden(node) else ""


def _plain(node: LexborNode) -> str:
    return re.sub(r"\s+", " ", node.text_content or "")


def hidden(node: LexborNode) -> bool:
    """Tell whether an element hides itself; what stands around it is not looked at."""
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))
