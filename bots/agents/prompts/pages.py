"""A page outside markets and a participant's memory → the text a model reads. Pages stand as data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from bots.agents.page_replies import buttons_by_key, is_acted_on, is_way_back, open_parts, things_to_do
from bots.agents.page_schema import NUMBERS, asked_fields, limits, open_fields, step_of
from bots.agents.prompts.render import persona_words, reasoning_words
from bots.agents.prompts.texts import Wording, as_block, as_data, clipped, fill, sentences, text
from bots.domain.market import PageMove
from bots.domain.pages import Field, FieldKind, Form, LiveMessage, Page
from bots.domain.ports import PageSituation

_LONGEST_TEXT = 20_000  # characters of one page that are shown
_MOST_FRAMES = 20  # of those pushed to the page
_LONGEST_LINE = 1_000  # of a label, a choice or a hint


_AS_USUAL = Wording()


def participant_prompt(wording: Wording = _AS_USUAL) -> str:
    """Return what stays the same on all pages."""
    told = fill(text("participant.txt", wording.variant), persona=persona_words(wording))
    return told.replace("\n\n\n\n", "\n\n")


def any_page_prompt(situation: PageSituation, wording: Wording = _AS_USUAL) -> str:
    """Return what a page shows and asks, after what the participant remembers."""
    page = situation.page
    return fill(
        text("page.txt", wording.variant),
        reasoning=reasoning_words(wording),
        memory=_memory(situation),
        text=as_block(as_data(_text(page))),
        time="" if page.seconds is None else _say("time", "timed", seconds=round(page.seconds)),
        pushed=_pushed(page),
        refused=_refused(situation),
        ask=_ask(page),
        keys="".join(_keys(page)),
    ).lstrip("\n")


def _memory(situation: PageSituation) -> str:
    if not situation.memory:
        return _say("memory", "none")
    return _say("memory", "some") + "\n" + as_block(as_data("\n".join(situation.memory)))


def _text(page: Page) -> str:
    body = clipped(page.text, _LONGEST_TEXT) or _say("text", "none")
    title = _line(page.title)
    return body if not title or body.startswith(title) else f"{title}\n{body}"


def _refused(situation: PageSituation) -> str:
    if not situation.refused:
        return ""
    return _say("refused", "some") + "\n" + as_block(as_data("\n".join(situation.refused))) + "\n"


def _ask(page: Page) -> str:
    acted = is_acted_on(page)
    fields = asked_fields(page.form)
    lines = [line for key, field in fields.items() for line in _field(key, field)]
    lines += [
        _say("field", "file", label=_line(field.label))
        for field in (page.form.fields if page.form else ())
        if field.kind is FieldKind.FILE
    ]
    if not acted:
        lines += [
            _say("field", "back" if is_way_back(page, place) else "button", name=_line(name))
            for name, place in buttons_by_key(page).items()
        ]
    blocks = [_block("fields", lines)] if lines else []
    if acted:
        loose = asked_fields(Form(page.inputs))
        entered = [line for key, field in open_fields(loose).items() for line in _field(key, field)]
        blocks += [_block("inputs", entered)] if entered else []
        blocks.append(_block("do", [_thing(key, move, page) for key, move in things_to_do(page).items()]))
    return "\n\n".join(blocks) or _say("ask", "nothing")


def _block(kind: str, lines: Sequence[str]) -> str:
    return _say("ask", kind) + "\n" + as_block(as_data("\n".join(lines)))


def _thing(key: str, move: PageMove, page: Page) -> str:
    named = {"wait": "wait", "submit": "leave", "use": "press", "send": "send"}[move.do]
    if is_way_back(page, move.button):
        named = "back"
    if move.do != "send":
        return _say("do", named, key=_line(key))
    return _say("do", named, key=key, message=_line(_sent(page.messages[int(move.message)], key)))


def _sent(message: LiveMessage, key: str) -> str:
    number = key.rpartition(" ")[2]
    parts = {
        part.name: json.dumps(part.value, ensure_ascii=False)
        if part.kind == "fixed"
        else f"{number}_{part.name} ({'a number' if part.kind == 'number' else 'a number or text'})"
        for part in message.parts
    }
    return next(iter(parts.values())) if message.bare else ", ".join(f"{k}: {v}" for k, v in parts.items())


def _pushed(page: Page) -> str:
    if not page.frames:
        return ""
    newest = [_line(json.dumps(frame, ensure_ascii=False)) for frame in page.frames[-_MOST_FRAMES:]]
    return _say("pushed", "some") + "\n" + as_block(as_data("\n".join(newest))) + "\n"


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
        written = _say("limits", "written", example=field.written_as) if field.written_as else ""
        length = "" if field.max_length is None else _say("limits", "length", length=field.max_length)
        return written + length
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
    acted = is_acted_on(page)
    if acted:
        yield _say("keys", "do")
        yield _say("keys", "seconds")
    if fields := asked_fields(page.form):
        yield _say("keys", "answers", names=_names(fields))
    if acted and page.inputs:
        yield _say("keys", "inputs", names=_names(asked_fields(Form(page.inputs))))
    if acted and (chosen := open_parts(page)):
        yield _say("keys", "content", names=_names(chosen))
    if not acted and buttons_by_key(page):
        yield _say("keys", "button")


def _names(keys: Mapping[str, object]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _line(raw: str) -> str:
    return clipped(" ".join(raw.split()), _LONGEST_LINE)


def _say(table: str, key: str, /, **fields: object) -> str:
    return fill(sentences("pages.toml")[table][key], **fields)
