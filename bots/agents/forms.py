"""Answers to forms that need no thought: what is sent where nobody, or nobody any more, decides on a page."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from bots.agents.options import FormAnswers
from bots.agents.page_replies import is_acted_on
from bots.agents.page_schema import NUMBERS, gathered, limits, step_of
from bots.domain.market import Decision, PageMove
from bots.domain.pages import Field, FieldKind, Form
from bots.domain.ports import PageSituation, Record

Values = Mapping[str, str | tuple[str, ...]]
_PATIENCE = 60.0  # seconds; on a page that goes by itself there is nothing to do without thought
_SPAN = 100  # of random numbers where the page gives one limit or none
_WORDS = "No answer."
_AMOUNT = re.compile(r"(?<![\w.])\d{1,9}(?:\.\d{1,9})?(?![\w]|\.\d)")
_MOST_TOTALS = 5
_WRITTEN: Mapping[str, str] = {
    "YYYY-MM-DD": "2000-01-01",
    "HH:MM": "12:00",
    "YYYY-MM-DDTHH:MM": "2000-01-01T12:00",
    "YYYY-MM": "2000-01",
    "YYYY-Www": "2000-W01",
    "#rrggbb": "#808080",
    "name@example.org": "nobody@example.org",
    "https://example.org": "https://example.org",
}


class UnthinkingAnswers:
    """Answers pages without thought, by a rule or by draws of its own seed; a `PageDecider`.

    From the second try on one page the answers are drawn: the same ones would be refused again. Where the
    refusal or the page names numbers, every other try adds up to one of them, as rules of allocation ask for.
    Controls and live messages are left alone: such a page is left by its own button, or waited out.
    """

    def __init__(self, seed: int, manner: FormAnswers = FormAnswers.DEFAULT) -> None:
        self._draw = random.Random(f"answers of {seed}")
        self._manner = manner
        self._refused = ("", 0)  # on which page, and how often in a row

    @property
    def name(self) -> str:
        return f"{self._manner.value} answers"

    async def answer(self, situation: PageSituation, deadline: float, record: Record) -> Decision:
        """Decide at once."""
        del deadline, record
        form = situation.page.form or Form()
        if is_acted_on(situation.page) and not form.onward:
            return Decision(move=PageMove(do="wait", seconds=_PATIENCE))
        drawn = self._manner is FormAnswers.RANDOM or bool(situation.refused)
        values = self._drawn_values(situation, form) if drawn else plain_answers(form)
        onward = len(form.onward)  # nobody goes back without thought
        button = (self._draw.randrange(onward) if drawn else 0) if onward > 1 else None
        return Decision(move=PageMove(values=dict(values), button=button))

    def _drawn_values(self, situation: PageSituation, form: Form) -> Values:
        where, times = self._refused
        times = times + 1 if where == situation.page.location and situation.refused else 1
        self._refused = situation.page.location, times
        totals = _totals(situation) if situation.refused else ()
        if not totals or times % 2 == 0:
            return random_answers(form, self._draw)
        wanted = totals[times // 2 % len(totals)]
        return answers_adding_up(form, wanted, self._draw) or random_answers(form, self._draw)


def _totals(situation: PageSituation) -> Sequence[Decimal]:
    """Return the numbers that the refusal names, then the page's: what answers may have to add up to."""
    told = (*situation.refused, situation.page.text)
    numbers = [Decimal(one) for text in told for one in _AMOUNT.findall(text)]
    return list(dict.fromkeys(number for number in numbers if number > 0))[:_MOST_TOTALS]


def plain_answers(form: Form) -> Values:
    """Return a valid answer for every field that needs one.

    Consent boxes are ticked, the first choice is taken, numbers are the smallest allowed. An answer the page
    already holds stays. Optional fields and hidden ones are left as they are.
    """
    answers = ((field, _answer(field)) for field in form.fields if _needs_answer(field))
    return gathered(form, ((field, answer) for field, answer in answers if answer is not None))


