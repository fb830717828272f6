"""How things are done on pages that offer `readPage()`: by the page's own functions and its live messages.

Names of functions are ours, what is decided goes as arguments. An order counts once the server has confirmed
it, or lists it: where its answer is lost, the server's list is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bots.domain.market import OpenOrder
from bots.domain.pages import Act, Answer, PageCall, SendLive, SubmitForm
from markets.orders import Side

_log = logging.getLogger(__name__)
_REFUSALS: Final[Mapping[int, str]] = {
    1: "The price must be above 0.",
    2: "The price is not a number.",
    4: "The quantity must be above 0.",
    16: "The type must be BUY or SELL.",
    32: "The bid is not below your own offers.",
    64: "The offer is not above your own bids.",
    256: "The price must be below 10000.",
    512: "The quantity must be below 100.",
    4096: "You do not hold so many shares; short sales are not allowed.",
    8192: "You do not have enough cash.",
}
_LEAVES: Final[Mapping[str, str]] = {
    "consent_page": "giveConsent",
    "end_practice": "proceedToExperiment",
    "final_results": "proceedToSurvey",
}
_TRADES: Final = "market_choice_page"
_LIST: Final = PageCall("liveSend", ({"func": "get_orders_for_player"},))


class _Listed(BaseModel):
    """An order as the server lists it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    order_id: int = Field(validation_alias=AliasChoices("id", "oid", "order_id"))
    side: str = Field(validation_alias=AliasChoices("type", "order_type", "side"))
    quantity: int = Field(gt=0)
    price: Decimal = Field(gt=0)

    def order(self) -> OpenOrder:
        """Return it as the shipped market's traders know orders."""
        side = Side(self.side.lower())
        return OpenOrder(
            order_id=self.order_id, side=side, quantity=self.quantity, limit=self.price, ref=None
        )


_LISTS: Final = TypeAdapter(tuple[_Listed, ...])


@dataclass(slots=True)
class Book:
    """What one participant knows of its orders on such a server.

    Attributes:
        known: ids of the orders that the server has confirmed or listed.
    """

    known: set[int] = field(default_factory=set)

    def listed(self, frames: Sequence[Mapping[str, Any]]) -> tuple[OpenOrder, ...] | None:
        """Return the orders of the latest list among a page's frames; None where there is none."""
        lists = (_orders(frame) for frame in reversed(frames) if frame.get("func") == "order_list")
        orders = next(lists, None)
        self.known.update(one.order_id for one in orders or ())
        return orders


class Told:
    """A `bots.domain.pages.Speaker`, and an `Inquirer` where orders can be placed."""

    def __init__(self, source: str, book: Book | None = None) -> None:
        self._source = source
        self._book = book or Book()

    def calls(self, act: Act) -> tuple[PageCall, ...]:
        """Return the page's own functions that do an act, in order."""
        if isinstance(act, SendLive):
            return self._sends(act.message)
        if isinstance(act, SubmitForm) and self._source == "forecast_page" and act.values:
            given = [{"field": name, "value": float(str(one))} for name, one in act.values.items() if one]
            return (PageCall("setForecastDataFromJSON", (given,)),)
        name = _LEAVES.get(self._source)
        return (PageCall(name),) if name and isinstance(act, SubmitForm) else ()

    def _sends(self, message: Mapping[str, Any]) -> tuple[PageCall, ...]:
        if message.get("type") == "place":
            order = {
                "type": str(message["side"]).upper(),
                "quantity": int(message["quantity"]),
                "price": float(message["limit"]),
            }
            return (PageCall("submitOrderFromConsole", (order,)),)
        if message.get("type") == "cancel":
            deleted = {"func": "delete_order", "oid": int(message["order_id"])}
            return (PageCall("liveSend", (deleted,)), _LIST)
        return ()

    def submits(self) -> bool:
        """Tell whether the form is sent after the calls; some of them send it."""
        return self._source not in _LEAVES

    def answer(self, frame: Mapping[str, Any]) -> Answer | None:
        """Return what a live frame says to an order; None where it is about something else."""
        if frame.get("func") == "order_confirmed":
            if isinstance(number := frame.get("order_id"), int):
                self._book.known.add(number)
            words = tuple(str(one) for one in frame.get("warnings") or ())
            return Answer(accepted=True, words=words, frame=frame)
        if frame.get("func") != "order_rejected":
            return None
        code = frame.get("error_code")
        bits = code if isinstance(code, int) else 0
        words = tuple(told for bit, told in _REFUSALS.items() if bits & bit)
        return Answer(accepted=False, words=words or (f"The order was refused (code {code}).",), frame=frame)

    def asks(self) -> tuple[PageCall, ...]:
        """Return what asks for the own orders, on the page on which they are placed."""
        return (_LIST,) if self._source == _TRADES else ()

    def is_answered(self, frames: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether the own orders are listed among frames."""
        return any(frame.get("func") == "order_list" for frame in frames)

    def judge(self, act: SendLive, frame: Mapping[str, Any], *, lost: bool) -> Answer | None:
        """Return what a frame says to an order or its cancelling; None where it is about something else.

        Args:
            lost: no answer came, and the own orders were asked for since.
        """
        cancels = act.message.get("type") == "cancel"
        told = None if cancels else self.answer(frame)
        if told is not None or frame.get("func") != "order_list" or not (cancels or lost):
            return told
        before = frozenset(self._book.known)
        orders = self._book.listed((frame,))
        if orders is None:
            return None
        if cancels:
            gone = all(one.order_id != act.message["order_id"] for one in orders)
            return Answer(gone, () if gone else ("The server still lists the order.",), frame=frame)
        found = any(one.order_id not in before and _is(one, act.message) for one in orders)
        words = (
            "No answer came; the server lists the order." if found else "The server does not list the order."
        )
        return Answer(found, (words,), frame=frame)


def _is(order: OpenOrder, message: Mapping[str, Any]) -> bool:
    wanted = (str(message["side"]).lower(), int(message["quantity"]), Decimal(str(message["limit"])))
    return (order.side.value, order.quantity, order.limit) == wanted


def _orders(frame: Mapping[str, Any]) -> tuple[OpenOrder, ...] | None:
    """Return the orders of a list; None where it cannot be read."""
    try:
        return tuple(one.order() for one in _LISTS.validate_python(frame.get("orders")))
    except (ValidationError, ValueError) as error:
        _log.warning("a list of orders cannot be read: %s", error)
        return None
