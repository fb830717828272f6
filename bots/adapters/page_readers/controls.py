"""What a page offers beside its form: buttons that work by script, their inputs, the messages they send."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from selectolax.lexbor import LexborNode

from bots.adapters.page_readers.forms import PRESSED, attribute, element_type, is_script_back, read_group
from bots.adapters.page_readers.text import hidden, one_line
from bots.domain.pages import Control, Field, LiveMessage, MessagePart

_CANDIDATES: Final = "button, input[type=button], [onclick]"
_FIELDS: Final = frozenset({"select", "textarea", "form", "label", "option", "input"})
_CALL: Final = re.compile(r"\bliveSend\s*\(")
_PAIR: Final = re.compile(
    r"""^\s*(?:["'](?P<quoted>[^"']+)["']|(?P<plain>[A-Za-z_$][\w$]*))\s*:\s*(?P<value>.+)$""", re.S
)
_SHORT: Final = re.compile(r"^\s*(?P<plain>[A-Za-z_$][\w$]*)\s*$")
_TEXT: Final = re.compile(r"""^(?P<mark>["'])(?P<text>[^"'\\`$]*)(?P=mark)$""")
_NUMBER: Final = re.compile(r"^-?\d+(\.\d+)?$")
_MAKES_NUMBER: Final = re.compile(r"^(?:Number|parseInt|parseFloat|cu)\s*\(|^\+|\.valueAsNumber\b")
_OPEN, _CLOSE, _QUOTES = "([{", ")]}", "\"'`"


def read_controls(root: LexborNode) -> tuple[Control, ...]:
    """Return the visible controls under the page's content; `place` counts hidden ones too."""
    return tuple(
        Control(_label(node), place)
        for place, node in enumerate(control_nodes(root))
        if "disabled" not in node.attributes and not _unseen(node)
    )


def control_nodes(root: LexborNode) -> list[LexborNode]:
    """Return the elements that work by the page's script, in the sequence in which controls are counted."""
    # A node that two of the selectors find is found twice.
    return list({node.mem_id: node for node in root.css(_CANDIDATES) if _is_control(node)}.values())


def read_inputs(root: LexborNode) -> tuple[Field, ...]:
    """Return the inputs that belong to no form's data: they have no name, the page's script reads them."""
    return tuple(
        read_group(input_name(place, node), node, root)
        for place, node in enumerate(loose_inputs(root), start=1)
        if "disabled" not in node.attributes and not _unseen(node)
    )


def loose_inputs(root: LexborNode) -> list[LexborNode]:
    """Return the inputs without a name, in the sequence in which they are counted."""
    return [
        node
        for node in root.css("input, select, textarea")
        if not attribute(node, "name") and element_type(node) not in PRESSED | {"file", "hidden"}
    ]


def input_name(place: int, node: LexborNode) -> str:
    """Return what an input without a name is called: its id, or its place, from 1."""
    return attribute(node, "id") or f"input_{place}"


def read_messages(scripts: Iterable[str]) -> tuple[LiveMessage, ...]:
    """Return the live messages that scripts plainly send; a message built elsewhere is left out."""
    found = (message for script in scripts for call in _calls(script) if (message := _message(call)))
    return tuple(dict.fromkeys(found))


def _is_control(node: LexborNode) -> bool:
    kind = element_type(node)
    if is_script_back(node) and _above(node, "form"):  # one of the form's buttons
        return False
    if kind == "button":
        return True
    if node.tag == "button":
        return kind == "submit" and not attribute(node, "form") and not _above(node, "form")
    return node.tag not in _FIELDS


def _above(node: LexborNode, tag: str) -> bool:
    above = node.parent
    while above is not None and above.tag != tag:
        above = above.parent
    return above is not None


def _unseen(node: LexborNode) -> bool:
    above: LexborNode | None = node
    while above is not None:
        if above.tag != "-document" and hidden(above):
            return True
        above = above.parent
    return False


def _label(node: LexborNode) -> str:
    named = (attribute(node, name) for name in ("value", "aria-label", "title", "id"))
    return one_line(node) or next(filter(None, named), "button")


def _calls(script: str) -> Iterator[str]:
    """Yield the arguments of each call, up to the bracket that closes it."""
    for call in _CALL.finditer(script):
        depth, quote, start = 1, "", call.end()
        for at in range(start, min(len(script), start + 2_000)):
            sign = script[at]
            if quote:
                quote = "" if sign == quote else quote
            elif sign in _QUOTES:
                quote = sign
            elif sign in _OPEN:
                depth += 1
            elif sign in _CLOSE:
                depth -= 1
            if depth == 0:
                yield script[start:at].strip()
                break


def _message(argument: str) -> LiveMessage | None:
    if argument.startswith("{") and argument.endswith("}"):
        parts = [_part(piece) for piece in _split(argument[1:-1]) if piece.strip()]
        known = [part for part in parts if part is not None]
        return LiveMessage(tuple(known)) if known and len(known) == len(parts) else None
    if _TEXT.match(argument) or _NUMBER.match(argument) or _MAKES_NUMBER.match(argument):
        return LiveMessage((_valued("value", argument),), bare=True)
    return None


def _part(piece: str) -> MessagePart | None:
    if pair := _PAIR.match(piece):
        return _valued(pair["quoted"] or pair["plain"], pair["value"].strip())
    short = _SHORT.match(piece)
    return MessagePart(short["plain"]) if short else None


def _valued(name: str, value: str) -> MessagePart:
    if text := _TEXT.match(value):
        return MessagePart(name, "fixed", text["text"])
    if value in {"true", "false"}:
        return MessagePart(name, "fixed", value == "true")
    if _NUMBER.match(value):
        return MessagePart(name, "fixed", float(value) if "." in value else int(value))
    return MessagePart(name, "number" if _MAKES_NUMBER.search(value) else "any")


def _split(body: str) -> Sequence[str]:
    """Split an object's text at the commas that stand in no brackets or quotes."""
    pieces, depth, quote = [""], 0, ""
    for sign in body:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == "," and depth == 0:
            pieces.append("")
            continue
        pieces[-1] += sign
    return pieces
