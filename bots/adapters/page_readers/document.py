"""A parsed snapshot, and what every oTree page says in the same places (oTree 5 and 6)."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bots.adapters.page_readers.chat import Chat, read_chats
from bots.adapters.page_readers.controls import read_controls, read_inputs, read_messages
from bots.adapters.page_readers.forms import attribute, read_form
from bots.adapters.page_readers.snapshot import Snapshot
from bots.adapters.page_readers.text import one_line, readable
from bots.domain.pages import Control, Field, Form, LiveMessage, Page, PageKind

_TIMER: Final = re.compile(r"\bvar remainingTimeoutSeconds = (-?\d+(?:\.\d+)?)")
_RELOADS: Final = re.compile(r"\blocation\.reload\s*\(")
_RELOAD_AFTER: Final = re.compile(r"\blocation\.reload\s*\([^;]*?,\s*(\d+)\s*\)")
_RELOAD_SECONDS: Final = 5.0
_CONTENT: Final = (
    ".otree-content",
    "._otree-content",
    ".otree-wait-page",
    "._otree-wait-page",
    "#form",
    "body",
)
_TITLES: Final = ("#_otree-title", "h1", "h2", "title")


class Document:
    """What readers look at. Everything is computed once, when it is first asked for.

    Args:
        story: where readers of pages that do not repeat themselves keep, under their own name, what this
            participant has seen so far.
    """

    def __init__(self, snapshot: Snapshot, story: dict[str, Any] | None = None) -> None:
        self.snapshot = snapshot
        self.story = {} if story is None else story
        self.tree = LexborHTMLParser(snapshot.html)

    def first(self, *selectors: str) -> LexborNode | None:
        """Return the first element of the first selector that finds one."""
        return next((node for selector in selectors if (node := self.tree.css_first(selector))), None)

    def page(self, kind: PageKind, **more: Any) -> Page:
        """Return the page with all that is common to every kind; `more` are attributes of `Page`."""
        snapshot = self.snapshot
        common: dict[str, Any] = {
            "title": self.title,
            "text": self.text,
            "form": self.form,
            "live": self.live,
            "expires_at": self.expires_at,
            "seconds": self.seconds,
            "errors": self.errors,
            "controls": self.controls,
            "inputs": self.inputs if self.controls else (),
            "messages": self.messages,
        }
        return Page(
            visit=snapshot.visit,
            kind=kind,
            location=self.location,
            frames=snapshot.frames,
            revision=len(snapshot.frames),
            **(common | more),
        )

    @cached_property
    def location(self) -> str:
        """Path of the address; the whole address where it is not on a web server."""
        parts = urlsplit(self.snapshot.address)
        return parts.path if parts.scheme in {"http", "https"} else self.snapshot.address

    @cached_property
    def title(self) -> str:
        return next((text for name in _TITLES if (node := self.first(name)) and (text := one_line(node))), "")

    @cached_property
    def text(self) -> str:
        content = self.first(*_CONTENT)
        return readable(content) if content else ""

    @cached_property
    def form(self) -> Form | None:
        return read_form(self.form_node, self.tree) if self.form_node else None

    @cached_property
    def form_node(self) -> LexborNode | None:
        """The form that goes to the server."""
        return self.first("#form", "form[method=post i]", "form")

    @cached_property
    def live(self) -> bool:
        return self.first("#otree-live") is not None

    @cached_property
    def controls(self) -> tuple[Control, ...]:
        """What can be pressed beside the form's buttons: where no scripts run only what sends in a chat."""
        root = self.first(*_CONTENT)
        found = read_controls(root) if root is not None else ()
        places = {chat.place for chat in self.chats}
        return found if self.snapshot.scripted else tuple(one for one in found if one.place in places)

    @cached_property
    def chats(self) -> tuple[Chat, ...]:
        """The page's chats, where its scripts do not run."""
        root = self.first(*_CONTENT)
        return read_chats(self.tree, root) if root is not None and not self.snapshot.scripted else ()

    @cached_property
    def inputs(self) -> tuple[Field, ...]:
        root = self.first(*_CONTENT)
        found = read_inputs(root) if root is not None else ()
        read = {chat.input for chat in self.chats}
        return found if self.snapshot.scripted else tuple(one for one in found if one.name in read)

    @cached_property
    def messages(self) -> tuple[LiveMessage, ...]:
        """Live messages that can be sent in place of the page's controls, where its scripts do not run."""
        if not self.live or self.snapshot.scripted:
            return ()
        scripts = (script.text() for script in self.tree.css("script:not([src])"))
        clicks = (attribute(node, "onclick") for node in self.tree.css("[onclick]"))
        return read_messages((*scripts, *clicks))

    @cached_property
    def waits(self) -> bool:
        """Whether others are waited for here."""
        return self.first(".otree-wait-page", "._otree-wait-page") is not None

    @cached_property
    def reloads_after(self) -> float | None:
        """Seconds after which a page loads itself again, where it does; 5 where they are not plain."""
        if self.waits:  # a wait page of oTree's own is woken by its socket
            return None
        if (refresh := self.first("meta[http-equiv=refresh i]")) is not None:
            seconds = attribute(refresh, "content").partition(";")[0].strip()
            return float(seconds) if seconds.isdecimal() else _RELOAD_SECONDS
        for script in self.tree.css("script:not([src])"):
            if _RELOADS.search(text := script.text()):
                after = _RELOAD_AFTER.search(text)
                return int(after[1]) / 1000 if after else _RELOAD_SECONDS
        return None

    @cached_property
    def seconds(self) -> float | None:
        """How long the page's timer ran when it was opened; None without a timer."""
        for script in self.tree.css("script:not([src])"):
            if timer := _TIMER.search(script.text()):
                return float(timer[1])
        return None

    @cached_property
    def expires_at(self) -> float | None:
        return None if self.seconds is None else self.snapshot.loaded_at + self.seconds

    @cached_property
    def errors(self) -> tuple[str, ...]:
        """The server's words about a refused form: on the whole, then on each field, with its label."""
        whole = (one_line(node) for node in self.tree.css(".otree-form-errors, ._otree-form-errors"))
        fields = self.form.fields if self.form else ()
        of_fields = [f"{field.label}: {error}" for field in fields for error in field.errors]
        known = {error for field in fields for error in field.errors}
        loose = (one_line(node) for node in self.tree.css(".form-control-errors"))
        return (*filter(None, whole), *of_fields, *(words for words in loose if words and words not in known))
