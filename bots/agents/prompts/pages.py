"""A page outside markets and a participant's memory → the text a model reads. Pages stand as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bots.agents.page_replies import buttons_by_key
from bots.agents.page_schema import NUMBERS, asked_fields, limits, step_of
from bots.agents.prompts.texts import as_block, as_data, fill, sentences, text
from bots.domain.pages import Field, FieldKind, Page
from bots.domain.ports import PageSituation

_LONGEST_TEXT = 20_000  # characters of one page that are shown
_LONGEST_LINE = 1_000  # of a label, a choice or a hint


def participant_prompt() -> str:
    """Return what stays the same on all pages."""
    return text("participant.txt")


def any_page_prompt(situation: PageSituation) -> str:
    """Return what a page shows and asks, after what the participant remembers."""
    page = situation.page
    return fill(
        text("page.txt"),
        memory=_memory(situation),
        text=as_block(as_data(_text(page))),
        refused=_refused(situation),
        ask=_ask(page),
        keys="".join(_keys(page)),
    ).lstrip("\n")


def _memory(situation: PageSituation) -> str:
    if not situation.memory:
        return _say("memory", "none")
    return _say("memory", "some") + "\n" + as_block(as_data("\n".join(situation.memory)))


def _text(page: Page) -> str:
    body = _clipped(page.text, _LONGEST_TEXT) or _say("text", "none")
    title = _line(page.title)
    return body if not title or body.startswith(title) else f"{title}\n{body}"


def _refused(situation: PageSituation) -> str:
    if not situation.refused:
        return ""
    return _say("refused", "some") + "\n" + as_block(as_data("\n".join(situation.refused))) + "\n"


def _ask(page: Page) -> str:
    lines = [line for key, field in asked_fields(page.form).items() for line in _field(key, field)]
    lines += [_say("field", "button", name=_line(name)) for name in buttons_by_key(page)]
    if not lines:
        return _say("ask", "nothing")
    return _say("ask", "fields") + "\n" + as_block(as_data("\n".join(lines)))


def _field(key: str, field: Field) -> Iterator[str]:
    yield _say(
        "field",
        "line",
        key=key,
        label=_line(field.label),
        kind=_say("kind", field.kind.value),
        limits=_limits(field),
        optional=_optional(field),
    )
    if field.kind in {FieldKind.CHOICE, FieldKind.CHOICES}:
        for choice in field.choices:
            yield _say("field", "choice", value=choice.value, label=_line(choice.label))
    for hint in filter(None, (field.help_text, field.near)):
        yield _say("field", "help", text=_line(hint))
    if field.value and field.kind is not FieldKind.CHECKBOX:
        yield _say("field", "present", value=_line(field.value))


def _limits(field: Field) -> str:
    if field.kind not in NUMBERS:
        return "" if field.max_length is None else _say("limits", "length", length=field.max_length)
    least, most = limits(field)
    known = {"both": (least, most), "least": (least,), "most": (most,)}
    which = next((name for name, ends in known.items() if None not in ends), None)
    span = "" if which is None else _say("limits", which, least=least, most=most)
    step = step_of(field)
    return span + ("" if step is None or step == 1 else _say("limits", "step", step=step))


def _optional(field: Field) -> str:
    if field.kind is FieldKind.CHECKBOX:
        return _say("optional", "required_tick") if field.required else ""
    if field.required or field.kind in {FieldKind.CHOICES, FieldKind.RANGE}:
        return ""
    return _say("optional", "number" if field.kind in NUMBERS else "text")


def _keys(page: Page) -> Iterator[str]:
    if fields := asked_fields(page.form):
        yield _say("keys", "answers", names=_names(fields))
    if buttons_by_key(page):
        yield _say("keys", "button")


def _names(keys: Mapping[str, object]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _line(raw: str) -> str:
    return _clipped(" ".join(raw.split()), _LONGEST_LINE)


def _clipped(raw: str, most: int) -> str:
    return raw if len(raw) <= most else raw[:most] + " [cut]"


def _say(table: str, key: str, /, **fields: object) -> str:
    return fill(sentences("pages.toml")[table][key], **fields)
