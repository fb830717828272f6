"""What a participant carries from page to page outside markets: what it read, did, was told and noted.

The memory follows the seat's own events, so that one rebuilt from a journal is the one the participant had.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bots.agents.prompts.texts import clipped
from bots.domain.ports import RunStore
from bots.domain.records import Event, PageSeen

DEFAULT_SIZE = 16_000  # characters that a decision is given
_LONGEST_PAGE = 4_000  # characters of one page's text that are remembered
_LONGEST_LINE = 600  # of one thing done or said


@dataclass(frozen=True, slots=True)
class PageNote:
    """One page: its text, and in order what was done on it, what was answered, and what was noted."""

    location: str
    title: str
    text: str
    lines: tuple[str, ...] = ()

    def shown(self, *, whole: bool) -> str:
        """Return the page as a decision is given it, with or without its text."""
        parts = [f"== {self.title}", *([self.text] if whole and self.text else []), *self.lines]
        return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class PageNotes:
    """Pages of one participant, oldest first.

    Attributes:
        size: characters that a decision is given at most; older texts go first, then older pages.
    """

    pages: tuple[PageNote, ...] = ()
    size: int = DEFAULT_SIZE

    @classmethod
    def from_events(cls, events: Iterable[Event]) -> PageNotes:
        """Rebuild the memory of one seat from its events, in the journal's order."""
        notes = cls()
        for event in events:
            notes = notes.after(event)
        return notes

    def after(self, event: Event) -> PageNotes:
        """Return the memory after one of the seat's own events."""
        if event.event == "page_seen":
            told = event.view is None and event.kind in ("form", "end")
            return self._seen(event) if told else self
        if not self.pages:  # none outside the market yet: there is nowhere to note it
            return self
        if event.event == "act_sent" and event.decision:
            return self._with_line(f"I sent: {sent_text(event.content)}")
        if event.event == "act_answered" and not event.accepted and event.words:
            return self._with_line(f"the server did not accept it: {' '.join(event.words)}")
        if event.event == "decision_made" and event.content.move is not None and event.content.plan:
            return self._with_line(f"my note: {event.content.plan}")
        return self

    def remembered(self, present: str) -> tuple[str, ...]:
        """Return what a decision on the page at `present` is given, oldest first, within `size`.

        The present page's own text is left out: the decision is given it anyway.
        """
        return tuple(reversed(list(self._newest_first(present))))

    def _newest_first(self, present: str) -> Iterator[str]:
        left = self.size
        for place, page in enumerate(reversed(self.pages)):
            here = place == 0 and page.location == present
            if here and not page.lines:
                continue
            shown = page.shown(whole=not here)
            if len(shown) > left:
                shown = page.shown(whole=False)
            if len(shown) > left:
                yield f"({len(self.pages) - place} earlier pages are left out)"
                return
            left -= len(shown)
            yield shown

    def _seen(self, event: PageSeen) -> PageNotes:
        text = clipped(event.text, _LONGEST_PAGE)
        latest = self.pages[-1] if self.pages else None
        if latest is not None and latest.location == event.location:
            return replace(self, pages=(*self.pages[:-1], replace(latest, text=text)))
        # A page that says the same again, as those of repeated rounds do, is kept where it was seen last.
        earlier = (replace(page, text="") if page.text == text else page for page in self.pages)
        return replace(self, pages=(*earlier, PageNote(event.location, event.title or event.page, text)))

    def _with_line(self, line: str) -> PageNotes:
        latest = self.pages[-1]
        grown = replace(latest, lines=(*latest.lines, clipped(" ".join(line.split()), _LONGEST_LINE)))
        return replace(self, pages=(*self.pages[:-1], grown))


def sent_text(content: Mapping[str, Any]) -> str:
    """Return an act on a page as a line: `age = 30; colours = red, blue; pressed "Leave"`."""
    parts = [f"{name} = {_plain(value)}" for name, value in (content.get("values") or {}).items()]
    if pressed := content.get("button") or content.get("control"):
        parts.append(f'pressed "{pressed}"')
    if "message" in content:
        parts.append(json.dumps(content["message"], ensure_ascii=False))
    return "; ".join(parts) or "the page, without answers"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


class Remembering:
    """A run's store through which one participant also remembers what is written of it."""

    def __init__(self, store: RunStore, notes: PageNotes) -> None:
        self._store = store
        self.notes = notes

    def append(self, event: Event) -> None:
        """Write one event through, then remember it."""
        self._store.append(event)
        self.notes = self.notes.after(event)
