"""oTree's chats in a page without its scripts: where each speaks, and the page with what was said in it.

Source: oTree's template of the chat, the same in 5 and 6.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bots.adapters.page_readers.controls import control_nodes, input_name, loose_inputs
from bots.adapters.page_readers.forms import attribute

_VARIABLES: Final = re.compile(r"\bvar\s+varsFromDjango\s*=\s*")
_WIDGET: Final = "_js-otree-chat-"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Chat:
    """One chat of a page.

    Attributes:
        channel: names it within the page.
        socket: path with query.
        own: oTree's number of the participant, by which its own words are known.
        own_name: what the participant is called in its own sight.
        signed_name: proves to the server what it is called by others.
        place: of the button that sends, among the page's controls.
        input: name of what that button reads, among the page's inputs.
    """

    channel: str
    socket: str
    own: int
    own_name: str
    signed_name: str
    place: int
    input: str

    def message(self, words: str) -> Mapping[str, str]:
        """Return what is sent to say something."""
        return {"body": words, "nickname_signed": self.signed_name}


@dataclass(frozen=True, slots=True)
class Said:
    """Words in a chat, and how the participant sees who said them."""

    name: str
    body: str


def read_chats(tree: LexborHTMLParser, root: LexborNode) -> tuple[Chat, ...]:
    """Return the chats under a page's content."""
    scripts = (script.text() for script in tree.css("script:not([src])"))
    told = [variables for script in scripts for variables in _variables(script)]
    return tuple(chat for one in told if (chat := _chat(one, root)) is not None)


def in_chat(node: LexborNode) -> bool:
    """Tell whether something is a part of a chat."""
    return _widget_of(node) is not None


def read_said(data: str, chat: Chat) -> tuple[Said, ...]:
    """Return what a message of a chat's socket says; nothing where it is none of oTree's."""
    try:
        told = json.loads(data)
    except ValueError:
        return ()
    return tuple(
        Said(
            chat.own_name if one.get("participant_id") == chat.own else str(one.get("nickname")), one["body"]
        )
        for one in (told if isinstance(told, list) else ())
        if isinstance(one, dict) and isinstance(one.get("body"), str)
    )


def with_said(page: str, said: Mapping[str, Sequence[Said]]) -> str:
    """Return a page's HTML with what was said in its chats, by channel, as the page's own script shows it."""
    for channel, words in said.items():
        identity = re.escape(_WIDGET + channel)
        messages = re.compile(
            rf"""id=(["']){identity}\1[^>]*>\s*<div class=(["'])otree-chat__messages\2>"""
        ).search(page)
        if messages is not None:
            page = page[: messages.end()] + "".join(map(_shown, words)) + page[messages.end() :]
    return page


def _shown(one: Said) -> str:
    name, body = html.escape(one.name), html.escape(one.body)
    return (
        f"<div class='otree-chat__msg'><span class='otree-chat__nickname'>{name}</span>"
        f"<span class='otree-chat__body'>{body}</span></div>"
    )


def _variables(script: str) -> Iterator[Mapping[str, Any]]:
    for found in _VARIABLES.finditer(script):
        try:
            told, _ = json.JSONDecoder().raw_decode(script, found.end())
        except ValueError:
            continue
        if isinstance(told, dict):
            yield told


def _chat(told: Mapping[str, Any], root: LexborNode) -> Chat | None:
    texts = [
        told.get(key) for key in ("channel", "socket_path", "nickname_i_see_for_myself", "nickname_signed")
    ]
    own = told.get("participant_id")
    if not all(isinstance(one, str) for one in texts) or not isinstance(own, int):
        return None
    channel, socket, own_name, signed_name = map(str, texts)
    # Two slashes would name another host.
    if not socket.startswith("/") or socket.startswith("//"):
        return None
    widget = _WIDGET + channel
    place = _first(widget, enumerate(control_nodes(root)))
    entered = _first(widget, ((input_name(at, node), node) for at, node in enumerate(loose_inputs(root), 1)))
    if place is None or entered is None:
        return None
    return Chat(channel, socket, own, own_name, signed_name, place, entered)


def _first(widget: str, named: Iterable[tuple[T, LexborNode]]) -> T | None:
    return next((name for name, node in named if _widget_of(node) == widget), None)


def _widget_of(node: LexborNode) -> str | None:
    above = node.parent
    while above is not None:
        if (identity := attribute(above, "id")).startswith(_WIDGET):
            return identity
        above = above.parent
    return None
