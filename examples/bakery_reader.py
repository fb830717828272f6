"""Reads the page of the app `bakery`: a picture of an oven, drawn by a script from data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bots.adapters.page_readers import Document
from bots.domain.pages import (
    Act,
    Answer,
    Field,
    FieldKind,
    Form,
    Page,
    PageCall,
    PageKind,
    SubmitForm,
)


def read_bakery_page(document: Document) -> Page | None:
    """Return the page where it is the bakery's, else None."""
    data = document.first("script#bakery")  # how the page is recognised
    if data is None:
        return None
    told = json.loads(data.text())  # what it means
    text = (
        f"{told['customers']} customers will come. A loaf costs {told['cost']} and sells for {told['price']}."
    )
    loaves = Field(
        "loaves", FieldKind.INTEGER, "Loaves to bake", True, minimum="0", maximum=str(told["oven"])
    )
    buttons = document.form.buttons if document.form else ()
    return document.page(PageKind.FORM, text=text, form=Form((loaves,), buttons), speaker=Bakery())


class Bakery:
    """What can be done on the page: its own function fills a field that nobody sees."""

    def calls(self, act: Act) -> tuple[PageCall, ...]:
        if isinstance(act, SubmitForm) and "loaves" in act.values:
            return (PageCall("bake", (int(str(act.values["loaves"])),)),)
        return ()

    def submits(self) -> bool:
        return True  # the form is sent after the call

    def answer(self, frame: Mapping[str, Any]) -> Answer | None:
        return None  # the page has no live messages
