"""What a model may answer on a page outside markets, and raw text → what is done there, or what is wrong.

A form is sent; on a page that also works by script or by live messages, an answer first says what to `do`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from bots.agents.page_schema import answers_model, answers_schema, asked_fields, gathered, open_fields
from bots.agents.prompts import NumberForm
from bots.agents.replies import (
    SHORT_TEXT,
    Schema,
    UnusableReply,
    exact,
    object_schema,
    read_json,
    schema_faults,
)
from bots.domain.market import Decision, PageMove
from bots.domain.pages import Field, Form, LiveMessage, Page

WAIT = "wait"
LEAVE = "leave"
BACK = "go back"
_MOST_SECONDS = 60
_SECONDS = 10  # where a reply to wait says nothing of how long


def buttons_by_key(page: Page) -> Mapping[str, int]:
    """Return the places of the form's buttons by what a reply calls them: labels, numbered where alike."""
    buttons = page.form.buttons if page.form else ()
    return dict(_numbered([button.label for button in buttons])) if len(buttons) > 1 else {}


def is_acted_on(page: Page) -> bool:
    """Tell whether more than sending the form can be done on a page, so that an answer says what to do."""
    return page.live or bool(page.controls)


def things_to_do(page: Page) -> Mapping[str, PageMove]:
    """Return what can be done on a page by what a reply calls it; without the values that go with it.

    A page is left by its own button; where it has none, it goes by itself and nothing is sent from it.
    """
    buttons = page.form.buttons if page.form else ()
    moves = {WAIT: PageMove(do="wait", seconds=_SECONDS)}
    for key, place in _numbered([control.label for control in page.controls]):
        moves[f"press {key}"] = PageMove(do="use", control=place)
    for place in range(len(page.messages)):
        moves[f"send m{place + 1}"] = PageMove(do="send", message=place)
    onward, lone = page.form.onward if page.form else (), len(buttons) == 1
    for key, place in _numbered([button.label for button in buttons]):
        if place >= len(onward):  # those that lead back are the last ones
            moves[BACK if len(buttons) == len(onward) + 1 else f"{BACK} by {key}"] = PageMove(button=place)
        else:
            name = LEAVE if len(onward) == 1 else f"{LEAVE} by {key}"
            moves[name] = PageMove(button=None if lone else place)
    return moves


def open_parts(page: Page) -> Mapping[str, tuple[str, str]]:
    """Return the name and kind of each part of a message that is the sender's to choose, by a reply's key."""
    return {
        f"m{place}_{part.name}": (part.name, part.kind)
        for place, message in enumerate(page.messages, start=1)
        for part in message.parts
        if part.kind != "fixed"
    }


def _numbered(labels: list[str]) -> Iterator[tuple[str, int]]:
    for place, label in enumerate(labels):
        yield label if labels.count(label) == 1 else f"{label} ({place + 1})", place


def page_schema(page: Page, numbers: NumberForm = "number", *, reasoning: bool = True) -> Schema:
    """Return the JSON schema of an answer to a page; every key is required and no other is allowed."""
    short = {"maxLength": SHORT_TEXT} if numbers == "integer" else {}
    parts: dict[str, Any] = {
        key: {"type": "string", **short} for key in ("reasoning", "note")[not reasoning :]
    }
    acted = is_acted_on(page)
    if acted:
        parts |= {"do": {"type": "string", "enum": list(things_to_do(page))}, "seconds": {"type": "integer"}}
    if fields := asked_fields(page.form):
        parts["answers"] = answers_schema(open_fields(fields) if acted else fields, numbers)
    if acted and page.inputs:
        parts["inputs"] = answers_schema(open_fields(asked_fields(Form(page.inputs))), numbers)
    if acted and (chosen := open_parts(page)):
        any_value = {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]}
        number = {"anyOf": [{"type": "number"}, {"type": "null"}]}
        parts["content"] = object_schema(
            {key: number if kind == "number" else any_value for key, (_, kind) in chosen.items()}
        )
    if not acted and (buttons := buttons_by_key(page)):
        parts["button"] = {"type": "string", "enum": list(buttons)}
    return object_schema(parts)


