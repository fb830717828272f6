"""A page's form → the type of its answers, made at run time: only what the page accepts is an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from functools import partial
from math import ceil, floor
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model
from pydantic import Field as ModelField

from bots.agents.prompts import NumberForm
from bots.agents.replies import SHORT_TEXT, Schema, exact, object_schema, whole
from bots.domain.pages import Choice, Field, FieldKind, Form

NUMBERS = frozenset({FieldKind.INTEGER, FieldKind.DECIMAL, FieldKind.RANGE})
_SAFE_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")  # what every provider takes for a key
_Sent = str | tuple[str, ...]


def asked_fields(form: Form | None) -> Mapping[str, Field]:
    """Return the fields that a participant answers, by the key a reply has for each.

    Hidden fields are left to the page's script. A name that cannot be a key is replaced by its place. Where
    a slider stands is always asked: it always stands somewhere.
    """
    fields = [field for field in form.fields if field.is_asked] if form else []
    names = {field.name for field in fields}
    return {
        _key(field, place, names): replace(field, required=field.required or field.kind is FieldKind.RANGE)
        for place, field in enumerate(fields, start=1)
    }


def _key(field: Field, place: int, names: Collection[str]) -> str:
    key = f"{field.name}_{field.nth}" if field.nth else field.name
    usable = _SAFE_KEY.fullmatch(key) and not (field.nth and key in names)
    return key if usable else f"field_{place}"


def gathered(form: Form | None, answers: Iterable[tuple[Field, _Sent]]) -> dict[str, _Sent]:
    """Return answers by the name under which they are sent.

    Of several inputs of one name all are sent, one after the other; what has no answer stays as it is.
    """
    sent: dict[str, _Sent] = {}
    several: dict[str, dict[int, str]] = {}
    for field, answer in answers:
        if field.nth:
            several.setdefault(field.name, {})[field.nth] = (
                answer if isinstance(answer, str) else "".join(answer)
            )
        else:
            sent[field.name] = answer
    for name, given in several.items():
        inputs = [field for field in form.fields if field.name == name and field.nth] if form else []
        sent[name] = tuple(given.get(field.nth, field.value or "") for field in inputs)
    return sent


def open_fields(fields: Mapping[str, Field]) -> Mapping[str, Field]:
    """Return the fields as they are asked while a page is not left: each may stay open."""
    return {key: replace(field, required=False) for key, field in fields.items()}


def answers_schema(fields: Mapping[str, Field], numbers: NumberForm) -> Schema:
    """Return the JSON schema of the answers; limits stand in the prompt and are checked by the type."""
    return object_schema({key: _field_schema(field, numbers) for key, field in fields.items()})


def answers_model(fields: Mapping[str, Field]) -> type[BaseModel]:
    """Return the type of a page's answers; its fields are named `f0`, `f1` …, each with its key as alias.

    A valid value is the text that the page is sent, or several for a field of several choices.
    """
    made: dict[str, Any] = {
        f"f{place}": (
            Annotated[_Sent, BeforeValidator(partial(sendable, field))],
            ModelField(alias=key) if field.required else ModelField(alias=key, default=None),
        )
        for place, (key, field) in enumerate(fields.items())
    }
    model: type[BaseModel] = create_model(
        "Answers", __config__=ConfigDict(frozen=True, extra="forbid"), **made
    )
    return model


def sendable(field: Field, value: object) -> _Sent:
    """Return what is sent for one answer.

    Raises:
        ValueError: the page would not accept it; says why.
    """
    if field.kind is FieldKind.CHECKBOX:
        return _tick(field, value)
    if field.kind is FieldKind.CHOICES:
        return _several(field, value)
    if value is None or value == "":
        if field.required:
            raise ValueError("this must be answered")
        return ""
    if field.kind is FieldKind.CHOICE:
        return _one(field.choices, value)
    return _number(field, value) if field.kind in NUMBERS else _text(field, value)


def _tick(field: Field, value: object) -> str:
    if value is True:
        return field.choices[0].value if field.choices else "1"
    if value is False and field.required:
        raise ValueError("the page goes on only if this box is ticked")
    if value is False or value is None:
        return ""
    raise ValueError("must be true or false")


def _several(field: Field, value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        chosen = tuple(dict.fromkeys(_one(field.choices, one) for one in value))
        if field.required and not chosen:
            raise ValueError("at least one must be chosen")
        return chosen
    raise ValueError("must be a list of choices")


def _one(choices: Sequence[Choice], value: object) -> str:
    """Return the choice a value means: its own value, or else its label where only one has it."""
    said = str(value).strip() if isinstance(value, str | int | Decimal) else ""
    if any(choice.value == said for choice in choices):
        return said
    labelled = [choice.value for choice in choices if choice.label.casefold() == said.casefold()]
    if len(labelled) == 1:
        return labelled[0]
    raise ValueError("must be one of " + ", ".join(f'"{choice.value}"' for choice in choices))


def _number(field: Field, value: object) -> str:
    number = Decimal(whole(value)) if field.kind is FieldKind.INTEGER else exact(value)
    least, most = limits(field)
    if least is not None and number < least:
        raise ValueError(f"must be at least {least:f}")
    if most is not None and number > most:
        raise ValueError(f"must be at most {most:f}")
    step = step_of(field)
    base = least if least is not None else Decimal(0)
    if step is not None and (number - base) % step != 0:
        raise ValueError(f"must be {base:f} plus a multiple of {step:f}")
    return f"{number:f}"


def _text(field: Field, value: object) -> str:
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
    if text is None:
        raise ValueError("must be a text")
    if field.required and not text.strip():
        raise ValueError("this must be answered")
    if field.max_length is not None and len(text) > field.max_length:
        raise ValueError(f"must have at most {field.max_length} characters, has {len(text)}")
    return text


def limits(field: Field) -> tuple[Decimal | None, Decimal | None]:
    """Return a number's least and greatest value; None where the page sets none."""
    least, most = _read(field.minimum), _read(field.maximum)
    if field.kind is FieldKind.RANGE:  # a slider without limits goes from 0 to 100
        least = Decimal(0) if least is None else least
        most = max(least, Decimal(100) if most is None else most)
    return least, most


