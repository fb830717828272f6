"""What a model may answer on a page, and raw text → decision, or what is wrong with it in words.

Numbers are read from their text, never through binary floats. A decision is only returned once the market's
own rules accept it as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import ceil, floor
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bots.agents.prompts import NumberForm
from bots.agents.rules import decision_faults
from bots.domain.market import Decision, Forecast, MarketView, OrderIntent
from markets.orders import Side

_LONGEST_REPLY = 200_000  # characters that are read as JSON
_LONGEST_NUMBER = 40
_MOST_FAULTS = 12  # told to the model at once
_WORDS = ("reasoning", "insight", "plan")
SHORT_TEXT = 120
"""Characters of a text that a small model is let write."""
_FEW_ORDERS = 1
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_FENCE = "```"

Schema = dict[str, Any]


class UnusableReply(Exception):
    """A reply that is no valid decision; `faults` are sentences for the model that gave it."""

    def __init__(self, *faults: str) -> None:
        super().__init__(" ".join(faults))
        self.faults = faults[:_MOST_FAULTS]


def reply_schema(view: MarketView, numbers: NumberForm = "number", *, reasoning: bool = True) -> Schema:
    """Return the JSON schema of an answer to a trade or forecast page.

    Every key is required and no other is allowed, which is what providers' strict modes ask for; limits of
    value stand in the prompt and are checked by the market's rules.
    """
    if numbers == "integer":
        return _small_schema(view, reasoning)
    words = {key: {"type": "string"} for key in _words(reasoning)}
    price = {"type": "string" if numbers == "text" else "number"}
    if view.page == "forecast":
        return object_schema(
            {**words, "forecasts": object_schema({one.field: price for one in view.forecast_inputs})}
        )
    order = object_schema(
        {
            "side": {"type": "string", "enum": [side.value for side in Side]},
            "quantity": {"type": "integer"},
            "price": price,
        }
    )
    cancel = {"cancel": {"type": "array", "items": {"type": "integer"}}} if view.open_orders else {}
    return object_schema({**words, "orders": {"type": "array", "items": order}, **cancel, **_then(view)})


def reflection_schema(numbers: NumberForm = "number") -> Schema:
    """Return the JSON schema of a reflection: two texts, and nothing that could be sent to a market."""
    limit = {"maxLength": SHORT_TEXT} if numbers == "integer" else {}
    return object_schema({key: {"type": "string", **limit} for key in _words(reasoning=False)})


def _then(view: MarketView) -> Schema:
    """Return the key that says whether the trader stays, on pages where it is asked again."""
    return {"then": {"type": "string", "enum": ["wait", "leave"]}} if view.period else {}


def _small_schema(view: MarketView, reasoning: bool) -> Schema:
    """The same for small models: whole numbers, at most one order, short texts, each within its limits.

    Such models answer under a grammar made from the schema, which keeps them to it.
    """
    words = {key: {"type": "string", "maxLength": SHORT_TEXT} for key in _words(reasoning)}
    if view.page == "forecast":
        limits = {
            one.field: {"type": "integer", "minimum": ceil(one.minimum), "maximum": floor(one.maximum)}
            for one in view.forecast_inputs
        }
        return object_schema({**words, "forecasts": object_schema(limits)})
    order = object_schema(
        {
            "side": {"type": "string", "enum": [side.value for side in Side]},
            "quantity": {"type": "integer", "minimum": 1, "maximum": view.market.max_quantity},
            "price": {"type": "integer", "minimum": 1, "maximum": floor(view.market.max_price)},
        }
    )
    return object_schema(
        {**words, "orders": {"type": "array", "items": order, "maxItems": _FEW_ORDERS}, **_then(view)}
    )


def _words(reasoning: bool) -> tuple[str, ...]:
    return _WORDS if reasoning else tuple(key for key in _WORDS if key != "reasoning")


def read_reply(text: str, view: MarketView) -> Decision:
    """Return the decision a raw reply holds.

    Raises:
        UnusableReply: it holds none, or one that the market would refuse.
    """
    raw = read_json(text)
    try:
        answer = (_ForecastAnswer if view.page == "forecast" else _TradeAnswer).model_validate(raw)
    except ValidationError as error:
        raise UnusableReply(*schema_faults(error)) from None
    decision = answer.decision()
    faults = tuple(decision_faults(view, decision))
    if faults:
        raise UnusableReply(*faults)
    return decision


def read_reflection(text: str) -> Decision:
    """Return the reflection a raw reply holds: a decision of plan and insight alone.

    Raises:
        UnusableReply: it holds none, or more than that.
    """
    try:
        answer = _Reflection.model_validate(read_json(text))
    except ValidationError as error:
        raise UnusableReply(*schema_faults(error)) from None
    return Decision(plan=answer.plan or None, insight=answer.insight or None)


def exact(value: object) -> Decimal:
    """Return a number from JSON, or its text, as a `Decimal` of bounded size.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER and _NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite() and abs(number.adjusted()) < _LONGEST_NUMBER and len(f"{number:f}") < 60:
            return number
    raise ValueError("must be a number such as 14.50")


