"""Reads the fields and buttons of a form from its elements, oTree's own widgets or any others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bots.adapters.page_readers.surroundings import place_in_table, words_beside
from bots.adapters.page_readers.text import one_line, readable
from bots.domain.pages import Button, Choice, Field, FieldKind, Form

PRESSED: Final = frozenset({"submit", "image", "button", "reset"})
_ELEMENTS: Final = "input, select, textarea, button"
BOXES: Final = frozenset({"radio", "checkbox"})
_OPTION_NUMBER: Final = re.compile(r"-\d+$")  # oTree numbers the options of a field: id_happy-0, id_happy-1 …
_WRITTEN: Final[Mapping[str, str]] = {
    "date": "YYYY-MM-DD",
    "time": "HH:MM",
    "datetime-local": "YYYY-MM-DDTHH:MM",
    "month": "YYYY-MM",
    "week": "YYYY-Www",
    "color": "#rrggbb",
    "email": "name@example.org",
    "url": "https://example.org",
}
_NEXT: Final = "otree-btn-next"
_BACK: Final = "otree-btn-back"
_BACK_CALL: Final = re.compile(r"\s*(?:return\s+)?(?:window\.)?back_button\s*\(")
_BACK_WORDS: Final = re.compile(
    r"\W*(?:(?:go |step )?back(?: to\b.*)?|(?:go to )?previous(?: page| step)?|zurück|retour|atrás|volver"
    r"|indietro|terug|tillbaka|wstecz|назад|返回|上一页|戻る)\W*",
    re.IGNORECASE,
)
_PICTURE: Final = re.compile(r"\[image: ([^\]]+)\]")
_Elements = Sequence[LexborNode]


def read_form(form: LexborNode, tree: LexborHTMLParser) -> Form:
    """Return what the form holds: fields in the page's order, oTree's Next button first, those back last."""
    elements = form_elements(form, tree)
    labels = {attribute(label, "for"): label for label in reversed(tree.css("label[for]"))}
    fields = tuple(
        replace(_Group(name, nodes, form, labels).field(), nth=nth) for name, nodes, nth in _grouped(elements)
    )
    return Form(fields=fields, buttons=_buttons(elements))


def _grouped(elements: Iterable[LexborNode]) -> Iterator[tuple[str, list[LexborNode], int]]:
    """Yield names with the elements that are one field, and which of several of that name it is.

    Boxes of one name are one field. Of other inputs each is its own.
    """
    groups: dict[tuple[str, int], list[LexborNode]] = {}
    count: Counter[str] = Counter()
    for element in elements:
        name, kind = attribute(element, "name"), element_type(element)
        if name and kind not in PRESSED:
            count[name] += kind not in BOXES
            groups.setdefault((name, 0 if kind in BOXES else count[name]), []).append(element)
    for (name, nth), nodes in groups.items():
        yield name, nodes, nth if count[name] > 1 else 0


def read_group(name: str, node: LexborNode, root: LexborNode) -> Field:
    """Return one input that stands outside the form's data, under a name that is given to it."""
    labels = {attribute(label, "for"): label for label in reversed(root.css("label[for]"))}
    return _Group(name, [node], root, labels).field()


def form_elements(form: LexborNode, tree: LexborHTMLParser) -> list[LexborNode]:
    """Return the enabled elements that belong to the form, wherever they stand, in the document's order."""
    identity = attribute(form, "id")
    inside = {node.mem_id for node in form.css(_ELEMENTS)}

    def belongs(node: LexborNode) -> bool:
        named = attribute(node, "form")
        return named == identity if named else node.mem_id in inside

    return [node for node in tree.css(_ELEMENTS) if "disabled" not in node.attributes and belongs(node)]


def form_buttons(elements: Iterable[LexborNode]) -> list[LexborNode]:
    """Return the elements that send the form, those back among them, in the document's order."""
    return [node for node in elements if element_type(node) in {"submit", "image"} or is_script_back(node)]


def is_script_back(node: LexborNode) -> bool:
    """Tell whether a button is oTree's way back: its script sends a field in place of the answers."""
    if element_type(node) != "button" or node.tag not in {"button", "input"}:
        return False
    return _BACK in attribute(node, "class").split() or bool(_BACK_CALL.match(attribute(node, "onclick")))


def leads_back(node: LexborNode) -> bool:
    """Tell whether a button leads to the page before, by oTree's script or by what it says."""
    if is_script_back(node) or _BACK in attribute(node, "class").split():
        return True
    return not is_next(node) and bool(_BACK_WORDS.fullmatch(button_label(node)))


def is_next(node: LexborNode) -> bool:
    """Tell whether a button is oTree's Next button."""
    return _NEXT in attribute(node, "class").split()


def button_label(node: LexborNode) -> str:
    """Return what a button says."""
    words = one_line(node)
    if picture := _PICTURE.fullmatch(words):
        return picture[1]
    named = (attribute(node, name) for name in ("value", "alt", "aria-label", "title"))
    return words or next(filter(None, named), "Submit")


def _buttons(elements: Iterable[LexborNode]) -> tuple[Button, ...]:
    placed = sorted(
        enumerate(form_buttons(elements)), key=lambda one: (leads_back(one[1]), not is_next(one[1]))
    )
    return tuple(
        Button(
            label=button_label(node),
            name=attribute(node, "name") or None,
            value=attribute(node, "value") if attribute(node, "name") else None,
            back=leads_back(node),
            place=place,
        )
        for place, node in placed
    )