def step_of(field: Field) -> Decimal | None:
    """Return the distance of allowed values; None where all are."""
    step = _read(field.step)
    if step is None and field.kind is FieldKind.RANGE and field.step != "any":
        return Decimal(1)
    return step if step is not None and step > 0 else None


def _read(text: str | None) -> Decimal | None:
    try:
        number = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _field_schema(field: Field, numbers: NumberForm) -> Schema:
    schema = _KINDS.get(field.kind, _text_schema)(field, numbers)
    optional = not field.required and field.kind in NUMBERS
    return {"anyOf": [schema, {"type": "null"}]} if optional else schema


def _number_schema(field: Field, numbers: NumberForm) -> Schema:
    if numbers == "text":
        return {"type": "string"}
    if numbers == "integer":
        return {"type": "integer", **dict(_whole_limits(field))}
    return {"type": "integer" if field.kind is FieldKind.INTEGER else "number"}


def _whole_limits(field: Field) -> Iterator[tuple[str, int]]:
    """Small models answer under a grammar made from the schema, which keeps them to its limits."""
    least, most = limits(field)
    if least is not None:
        yield "minimum", ceil(least)
    if most is not None:
        yield "maximum", floor(most)


def _text_schema(field: Field, numbers: NumberForm) -> Schema:
    longest = min(field.max_length or SHORT_TEXT, SHORT_TEXT)
    return {"type": "string", **({"maxLength": longest} if numbers == "integer" else {})}


def _choice_schema(field: Field, numbers: NumberForm) -> Schema:
    del numbers
    values = [choice.value for choice in field.choices]
    return {"type": "string", "enum": values if field.required else [*values, ""]}


def _choices_schema(field: Field, numbers: NumberForm) -> Schema:
    del numbers
    return {
        "type": "array",
        "items": {"type": "string", "enum": [choice.value for choice in field.choices]},
    }


def _tick_schema(field: Field, numbers: NumberForm) -> Schema:
    del field, numbers
    return {"type": "boolean"}


_KINDS: Mapping[FieldKind, Callable[[Field, NumberForm], Schema]] = {
    FieldKind.INTEGER: _number_schema,
    FieldKind.DECIMAL: _number_schema,
    FieldKind.RANGE: _number_schema,
    FieldKind.CHOICE: _choice_schema,
    FieldKind.CHOICES: _choices_schema,
    FieldKind.CHECKBOX: _tick_schema,
}