def random_answers(form: Form, draw: random.Random) -> Values:
    """Return an answer for every visible field, drawn evenly from those that the page accepts."""
    answers = ((field, _drawn(field, draw)) for field in form.fields if field.is_asked)
    return gathered(form, ((field, answer) for field, answer in answers if answer is not None))


def answers_adding_up(form: Form, total: Decimal, draw: random.Random) -> Values | None:
    """Return drawn answers whose numbers add up to a total; None where that cannot be, or is not found."""
    numbers = [field for field in form.fields if field.is_asked and field.kind in NUMBERS]
    parts = _parts(numbers, total, draw)
    if len(numbers) < 2 or parts is None:
        return None
    drawn = {field: _drawn(field, draw) for field in form.fields if field.is_asked and field not in numbers}
    answers = drawn | dict(zip(numbers, parts, strict=True))
    return gathered(form, ((field, answer) for field, answer in answers.items() if answer is not None))


def _parts(numbers: Sequence[Field], total: Decimal, draw: random.Random) -> Sequence[str] | None:
    """Return a number for each field, drawn in turn from what the others leave of the total."""
    parts: list[str] = []
    spans = [_span(field) for field in numbers]
    for place, field in enumerate(numbers):
        least, most, step = spans[place]
        rest = spans[place + 1 :]
        low = max(least, total - sum(high for _, high, _ in rest))
        high = min(most, total - sum(low_of for low_of, _, _ in rest))
        first = ((low - least) / step).to_integral_value(ROUND_CEILING)
        last = ((high - least) / step).to_integral_value(ROUND_FLOOR)
        if last < first:
            return None
        number = least + step * draw.randint(int(first), int(last))
        total -= number
        parts.append(_plain(field, number))
    return parts if total == 0 else None


def _needs_answer(field: Field) -> bool:
    return field.is_asked and (field.required or field.kind is FieldKind.CHECKBOX)


def _answer(field: Field) -> str | tuple[str, ...] | None:
    if field.kind is FieldKind.CHOICE:
        return field.value or next((choice.value for choice in field.choices if choice.value), None)
    if field.kind is FieldKind.CHOICES:
        return tuple(choice.value for choice in field.choices[:1])
    if field.kind is FieldKind.CHECKBOX:
        return next((choice.value for choice in field.choices), "1")
    if field.kind in NUMBERS:
        return field.value or _smallest(field)
    return field.value or _WRITTEN.get(field.written_as, "-")


def _drawn(field: Field, draw: random.Random) -> str | tuple[str, ...] | None:
    values = [choice.value for choice in field.choices]
    if field.kind is FieldKind.CHOICE:
        return draw.choice(values) if values else None
    if field.kind is FieldKind.CHOICES:
        least = 1 if field.required else 0
        return tuple(draw.sample(values, draw.randint(min(least, len(values)), len(values))))
    if field.kind is FieldKind.CHECKBOX:
        ticked = field.required or draw.random() < 0.5
        return (values[0] if values else "1") if ticked else ""
    if field.kind in NUMBERS:
        return _drawn_number(field, draw)
    return _WRITTEN.get(field.written_as, _WORDS[: field.max_length]) if field.required else ""


def _drawn_number(field: Field, draw: random.Random) -> str:
    low, high, step = _span(field)
    steps = int(((high - low) / step).to_integral_value(ROUND_FLOOR))
    return _plain(field, low + step * draw.randint(0, max(0, steps)))


def _span(field: Field) -> tuple[Decimal, Decimal, Decimal]:
    """Return from where to where a field's numbers are drawn, and in which steps."""
    least, most = limits(field)
    low = least if least is not None else most - _SPAN if most is not None else Decimal(0)
    high = most if most is not None else low + _SPAN
    return low, high, step_of(field) or (Decimal(1) if high - low >= 1 else Decimal("0.01"))


def _plain(field: Field, number: Decimal) -> str:
    return f"{number.to_integral_value(ROUND_CEILING) if field.kind is FieldKind.INTEGER else number:f}"


def _smallest(field: Field) -> str:
    least, most = limits(field)
    smallest = least if least is not None else Decimal(0)
    value = smallest if most is None else min(smallest, most)
    return _plain(field, value)