class _Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reasoning: str | None = None
    note: str | None = None
    answers: dict[str, Any] | None = None
    button: str | None = None
    do: str | None = None
    seconds: int | None = None
    inputs: dict[str, Any] | None = None
    content: dict[str, Any] | None = None


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
    move = _move(reply, page) if is_acted_on(page) else _form(reply, page)
    return Decision(move=move, reasoning=reply.reasoning or None, plan=reply.note or None)


def _form(reply: _Reply, page: Page) -> PageMove:
    buttons = buttons_by_key(page)
    button = buttons[_known("button", reply.button, buttons)] if buttons else None
    if is_way_back(page, button):
        return PageMove(button=button)
    return PageMove(values=_values(reply.answers, asked_fields(page.form), page.form), button=button)


def _move(reply: _Reply, page: Page) -> PageMove:
    moves = things_to_do(page)
    move = moves[_known("do", reply.do, moves)]
    return _COMPLETED[move.do](move, reply, page)


def is_way_back(page: Page, button: int | None) -> bool:
    """Tell whether the button at a place among the form's leads to the page before."""
    buttons = page.form.buttons if page.form else ()
    return button is not None and button < len(buttons) and buttons[button].back


def _left(move: PageMove, reply: _Reply, page: Page) -> PageMove:
    if is_way_back(page, move.button):
        return move
    return move.model_copy(update={"values": _values(reply.answers, asked_fields(page.form), page.form)})


def _used(move: PageMove, reply: _Reply, page: Page) -> PageMove:
    """Give a control what was entered; fields left open stay as they are."""
    entered = _values(reply.inputs, open_fields(asked_fields(Form(page.inputs))), None)
    entered |= _values(reply.answers, open_fields(asked_fields(page.form)), page.form)
    return move.model_copy(update={"values": {name: value for name, value in entered.items() if value}})


def _waited(move: PageMove, reply: _Reply, page: Page) -> PageMove:
    del page
    seconds = reply.seconds if reply.seconds and reply.seconds > 0 else _SECONDS
    return move.model_copy(update={"seconds": float(min(seconds, _MOST_SECONDS))})


def _sent(move: PageMove, reply: _Reply, page: Page) -> PageMove:
    place = int(move.message)
    return move.model_copy(update={"message": _message(page.messages[place], place + 1, reply.content or {})})


def _message(message: LiveMessage, number: int, content: Mapping[str, Any]) -> Any:
    parts: dict[str, Any] = {}
    for part in message.parts:
        key = f"m{number}_{part.name}"
        parts[part.name] = part.value if part.kind == "fixed" else _chosen(key, part.kind, content.get(key))
    return next(iter(parts.values())) if message.bare else parts


def _chosen(key: str, kind: str, value: Any) -> str | int | float | bool:
    """Return one part of a message as JSON has it: a number, true, false or a text; never anything else."""
    if isinstance(value, str) and kind != "number":
        return value
    if isinstance(value, bool):
        return value
    try:
        number = exact(value)
    except ValueError:
        raise UnusableReply(f"{key}: must be {'a number' if kind == 'number' else 'given'}.") from None
    return int(number) if number == number.to_integral_value() else float(Decimal(number))


_COMPLETED: Mapping[str, Callable[[PageMove, _Reply, Page], PageMove]] = {
    "submit": _left,
    "use": _used,
    "wait": _waited,
    "send": _sent,
}


def _values(
    given: Mapping[str, Any] | None, fields: Mapping[str, Field], form: Form | None
) -> dict[str, str | tuple[str, ...]]:
    try:
        valid = answers_model(fields).model_validate(given or {})
    except ValidationError as error:
        raise UnusableReply(*schema_faults(error)) from None
    found = ((field, getattr(valid, f"f{place}")) for place, field in enumerate(fields.values()))
    return gathered(form, ((field, value) for field, value in found if value is not None))


def _known(key: str, said: str | None, names: Mapping[str, object]) -> str:
    if said is None or said not in names:
        listed = ", ".join(f'"{name}"' for name in names)
        raise UnusableReply(f"{key}: must be one of {listed}.")
    return said
