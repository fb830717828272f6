"""Fills a form as a browser would, without one: the same checks in the same words, the same data to send.

Checked is what the page says with `required`, `min`, `max` and `step`, and that a choice exists. What else a
browser may know of (`pattern`, addresses of mail) is left to the server.

Source: HTML Living Standard, constraint validation and construction of the entry list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from itertools import takewhile
from typing import Final, Protocol

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bots.adapters.http_sending import Pairs, Way
from bots.adapters.page_readers.forms import (
    BOXES,
    PRESSED,
    attribute,
    box_value,
    button_label,
    element_type,
    form_buttons,
    form_elements,
    is_next,
    is_script_back,
    leads_back,
    option_value,
)
from bots.domain.pages import Button, SubmitForm

_Addition = tuple[int, Pairs]
"""How many controls stand before a button, and what it adds."""
_NUMBER: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_OFF: Final = frozenset({"", "0", "false", "no", "off"})
_BACK_FIELD: Final = ("back_button", "{}")
_UNCHECKED: Final = frozenset({"hidden"})


@dataclass(frozen=True, slots=True)
class Filled:
    """A form with answers: what is sent, why a browser would not (field name, words), and how it goes."""

    pairs: Pairs
    problems: Pairs
    way: Way = field(default_factory=Way, compare=False)


def fill_form(form: LexborNode, tree: LexborHTMLParser, act: SubmitForm) -> Filled:
    """Return the form with the act's answers; fields without one are as the page has them."""
    elements = form_elements(form, tree)
    controls = _controls(elements)
    problems: dict[str, list[str]] = {}
    for name, value in act.values.items():
        wanted = (value,) if isinstance(value, str) else value
        found = [control for control in controls if control.name == name]
        if words := [*_fill(found, wanted)] if found else ["There is no such field on this page."]:
            problems[name] = words
    pressed, missing = _pressed(elements, act.button)
    if missing:
        return Filled((), (("", missing),))
    if pressed is not None and is_script_back(pressed):
        # oTree's script takes no care of what was entered, and sends the form as it stands with a field more.
        as_it_stands = _entries(_controls(elements), timed_out=False)
        return Filled((*as_it_stands, _BACK_FIELD), (), Way.of(form, tree, None))
    unchecked = "novalidate" in form.attributes or (
        pressed is not None and "formnovalidate" in pressed.attributes
    )
    for control in () if unchecked else controls:
        if control.name not in problems and (words_of_check := control.problem()):
            problems[control.name] = [words_of_check]
    return Filled(
        pairs=_entries(controls, _added(pressed, elements), timed_out=act.timed_out),
        problems=()
        if act.timed_out
        else tuple((name, words) for name, several in problems.items() for words in several),
        way=Way.of(form, tree, pressed),
    )


def _fill(controls: Sequence[_Control], wanted: Sequence[str]) -> Iterator[str]:
    """Enter the answer to a name: into its boxes, else into its inputs, one after the other."""
    boxes = [control for control in controls if isinstance(control, _Boxes)]
    if boxes or len(controls) == 1:
        yield from (boxes or controls)[0].fill(wanted)
        return
    for index, control in enumerate(controls):
        yield from control.fill((_nth(wanted, index),))


def _nth(wanted: Sequence[str], index: int) -> str:
    """Return the answer to one of several inputs of a name; a lone answer is that of all."""
    return wanted[index] if index < len(wanted) else next(iter(wanted), "")


def timed_out_form(form: LexborNode | None, tree: LexborHTMLParser) -> Filled:
    """Return what oTree's script sends when the page's time is over: the form as it stands, and a mark."""
    if form is None:
        return Filled(_entries((), timed_out=True), ())
    controls = _controls(form_elements(form, tree))
    return Filled(_entries(controls, timed_out=True), (), Way.of(form, tree, None))


def _entries(controls: Sequence[_Control], button: _Addition = (0, ()), *, timed_out: bool) -> Pairs:
    before, added = button
    mark = (("timeout_happened", "1"),) if timed_out else ()
    return (*_pairs(controls[:before]), *added, *_pairs(controls[before:]), *mark)


def _pairs(controls: Iterable[_Control]) -> Iterator[tuple[str, str]]:
    return (
        (control.name, _LINE_END.sub("\r\n", value)) for control in controls for value in control.values()
    )


