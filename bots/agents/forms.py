"""Plain answers to plain forms: what a trader sends where a page asks for nothing about the market."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from bots.domain.pages import Field, FieldKind, Form

Values = Mapping[str, str | tuple[str, ...]]


def plain_answers(form: Form) -> Values:
    """Return a valid answer for every field that needs one.

    Consent boxes are ticked, the first choice is taken, numbers are the smallest allowed. An answer the page
    already holds stays. Optional fields and hidden ones are left as they are.
    """
    answers = {field.name: _answer(field) for field in form.fields if _needs_answer(field)}
    return {name: answer for name, answer in answers.items() if answer is not None}


def _needs_answer(field: Field) -> bool:
    return field.kind is not FieldKind.HIDDEN and (field.required or field.kind is FieldKind.CHECKBOX)


def _answer(field: Field) -> str | tuple[str, ...] | None:
    if field.kind is FieldKind.CHOICE:
        return field.value or next((choice.value for choice in field.choices if choice.value), None)
    if field.kind is FieldKind.CHOICES:
        return tuple(choice.value for choice in field.choices[:1])
    if field.kind is FieldKind.CHECKBOX:
        return next((choice.value for choice in field.choices), "1")
    if field.kind in {FieldKind.INTEGER, FieldKind.DECIMAL, FieldKind.RANGE}:
        return field.value or _smallest(field)
    return field.value or "-"


def _smallest(field: Field) -> str:
    try:
        smallest = Decimal(field.minimum) if field.minimum else Decimal(0)
        largest = Decimal(field.maximum) if field.maximum else smallest.max(Decimal(0))
    except InvalidOperation:
        return "0"
    value = min(smallest, largest)
    return str(value.to_integral_value(ROUND_CEILING) if field.kind is FieldKind.INTEGER else value)
