"""Reads what any oTree server shows: errors, wait pages, forms and the end."""

from __future__ import annotations

from typing import Final

from bots.adapters.page_readers.document import Document
from bots.adapters.page_readers.forms import is_script_back
from bots.domain.pages import FieldKind, Page, PageKind, Trouble

_FIRST_ERROR_STATUS: Final = 400
_TROUBLES: Final = {404: Trouble.GONE, 410: Trouble.GONE} | dict.fromkeys((502, 503, 504), Trouble.AWAY)
_END: Final = "/OutOfRangeNotification/"
_PAGES: Final = "/p/"


def read_broken_page(document: Document) -> Page | None:
    """Return an error page of the server, or of the browser where there is no server."""
    status, no_server = document.snapshot.status, not document.location.startswith("/")
    if status < _FIRST_ERROR_STATUS and not no_server:
        return None
    trouble = Trouble.AWAY if no_server else _TROUBLES.get(status, Trouble.FAILED)
    return document.page(PageKind.BROKEN, form=None, trouble=trouble)


def read_wait_page(document: Document) -> Page | None:
    """Return a page on which others are waited for; it goes on by itself."""
    waits = document.waits or (document.reloads_after is not None and is_last(document))
    return document.page(PageKind.WAIT, form=None) if waits else None


def read_end_page(document: Document) -> Page | None:
    """Return the page after the last one, or a last page that offers nothing to do."""
    ended = document.location.startswith(_END) or is_last(document)
    return document.page(PageKind.END) if ended else None


def read_form_page(document: Document) -> Page:
    """Return any other page as the form it is."""
    return document.page(PageKind.FORM)


def is_last(document: Document) -> bool:
    """Tell whether nothing can follow: an oTree page without button, field, timer and live channel."""
    form = document.form
    fields = [field for field in form.fields if field.kind is not FieldKind.HIDDEN] if form else []
    offers = document.live or document.expires_at is not None or fields or (form is not None and form.onward)
    buttons = [node for node in document.tree.css("#form button") if not is_script_back(node)]
    return document.location.startswith(_PAGES) and not offers and not buttons