def _added(pressed: LexborNode | None, elements: Iterable[LexborNode]) -> _Addition:
    """Return what the pressed button adds to the form, at its place."""
    if pressed is None:
        return 0, ()
    before = len(_controls(takewhile(lambda one: one.mem_id != pressed.mem_id, elements)))
    name = attribute(pressed, "name")
    if element_type(pressed) == "image":
        # Where in the picture it was pressed, which nobody here says.
        return before, tuple((f"{name}.{axis}" if name else axis, "0") for axis in "xy")
    return before, ((name, attribute(pressed, "value")),) if name else ()


def _pressed(elements: Iterable[LexborNode], button: Button | None) -> tuple[LexborNode | None, str]:
    """Return the element that `button` means, or words that say that there is none; never another one.

    Without a button oTree's Next button is pressed, or else the first that does not lead back.
    """
    there = form_buttons(elements)
    if button is None:
        onward = [node for node in there if not leads_back(node)]
        return next(filter(is_next, onward), next(iter(onward), None)), ""
    alike = [node for node in there if _is(node, button)]
    at_place = [node for node in alike if button.place is not None and there.index(node) == button.place]
    found = next(iter(at_place or alike), None)
    return found, "" if found is not None else f'There is no "{button.label}" to press now.'


def _is(node: LexborNode, button: Button) -> bool:
    if button.name:
        return (attribute(node, "name"), attribute(node, "value")) == (button.name, button.value or "")
    return not attribute(node, "name") and button_label(node) == button.label


class _Control(Protocol):
    """The elements of one name that are filled together."""

    name: str

    def fill(self, wanted: Sequence[str]) -> Iterator[str]:
        """Enter the answer; yield what is wrong with it."""

    def problem(self) -> str | None:
        """Say why a browser would not send what is entered."""

    def values(self) -> Iterable[str]:
        """Return what is sent."""


def _controls(elements: Iterable[LexborNode]) -> list[_Control]:
    """Return the controls in the page's order; boxes of one name are one."""
    controls: list[_Control] = []
    boxes: dict[str, _Boxes] = {}
    for element in elements:
        name, kind = attribute(element, "name"), element_type(element)
        if not name or kind in PRESSED:
            continue
        if kind == "file":
            controls.append(_File(name, element))
        elif kind == "select":
            controls.append(_List(name, element))
        elif kind not in BOXES:
            controls.append(_Text(name, element))
        else:
            if name not in boxes:
                controls.append(boxes.setdefault(name, _Boxes(name)))
            boxes[name].add(element)
    return controls


class _File:
    """An upload: nobody here has a file to give."""

    def __init__(self, name: str, node: LexborNode) -> None:
        self.name = name
        self._required = "required" in node.attributes

    def fill(self, wanted: Sequence[str]) -> Iterator[str]:
        del wanted
        yield "Files are not given here."

    def problem(self) -> str | None:
        return "Please select a file." if self._required else None

    def values(self) -> Iterable[str]:
        return ("",)