def whole(value: object) -> int:
    """Return a whole number; otherwise as `exact`."""
    number = exact(value)
    if number != number.to_integral_value():
        raise ValueError("must be a whole number")
    return int(number)


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


_Exact = Annotated[Decimal, BeforeValidator(exact)]
_Positive = Annotated[Decimal, BeforeValidator(exact), Field(gt=0)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    reasoning: str | None = None
    insight: str | None = None
    plan: str | None = None

    def words(self) -> Mapping[str, str | None]:
        return {
            "reasoning": self.reasoning or None,
            "insight": self.insight or None,
            "plan": self.plan or None,
        }


class _Reflection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    insight: str
    plan: str


class _OrderAnswer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Annotated[Side, BeforeValidator(_lower)]
    quantity: Annotated[int, BeforeValidator(whole), Field(gt=0)]
    price: _Positive


class _TradeAnswer(_Answer):
    orders: tuple[_OrderAnswer, ...]
    cancel: tuple[Annotated[int, BeforeValidator(whole)], ...] = ()
    then: Annotated[Literal["wait", "leave"], BeforeValidator(_lower)] = "wait"

    def decision(self) -> Decision:
        orders = tuple(
            OrderIntent(side=order.side, quantity=order.quantity, limit=order.price) for order in self.orders
        )
        return Decision(orders=orders, cancel=self.cancel, leave=self.then == "leave", **self.words())


class _ForecastAnswer(_Answer):
    forecasts: Mapping[str, _Exact]

    def decision(self) -> Decision:
        forecasts = tuple(Forecast(field=field, value=value) for field, value in self.forecasts.items())
        return Decision(forecasts=forecasts, **self.words())


def read_json(text: str) -> object:
    """Return the first reading that is JSON: the whole text, a fenced block, or from first { to last }.

    Raises:
        UnusableReply: none is.
    """
    if len(text) > _LONGEST_REPLY:
        raise UnusableReply("The answer is far too long.")
    problem = "it is empty"
    for candidate in _candidates(text):
        try:
            return _unicode(json.loads(candidate, parse_float=Decimal, parse_constant=_no_constant))
        except (ValueError, RecursionError, ArithmeticError) as error:
            problem = "its nesting is too deep" if isinstance(error, RecursionError) else str(error)
    raise UnusableReply(f"The answer is not one complete JSON object: {problem}.")


def whole_text(text: str) -> str:
    """Return a text as it can be written and sent: half a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def _unicode(value: Any) -> Any:
    """Parsed JSON with every text whole; an escape may hold half a surrogate pair."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [_unicode(one) for one in value]
    if isinstance(value, dict):
        return {whole_text(key): _unicode(one) for key, one in value.items()}
    return value


def _candidates(text: str) -> Iterator[str]:
    stripped = text.strip()
    if stripped:
        yield stripped
    _, opened, after = stripped.partition(_FENCE)
    fenced, closed, _ = after.partition(_FENCE)
    if opened and closed:
        yield fenced.removeprefix("json").strip()
    start, end = stripped.find("{"), stripped.rfind("}")
    if 0 <= start < end and not (start == 0 and end == len(stripped) - 1):
        yield stripped[start : end + 1]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def schema_faults(error: ValidationError) -> Iterator[str]:
    """Yield what does not fit as sentences for the model that answered."""
    for fault in error.errors(include_url=False, include_input=False, include_context=False)[:_MOST_FAULTS]:
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in fault["loc"])
        what = fault["msg"].removeprefix("Value error, ")
        yield f"{where[:80] or 'The answer'}: {what}."


def object_schema(properties: Mapping[str, Any]) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
