"""What a model may answer on a page outside markets, and raw text → what is done there, or what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from bots.agents.page_schema import answers_model, answers_schema, asked_fields
from bots.agents.prompts import NumberForm
from bots.agents.replies import Schema, UnusableReply, object_schema, read_json, schema_faults
from bots.domain.market import Decision, PageMove
from bots.domain.pages import Button, Page

_SHORT_TEXT = 120  # characters of a small model's text


def buttons_by_key(page: Page) -> Mapping[str, int]:
    """Return the places of the form's buttons by what a reply calls them: labels, numbered where alike."""
    buttons = page.form.buttons if page.form else ()
    return dict(_keyed(buttons)) if len(buttons) > 1 else {}


def _keyed(buttons: tuple[Button, ...]) -> Iterator[tuple[str, int]]:
    labels = [button.label for button in buttons]
    for place, label in enumerate(labels):
        yield label if labels.count(label) == 1 else f"{label} ({place + 1})", place


def page_schema(page: Page, numbers: NumberForm = "number") -> Schema:
    """Return the JSON schema of an answer to a page; every key is required and no other is allowed."""
    short = {"maxLength": _SHORT_TEXT} if numbers == "integer" else {}
    parts: dict[str, Any] = {key: {"type": "string", **short} for key in ("reasoning", "note")}
    if fields := asked_fields(page.form):
        parts["answers"] = answers_schema(fields, numbers)
    if buttons := buttons_by_key(page):
        parts["button"] = {"type": "string", "enum": list(buttons)}
    return object_schema(parts)


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reasoning: str | None = None
    note: str | None = None
    answers: dict[str, Any] | None = None
    button: str | None = None
    do: Literal["submit"] = "submit"


def read_page_reply(text: str, page: Page) -> Decision:
    """Return the decision a raw reply holds; its `move` is what the page would accept.

    Raises:
        UnusableReply: it holds none; says in words what is wrong with each answer.
    """
    raw = read_json(text)
    try:
        reply = _Reply.model_validate(raw)
    except ValidationError as error:
        raise UnusableReply(*schema_faults(error)) from None
    move = PageMove(values=_values(reply, page), button=_button(reply, page))
    return Decision(move=move, reasoning=reply.reasoning or None, plan=reply.note or None)


def _values(reply: _Reply, page: Page) -> dict[str, str | tuple[str, ...]]:
    fields = asked_fields(page.form)
    try:
        valid = answers_model(fields).model_validate(reply.answers or {})
    except ValidationError as error:
        raise UnusableReply(*schema_faults(error)) from None
    given = ((field, getattr(valid, f"f{place}")) for place, field in enumerate(fields.values()))
    return {field.name: value for field, value in given if value is not None}


def _button(reply: _Reply, page: Page) -> int | None:
    buttons = buttons_by_key(page)
    if not buttons:
        return None
    if reply.button is None or reply.button not in buttons:
        names = ", ".join(f'"{name}"' for name in buttons)
        raise UnusableReply(f"button: must be one of {names}.")
    return buttons[reply.button]