class _Boxes:
    """Radio buttons, or check boxes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[LexborNode] = []
        self._ticked: list[bool] = []

    def add(self, node: LexborNode) -> None:
        self._nodes.append(node)
        self._ticked.append("checked" in node.attributes)

    def fill(self, wanted: Sequence[str]) -> Iterator[str]:
        lone = len(self._nodes) == 1 and element_type(self._nodes[0]) == "checkbox"
        known = [box_value(node) for node in self._nodes]
        if not lone:
            yield from _unknown(wanted, known)
        on = lone and any(value.lower() not in _OFF for value in wanted)
        self._ticked = [value in wanted or on for value in known]

    def problem(self) -> str | None:
        required = ["required" in node.attributes for node in self._nodes]
        if element_type(self._nodes[0]) == "radio":
            missing = any(required) and not any(self._ticked)
            return "Please select one of these options." if missing else None
        missing = any(must and not ticked for must, ticked in zip(required, self._ticked, strict=True))
        return "Please check this box if you want to proceed." if missing else None

    def values(self) -> Iterable[str]:
        return [box_value(node) for node, on in zip(self._nodes, self._ticked, strict=True) if on]


class _List:
    """A list to choose from; without a choice, a list for one shows its first option."""

    def __init__(self, name: str, node: LexborNode) -> None:
        self.name = name
        self._several = "multiple" in node.attributes
        self._required = "required" in node.attributes
        options = node.css("option:not([disabled])")
        self._known = [option_value(option) for option in options]
        self._chosen = [option_value(option) for option in options if "selected" in option.attributes]
        if not self._several:
            self._chosen = (self._chosen or self._known[:1])[-1:]

    def fill(self, wanted: Sequence[str]) -> Iterator[str]:
        yield from _unknown(wanted, self._known)
        self._chosen = [value for value in self._known if value in wanted]

    def problem(self) -> str | None:
        missing = self._required and not any(self._chosen)
        return "Please select an item in the list." if missing else None

    def values(self) -> Iterable[str]:
        return self._chosen


class _Text:
    """One input, or a text area."""

    def __init__(self, name: str, node: LexborNode) -> None:
        self.name = name
        self._node = node
        self._type = element_type(node)
        self._value = (node.text() or "") if self._type == "textarea" else attribute(node, "value")
        if self._type == "range":
            self._value = _plain(self._on_slider(_number(self._value) or self._middle()))

    def fill(self, wanted: Sequence[str]) -> Iterator[str]:
        value = _nth(wanted, 0)
        if not self._enter(value):
            yield f'"{value}" cannot be entered here.'

    def values(self) -> Iterable[str]:
        return (self._value,)

    def _enter(self, value: str) -> bool:
        """Enter a value as far as the input takes it; return whether it did."""
        if self._type == "textarea":
            self._value = value
            return True
        self._value = _LINE_END.sub("", value)
        if self._type == "range":
            number = _number(self._value)
            self._value = _plain(self._on_slider(self._middle() if number is None else number))
            return number == _number(self._value)
        if self._type == "number" and _number(self._value) is None:
            self._value = ""
        return bool(self._value) or value == ""

    def problem(self) -> str | None:
        if self._type in _UNCHECKED or "readonly" in self._node.attributes:
            return None
        if not self._value:
            return "Please fill out this field." if "required" in self._node.attributes else None
        number = _number(self._value)
        return self._problem_of(number) if self._type == "number" and number is not None else None

    def _problem_of(self, number: Decimal) -> str | None:
        least, most = self._limit("min"), self._limit("max")
        if least is not None and number < least:
            return f"Value must be greater than or equal to {_plain(least)}."
        if most is not None and number > most:
            return f"Value must be less than or equal to {_plain(most)}."
        below = self._on_step(number)
        if below == number:
            return None
        nearest = f"{_plain(below)} and {_plain(below + (self._step() or 0))}"
        return f"Please enter a valid value. The two nearest valid values are {nearest}."

    def _on_slider(self, number: Decimal) -> Decimal:
        """Return where a slider comes to rest: within its limits, on the nearest step, the upper of two."""
        least, most = self._limit("min") or Decimal(0), self._limit("max") or Decimal(100)
        number = min(max(number, least), max(most, least))
        step = self._step()
        if step is None:
            return number
        nearest = self._on_step(number + step / 2)
        return nearest if nearest <= most else nearest - step

    def _middle(self) -> Decimal:
        least, most = self._limit("min") or Decimal(0), self._limit("max") or Decimal(100)
        return least + (most - least) / 2 if most > least else least

    def _on_step(self, number: Decimal) -> Decimal:
        """Return the highest allowed value up to `number`."""
        step = self._step()
        if step is None:
            return number
        base = self._limit("min") or _number(attribute(self._node, "value")) or Decimal(0)
        return base + ((number - base) / step).to_integral_value(ROUND_FLOOR) * step

    def _step(self) -> Decimal | None:
        """Return the distance of allowed values; None where all are."""
        given = attribute(self._node, "step").strip().lower()
        step = _number(given)
        return None if given == "any" else step if step is not None and step > 0 else Decimal(1)

    def _limit(self, name: str) -> Decimal | None:
        return _number(attribute(self._node, name))


def _unknown(wanted: Iterable[str], known: Sequence[str]) -> Iterator[str]:
    return (f'There is no choice "{value}".' for value in wanted if value != "" and value not in known)


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _plain(number: Decimal) -> str:
    whole = number == number.to_integral_value()
    return f"{number.to_integral_value() if whole else number.normalize():f}"
