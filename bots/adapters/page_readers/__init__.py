"""What a page means, whichever transport brought it: the first reader that knows the page reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from bots.adapters.page_readers.document import Document
from bots.adapters.page_readers.market import read_market_page
from bots.adapters.page_readers.otree import read_broken_page, read_end_page, read_form_page, read_wait_page
from bots.adapters.page_readers.snapshot import Snapshot
from bots.adapters.page_readers.told_page import read_told_page
from bots.domain.errors import UserMustMend
from bots.domain.pages import Page

PageReader = Callable[[Document], Page | None]
"""Returns the page where it knows it, else None."""

GROUP: Final = "bots.page_readers"
"""Entry points of this group are page readers that others ship."""

_FIRST: Final[Sequence[PageReader]] = (read_broken_page, read_wait_page)
_THEN: Final[Sequence[PageReader]] = (read_market_page, read_told_page, read_end_page, read_form_page)


@cache
def installed_readers() -> Sequence[PageReader]:
    """Return all readers in the order in which they are asked: those of others before the shipped ones.

    Raises:
        UserMustMend: one that is installed cannot be loaded.
    """
    return (*_FIRST, *map(_load, sorted(entry_points(group=GROUP), key=lambda one: one.name)), *_THEN)


def _load(point: EntryPoint) -> PageReader:
    try:
        reader: PageReader = point.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        raise UserMustMend(
            f"the page reader {point.name!r} cannot be loaded ({error})",
            where=point.value,
            mend="Mend or uninstall its package.",
        ) from error
    return reader


__all__ = ["Document", "PageReader", "Snapshot", "installed_readers", "read_document", "read_page"]


def read_page(
    snapshot: Snapshot, readers: Sequence[PageReader] | None = None, story: dict[str, Any] | None = None
) -> Page:
    """Return what a snapshot shows; `story` as for `Document`. Without `readers` all installed are asked.

    Raises:
        UnexpectedPage: a reader knows the page, but it is not as it should be.
    """
    return read_document(Document(snapshot, story), readers)


def read_document(document: Document, readers: Sequence[PageReader] | None = None) -> Page:
    """Return what a parsed snapshot shows; otherwise as `read_page`."""
    return next(page for reader in readers or installed_readers() if (page := reader(document)) is not None)
