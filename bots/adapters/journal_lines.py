"""Events as lines of a journal.

A page of a long market is mostly what its trader's page before held already: the rules, the rounds before,
forecasts given. In process these are the very same values, so their JSON is made once and then copied.
Lines are those of `model_dump_json`, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic_core import PydanticSerializationError

from bots.domain.market import MarketRules, MarketView, Value
from bots.domain.records import Event, PageSeen

_LEFT_OUT: Final = {"market": None, "history": (), "own": (), "forecasts": ()}  # in the order of a view


class JournalLines:
    """Makes the lines of one journal; holds no more than each trader's latest page does."""

    def __init__(self) -> None:
        self._history = _Texts()  # one for all: it is what everybody knows
        self._seats: dict[int, _SeatTexts] = {}

    def line(self, event: Event) -> bytes:
        """Return one event as a line, its end included."""
        try:
            if isinstance(event, PageSeen) and event.view is not None:
                return self._page_line(event, event.view)
            return _json(event) + b"\n"
        except PydanticSerializationError:  # half a surrogate pair, as a broken reply may hold, is no UTF-8
            text = json.dumps(event.model_dump(mode="python"), default=str, ensure_ascii=False)
            return text.encode("utf-8", "replace") + b"\n"

    def _page_line(self, event: PageSeen, view: MarketView) -> bytes:
        texts = self._seats.get(event.seat)
        if texts is None:
            texts = self._seats[event.seat] = _SeatTexts(self._history)
        rest = _json(event.with_fields(view=view.with_fields(**_LEFT_OUT)))
        line = []
        # What a page says in words stands behind these, so that none of it is taken for one of them.
        for gap, text in zip(_GAPS, texts.of(view), strict=True):
            before, _, rest = rest.partition(gap)
            line += [before, text]
        return b"".join([*line, rest, b"\n"])


_GAPS: Final = tuple(
    f'"{name}":{"null" if left is None else "[]"}'.encode() for name, left in _LEFT_OUT.items()
)


@dataclass(slots=True)
class _Texts:
    """The JSON of a sequence of values that shares most of them with the one before."""

    values: Sequence[Value] = ()
    text: bytes = b"[]"
    each: Mapping[int, bytes] = field(default_factory=dict)  # by identity, of `values`

    def of(self, values: Sequence[Value]) -> bytes:
        if values is not self.values:
            known = self.each
            texts = [known.get(id(one)) or _json(one) for one in values]
            self.each = dict(zip(map(id, values), texts, strict=True))
            self.values, self.text = values, b"[%b]" % b",".join(texts)
        return self.text


@dataclass(slots=True)
class _SeatTexts:
    history: _Texts
    rules: MarketRules | None = None
    rules_text: bytes = b""
    own: _Texts = field(default_factory=_Texts)
    forecasts: _Texts = field(default_factory=_Texts)

    def of(self, view: MarketView) -> tuple[bytes, bytes, bytes, bytes]:
        """Return the JSON of what was left out, each with its name."""
        if view.market is not self.rules:
            self.rules, self.rules_text = view.market, _json(view.market)
        return (
            b'"market":' + self.rules_text,
            b'"history":' + self.history.of(view.history),
            b'"own":' + self.own.of(view.own),
            b'"forecasts":' + self.forecasts.of(view.forecasts),
        )


def _json(value: Value) -> bytes:
    """Return `model_dump_json` without a `str` between."""
    return value.__pydantic_serializer__.to_json(value, warnings="none")
