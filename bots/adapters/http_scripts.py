"""What the scripts of a page would do, as far as a participant without a browser has to know it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Final

from bots.adapters.page_readers import Document
from bots.adapters.page_readers.chat import in_chat
from bots.adapters.page_readers.forms import attribute, element_type, form_elements, is_script_back
from bots.domain.pages import Page, PageKind

IGNORED: Final = "data-bots-ignore"
"""Attribute of a script that its page works without, as one that only shows something."""
_SOCKET: Final = re.compile(r"""makeReconnectingWebSocket\(\s*["'](/[^/"'\s][^"'\s]*)["']""")
_BY_ARRIVAL: Final = "/group_by_arrival_time"
_TELLS_BOTS: Final = re.compile(r"\bfunction\s+readPage\b|\breadPage\s*=[^=]")
_CHECKS_FORM: Final = re.compile(
    r"""\baddEventListener\(\s*["']submit["']|\bonsubmit\s*=|\.on\(\s*["']submit["']"""
)


@dataclass(frozen=True, slots=True)
class Sockets:
    """Where a page hears from the server; paths with query, None where it has no such socket.

    Attributes:
        live: messages of a live page, both ways.
        waiting: tells on a wait page that it is over.
        advance: tells that an experimenter moved the participant on.
    """

    live: str | None = None
    waiting: str | None = None
    advance: str | None = None

    @property
    def by_arrival(self) -> bool:
        """Whether groups are made here of those who wait; such a page is to be loaded again now and then."""
        return (self.waiting or "").startswith(_BY_ARRIVAL)


def sockets(document: Document) -> Sockets:
    """Return the sockets that the page's scripts would open."""
    waiting = (_SOCKET.search(script) for script in _scripts(document)) if document.waits else ()
    found = next(filter(None, waiting), None)
    return Sockets(
        live=_socket_of(document, "#otree-live"),
        waiting=html.unescape(found[1]) if found else None,
        advance=_socket_of(document, "#websocket-redirect"),
    )


class Does(Flag):
    """What a script does that a participant without a browser has to know."""

    NOTHING = 0
    TELLS_BOTS = auto()  # it defines readPage()
    CHECKS_FORM = auto()  # it hears when a form is about to go, and may stop it
    SENDS_LIVE = auto()  # it makes live messages


def does(source: str) -> Does:
    """Return what a script does, as far as its text shows it."""
    found = Does.NOTHING
    if _TELLS_BOTS.search(source):
        found |= Does.TELLS_BOTS
    if _CHECKS_FORM.search(source):
        found |= Does.CHECKS_FORM
    if "liveSend" in source:
        found |= Does.SENDS_LIVE
    return found


class Need(Enum):
    """Why a page cannot be used without a browser."""

    READ_PAGE = "its script tells bots what is on it (readPage)"
    TRIALS = "its script runs trials and not the form"
    CHECKED = "its script decides whether the form goes"
    HIDDEN = "a hidden field waits for its script to fill it"
    MESSAGES = "its script makes the live messages that it sends"
    BUTTONS = "its buttons work by script alone"
    UNSENT = "its form goes to no server"


def need_of_browser(document: Document, page: Page, files: Does = Does.NOTHING) -> Need | None:
    """Return why the page needs a browser; None where it does not.

    The shipped market's pages never do: their scripts draw what stands in the data block.

    Args:
        files: what the page's script files do; the scripts that stand in the page are read here.
    """
    form = document.form_node
    if page.kind is not PageKind.FORM or page.market is not None:
        return None
    scripts = files
    for source in _judged_scripts(document):
        scripts |= does(source)
    if page.speaker is not None or Does.TELLS_BOTS in scripts:
        return Need.READ_PAGE
    if form is None:
        return None
    if attribute(form, "action").lower().startswith("javascript:"):
        return Need.TRIALS
    if "onsubmit" in form.attributes or Does.CHECKS_FORM in scripts:
        return Need.CHECKED
    elements = form_elements(form, document.tree)
    if any(
        element_type(node) == "hidden" and attribute(node, "name") and not attribute(node, "value")
        for node in elements
    ):
        return Need.HIDDEN
    if page.live:
        sends = Does.SENDS_LIVE in scripts or document.tree.css_matches("[onclick*=liveSend]")
        return Need.MESSAGES if sends and not page.messages else None
    kinds = {element_type(node) for node in elements if not is_script_back(node) and not in_chat(node)}
    return Need.BUTTONS if "button" in kinds and not kinds & {"submit", "image"} else None


def _socket_of(document: Document, selector: str) -> str | None:
    node = document.first(selector)
    path = attribute(node, "data-socket-url") if node is not None else ""
    # Two slashes would name another host.
    return path if path.startswith("/") and not path.startswith("//") else None


def _scripts(document: Document) -> Iterator[str]:
    return (script.text() for script in document.tree.css("script:not([src])"))


def _judged_scripts(document: Document) -> Iterator[str]:
    return (script.text() for script in document.tree.css(f"script:not([src]):not([{IGNORED}])"))