class _Group:
    """The elements of one name."""

    def __init__(
        self, name: str, nodes: _Elements, form: LexborNode, labels: Mapping[str, LexborNode]
    ) -> None:
        self._name = name
        self._nodes = nodes
        self._form = form
        self._labels = labels
        self._first = nodes[0]
        self._type = element_type(self._first)
        self._around = self._container()

    def field(self) -> Field:
        kind = self._kind()
        length = attribute(self._first, "maxlength")
        label, helped, choices = self._label(), self._help(), self._choices()
        errors = tuple(
            line for node in self._near(".form-control-errors") for line in readable(node).splitlines()
        )
        known = (label, helped, *errors, *(choice.label for choice in choices))
        return Field(
            name=self._name,
            kind=kind,
            label=label,
            required=any("required" in node.attributes for node in self._nodes),
            choices=choices,
            minimum=attribute(self._first, "min") or None,
            maximum=attribute(self._first, "max") or None,
            step=attribute(self._first, "step") or None,
            max_length=int(length) if length.isdecimal() else None,
            value=self._value(),
            written_as=_WRITTEN.get(self._type, ""),
            help_text=helped,
            near=words_beside(self._first, known) if kind is not FieldKind.HIDDEN else "",
            errors=errors,
        )

    def _help(self) -> str:
        return " ".join(one_line(node) for node in self._near(".form-text"))

    def _kind(self) -> FieldKind:
        several = "multiple" in self._first.attributes or len(self._nodes) > 1
        plain = {
            "radio": FieldKind.CHOICE,
            "checkbox": FieldKind.CHOICES if several else FieldKind.CHECKBOX,
            "select": FieldKind.CHOICES if several else FieldKind.CHOICE,
            "textarea": FieldKind.LONG_TEXT,
            "range": FieldKind.RANGE,
            "hidden": FieldKind.HIDDEN,
            "file": FieldKind.FILE,
            "number": FieldKind.INTEGER if self._in_whole_steps() else FieldKind.DECIMAL,
        }
        # oTree writes decimal numbers into text inputs and sets `inputmode`, though it may be empty.
        numeric = {"inputmode", "min", "max"} & set(self._first.attributes)
        return plain.get(self._type, FieldKind.DECIMAL if numeric else FieldKind.TEXT)

    def _in_whole_steps(self) -> bool:
        step = attribute(self._first, "step")
        return not step or step.removesuffix(".0").isdecimal()

    def _choices(self) -> tuple[Choice, ...]:
        if self._type == "select":
            options = self._first.css("option:not([disabled])")
            return tuple(
                Choice(option_value(option), _line_of_option(option))
                for option in options
                if option_value(option)
            )
        if self._type in BOXES:
            return tuple(
                Choice(box_value(node), self._own_label(node) or box_value(node)) for node in self._nodes
            )
        return ()

    def _value(self) -> str | None:
        if self._type == "select":
            chosen = self._first.css_first("option[selected]")
            return (option_value(chosen) or None) if chosen else None
        if self._type in BOXES:
            return next((box_value(node) for node in self._nodes if "checked" in node.attributes), None)
        if self._type == "textarea":
            return self._first.text().strip() or None
        return attribute(self._first, "value") or None

    def _label(self) -> str:
        """Return what the page calls the field: its label, legend, place or hint, else its name."""
        lone = self._type != "radio" and len(self._nodes) == 1
        whole = self._labels.get(_OPTION_NUMBER.sub("", attribute(self._first, "id"))) or self._labels.get(
            f"id_{self._name}"
        )
        legend = self._around.css_first("legend")
        candidates = (
            self._own_label(self._first) if lone else "",
            one_line(whole) if whole else "",
            one_line(legend) if legend else "",
            attribute(self._first, "aria-label") if lone else "",
            place_in_table(self._first) if lone else "",
            attribute(self._first, "placeholder"),
            words_beside(self._first, ()) if lone and self._type != "hidden" else "",
        )
        return next(filter(None, candidates), self._name)

    def _own_label(self, node: LexborNode) -> str:
        label = self._labels.get(attribute(node, "id") or "\0")
        if label is None:
            label = node.parent
            while label is not None and label.tag not in {"label", "form", "body"}:
                label = label.parent
        return one_line(label) if label is not None and label.tag == "label" else ""

    def _container(self) -> LexborNode:
        """Return the largest element of the form that holds no other field."""
        node = self._first
        while (parent := node.parent) is not None and parent.mem_id != self._form.mem_id:
            inside = parent.css("input, select, textarea")
            if any(attribute(inner, "name") not in {"", self._name} for inner in inside):
                break
            node = parent
        return node

    def _near(self, selector: str) -> list[LexborNode]:
        return self._around.css(selector)


def attribute(node: LexborNode, name: str) -> str:
    """Return an attribute's value; empty where it has none."""
    return node.attributes.get(name) or ""


def element_type(node: LexborNode) -> str:
    """Return an input's type; the tag of other elements; `submit` for buttons that submit."""
    if node.tag == "input":
        return attribute(node, "type").lower() or "text"
    if node.tag == "button":
        return attribute(node, "type").lower() or "submit"
    return node.tag or ""


def box_value(node: LexborNode) -> str:
    """Return what a radio button or check box sends when it is ticked."""
    value = node.attributes.get("value")
    return "on" if value is None else value


def option_value(option: LexborNode) -> str:
    """Return what an option of a list sends when it is chosen."""
    return option.attributes.get("value") or "" if "value" in option.attributes else option.text(strip=True)


def _line_of_option(option: LexborNode) -> str:
    """Return an option's text; it is no part of the page's readable text."""
    return " ".join(option.text().split())
