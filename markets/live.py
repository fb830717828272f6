"""Live messages of the trade page: what a trader sends, and the frame that answers it.

    up    {"type": "place", "side": "buy" | "sell", "quantity": 2, "limit": "14.50", "ref": "…"}
          {"type": "cancel", "order_id": 17, "ref": "…"}
    down  {"type": "placed", "ref", "order", "holdings"}
          {"type": "cancelled", "ref", "order_id", "holdings"}
          {"type": "refused", "ref", "reasons": [{"code", "message"}, …]}

`ref` (1 to 64 characters) is the sender's name for the message: sent again in the same round, it gets the
first answer and nothing is done. Whatever else arrives is answered `refused`, code "malformed"; nothing
raises.

A message may carry `round`, the session's number of the round it is meant for: in another one it is refused,
code "closed". So a tab that was left open in one round orders nothing in the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from markets.accounts import Account
from markets.orders import (
    UNKNOWN_ORDER,
    UNREADABLE_CANCEL,
    Order,
    OrderDraft,
    OrderRules,
    Refusal,
    check_order,
)
from markets.values import often_made
from markets.view import holdings_view, order_view

LONGEST_REF = 64
Frame = dict[str, Any]

OTHER_ROUND = Refusal(
    "closed", "This was sent for another round than the present one; load the page again to see it."
)


@often_made(frozen=True, slots=True)
class Desk:
    """One trader at the trade page of one round.

    Attributes:
        trader: id in the market.
        account: before any open order trades.
        open_orders: the trader's own.
        answers: frames already sent in this round, by ref.
        round: the session's number of the round; None: not known, messages are not asked for theirs.
    """

    trader: int
    account: Account
    rules: OrderRules
    open_orders: Sequence[Order] = ()
    answers: Mapping[str, Frame] = field(default_factory=dict)
    round: int | None = None


@often_made(frozen=True, slots=True)
class Reaction:
    """What a message does: the answer, and at most one change to the book.

    Attributes:
        frame: goes to the sender; keep it under its ref for the rest of the round.
        placed: order to add.
        cancelled: order id to take away.
        repeated: the message had been answered before; there is nothing to keep.
    """

    frame: Frame
    placed: Order | None = None
    cancelled: int | None = None
    repeated: bool = False


def react(message: object, desk: Desk, *, order_id: int) -> Reaction:
    """Answer one live message; never raises, whatever JSON holds.

    Args:
        message: as received.
        desk: where the sender sits.
        order_id: number that a new order will get, above all earlier ones of the market.
    """
    ref = read_ref(message)
    if not isinstance(ref, str):
        return _refused("", ref)
    assert isinstance(message, dict)  # or it had no ref
    if ref in desk.answers:
        return Reaction(dict(desk.answers[ref]), repeated=True)
    if desk.round is not None and "round" in message and message["round"] != desk.round:
        return _refused(ref, OTHER_ROUND)
    if message.get("type") == "place":
        return _place(message, ref, desk, order_id)
    if message.get("type") == "cancel":
        return _cancel(message.get("order_id"), ref, desk)
    return _refused(ref, malformed('The type of a message must be "place" or "cancel".'))


def read_ref(message: object) -> str | Refusal:
    """Return the sender's name of a message, or why it is none."""
    if not isinstance(message, dict):
        return malformed("A message must be an object with a type and a ref.")
    ref = message.get("ref")
    if not isinstance(ref, str) or not 1 <= len(ref) <= LONGEST_REF:
        return malformed(f"A message needs a ref of 1 to {LONGEST_REF} characters.")
    return ref


def missing_from(order: Mapping[str, object]) -> Refusal | None:
    """Return what an order lacks; None where it has all that an order needs."""
    missing = [key for key in ("side", "quantity", "limit") if key not in order]
    if not missing:
        return None
    return malformed(f"An order needs a side, a quantity and a limit; {missing[0]} is missing.")


def malformed(message: str) -> Refusal:
    """Return the refusal of something that is no message of this market."""
    return Refusal("malformed", message)


def refused_frame(ref: str, *reasons: Refusal) -> Frame:
    """Return the frame that tells a sender why not."""
    told = [{"code": reason.code, "message": reason.message} for reason in reasons]
    return {"type": "refused", "ref": ref, "reasons": told}


def _place(message: Mapping[str, object], ref: str, desk: Desk, order_id: int) -> Reaction:
    if (missing := missing_from(message)) is not None:
        return _refused(ref, missing)
    draft = check_order(
        message["side"],
        message["quantity"],
        message["limit"],
        account=desk.account,
        open_orders=desk.open_orders,
        rules=desk.rules,
    )
    if not isinstance(draft, OrderDraft):
        return _refused(ref, *draft)
    order = draft.numbered(order_id, desk.trader, ref)
    holdings = holdings_view(desk.account, [*desk.open_orders, order], desk.rules)
    frame = {"type": "placed", "ref": ref, "order": order_view(order, desk.rules), "holdings": holdings}
    return Reaction(frame, placed=order)


def _cancel(wanted: object, ref: str, desk: Desk) -> Reaction:
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        return _refused(ref, UNREADABLE_CANCEL)
    left = [order for order in desk.open_orders if order.order_id != wanted]
    if len(left) == len(desk.open_orders):
        return _refused(ref, UNKNOWN_ORDER)
    holdings = holdings_view(desk.account, left, desk.rules)
    frame = {"type": "cancelled", "ref": ref, "order_id": wanted, "holdings": holdings}
    return Reaction(frame, cancelled=wanted)


def _refused(ref: str, *reasons: Refusal) -> Reaction:
    return Reaction(refused_frame(ref, *reasons))
