"""What a page means, whichever transport brought it: the first reader that knows the page reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from bots.adapters.page_readers.document import Document
from bots.adapters.page_readers.market import read_market_page
from bots.adapters.page_readers.otree import read_broken_page, read_end_page, read_form_page, read_wait_page
from bots.adapters.page_readers.snapshot import Snapshot
from bots.adapters.page_readers.told_page import read_told_page
from bots.domain.pages import Page

PageReader = Callable[[Document], Page | None]
"""Returns the page where it knows it, else None."""

READERS: Final[Sequence[PageReader]] = (
    read_broken_page,
    read_wait_page,
    read_market_page,
    read_told_page,
    read_end_page,
    read_form_page,
)

__all__ = ["READERS", "Document", "PageReader", "Snapshot", "read_document", "read_page"]


def read_page(
    snapshot: Snapshot, readers: Sequence[PageReader] = READERS, story: dict[str, Any] | None = None
) -> Page:
    """Return what a snapshot shows; `story` as for `Document`.

    Raises:
        UnexpectedPage: a reader knows the page, but it is not as it should be.
    """
    return read_document(Document(snapshot, story), readers)


def read_document(document: Document, readers: Sequence[PageReader] = READERS) -> Page:
    """Return what a parsed snapshot shows; otherwise as `read_page`."""
    return next(page for reader in readers if (page := reader(document)) is not None)
