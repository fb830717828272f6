"""What stands around a field that has no label of its own: its place in a table, or the words beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from selectolax.lexbor import LexborNode

from bots.adapters.page_readers.text import one_line

_BESIDE: Final = frozenset({"p", "li", "dd", "div", "section", "span"})
_ENDS: Final = frozenset({"form", "body", "fieldset", "table"})
_LONGEST: Final = 300  # characters; a longer text is the page's, not the field's


def place_in_table(node: LexborNode) -> str:
    """Return the headings of the row and column in which a field stands; empty outside tables."""
    cell = _above(node, {"td", "th"})
    row = _above(cell, {"tr"}) if cell is not None else None
    table = _above(row, {"table"}) if row is not None else None
    if cell is None or row is None or table is None:
        return ""
    cells, rows = list(_children(row, {"td", "th"})), table.css("tr")
    at = next(place for place, one in enumerate(cells) if one.mem_id == cell.mem_id)
    heading = cells[0] if at > 0 else None
    top = list(_children(rows[0], {"td", "th"})) if rows[0].mem_id != row.mem_id else []
    column = top[at] if at < len(top) else None
    return " · ".join(words for one in (heading, column) if one is not None and (words := one_line(one)))


def words_beside(node: LexborNode, known: Iterable[str]) -> str:
    """Return the text of the nearest block around a field, if it says more than what is `known` of it."""
    told = [words for words in known if words]
    for block in _blocks(node):
        words = one_line(block)
        rest = words
        for one in sorted(told, key=len, reverse=True):
            rest = rest.replace(one, "")
        if any(sign.isalnum() for sign in rest):
            return words if len(words) <= _LONGEST else ""
    return ""


def _blocks(node: LexborNode) -> Iterator[LexborNode]:
    """Yield the blocks around a field that hold no other field, from the inside."""
    block = node.parent
    while block is not None and block.tag not in _ENDS:
        names = {inner.attributes.get("name") for inner in block.css("input, select, textarea, button")}
        if len(names - {None, ""}) > 1 or block.css_first("button, input[type=submit]"):
            return
        if block.tag in _BESIDE:
            yield block
        block = block.parent


def _above(node: LexborNode, tags: set[str]) -> LexborNode | None:
    above = node.parent
    while above is not None and above.tag not in tags:
        above = above.parent
    return above


def _children(node: LexborNode, tags: set[str]) -> Iterator[LexborNode]:
    return (child for child in node.iter() if child.tag in tags)
