"""Events as lines of a journal.

A page of a long market is mostly what its trader's page before held already: the rules, the rounds before,
forecasts given; and it asks of everybody the same. In process these are the very same values, so their JSON
is made once and then copied. Lines are those of `model_dump_json`, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from bots.domain.market import MarketView, Value
from bots.domain.pages import Form
from bots.domain.records import Event, PageSeen

_REPEATED: Final = {"market", "round", "holdings", "history", "own", "forecast_inputs", "forecasts"}
_LEFT_OUT: Final[Mapping[str, Any]] = {"view": _REPEATED, "form": True}  # when the rest is made JSON


class JournalLines:
    """Makes the lines of one journal; holds no more than each trader's latest page does."""

    def __init__(self) -> None:
        self._everybody = _SharedTexts()
        self._seats: dict[int, _SeatTexts] = {}

    def line(self, event: Event) -> bytes:
        """Return one event as a line, its end included."""
        return b"".join(self.parts(event))

    def parts(self, event: Event) -> Sequence[bytes]:
        """Return what one event's line is joined of: long texts are copied once, with all that is written."""
        try:
            if isinstance(event, PageSeen) and event.view is not None:
                return self._page_parts(event, event.view)
            return _json(event), b"\n"
        except PydanticSerializationError:  # half a surrogate pair, as a broken reply may hold, is no UTF-8
            text = json.dumps(event.model_dump(mode="python"), default=str, ensure_ascii=False)
            return text.encode("utf-8", "replace"), b"\n"

    def _page_parts(self, event: PageSeen, view: MarketView) -> Sequence[bytes]:
        texts = self._seats.get(event.seat)
        if texts is None:
            texts = self._seats[event.seat] = _SeatTexts(self._everybody)
        rest = event.__pydantic_serializer__.to_json(event, exclude=_LEFT_OUT, warnings=False)
        # Names of fields: what a page says in words has its quotes escaped, and is never taken for one.
        orders = rest.index(b'"open_orders":')
        result = rest.index(b'"result":', orders)
        errors = rest.index(b'"errors":', result)
        return (
            rest[:orders],
            *texts.before_orders(view),
            rest[orders:result],
            *texts.before_result(view),
            rest[result:errors],
            self._everybody.form.of(event.form),
            rest[errors:],
            b"\n",
        )


def _json(value: Value) -> bytes:
    """Return `model_dump_json` without a `str` between."""
    return value.__pydantic_serializer__.to_json(value, warnings=False)


_form_json: Final = TypeAdapter(Form).serializer.to_json


@dataclass(slots=True)
class _Latest:
    """A field and its JSON, which is made anew where the value is another one than before."""

    name: bytes
    json: Callable[[Any], bytes] = _json
    value: object = ...
    text: bytes = b""

    def of(self, value: object) -> bytes:
        if value is not self.value:
            text = b"null" if value is None else self.json(value)  # may fail, and then must be tried again
            self.value, self.text = value, b'"%b":%b,' % (self.name, text)
        return self.text


@dataclass(slots=True)
class _Sequence:
    """A field of several values, most of which were among those before; each is made JSON once."""

    name: bytes
    values: Sequence[Value] | None = None
    text: bytes = b""
    each: Mapping[int, bytes] = field(default_factory=dict)  # by identity, of `values`

    def of(self, values: Sequence[Value]) -> bytes:
        if values is not self.values:
            names = list(map(id, values))
            known = map(self.each.get, names)
            texts = [text or _json(one) for text, one in zip(known, values, strict=True)]
            self.each = dict(zip(names, texts, strict=True))
            self.values, self.text = values, b'"%b":[%b],' % (self.name, b",".join(texts))
        return self.text


@dataclass(slots=True)
class _Growing:
    """A field of several values, mostly those before with another one behind them."""

    name: bytes
    values: Sequence[Value] | None = None
    inner: bytes = b""  # of the brackets
    text: bytes = b""

    def of(self, values: Sequence[Value]) -> bytes:
        if values is not self.values:
            known = self.values or ()
            if known and len(known) <= len(values) and all(map(is_, known, values)):
                self.inner = b",".join([self.inner, *map(_json, values[len(known) :])])
            else:
                self.inner = b",".join(map(_json, values))
            self.values, self.text = values, b'"%b":[%b],' % (self.name, self.inner)
        return self.text


@dataclass(slots=True)
class _SharedTexts:
    """Of what is the same on everybody's page."""

    history: _Growing = field(default_factory=lambda: _Growing(b"history"))
    asked: _Growing = field(default_factory=lambda: _Growing(b"forecast_inputs"))
    form: _Latest = field(default_factory=lambda: _Latest(b"form", _form_json))


@dataclass(slots=True)
class _SeatTexts:
    """Of the page of one trader."""

    everybody: _SharedTexts
    market: _Latest = field(default_factory=lambda: _Latest(b"market"))
    round: _Latest = field(default_factory=lambda: _Latest(b"round"))
    holdings: _Latest = field(default_factory=lambda: _Latest(b"holdings"))
    own: _Growing = field(default_factory=lambda: _Growing(b"own"))
    forecasts: _Sequence = field(default_factory=lambda: _Sequence(b"forecasts"))

    def before_orders(self, view: MarketView) -> Sequence[bytes]:
        return (
            self.market.of(view.market),
            self.round.of(view.round),
            self.holdings.of(view.holdings),
            self.everybody.history.of(view.history),
            self.own.of(view.own),
        )

    def before_result(self, view: MarketView) -> Sequence[bytes]:
        return self.everybody.asked.of(view.forecast_inputs), self.forecasts.of(view.forecasts)
