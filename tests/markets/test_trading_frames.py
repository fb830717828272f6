"""All that a message does in a period: the answer, everybody's frames, the events, and whether it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from markets.orders import Order, OrderDraft, Refusal, Side
from markets.period_market import open_period
from markets.trade_events import Cancelled, Event, Placed, Refused, Traded
from markets.trading_period import Outcome, Trade, TradingPeriod
from tests.markets.periods import INDUCED, Message, codes, parameters, period

ALL_FREE = {"cash": "100.00", "shares": 4, "cash_available": "100.00", "shares_available": 4}
BID: Message = {"type": "place", "ref": "bid", "side": "buy", "quantity": 2, "limit": "14.50", "round": 1}
OFFER: Message = {"type": "place", "ref": "offer", "side": "sell", "quantity": 1, "limit": "14"}
WAITING = {"order_id": 1, "side": "buy", "quantity": 2, "limit": "14.50", "ref": "bid"}


def with_a_bid() -> TradingPeriod:
    """Trader 1 bids for two shares at 14.50."""
    market = period()
    market.receive(1, BID, 3)
    return market


def test_a_bid_that_waits_is_told_to_all_what_it_reserves_to_its_owner_alone_and_logged() -> None:
    news = {"seq": 1, "book": [{"side": "buy", "limit": "14.50", "quantity": 2}], "trades": []}
    answer = {
        "type": "placed",
        "ref": "bid",
        "order_id": 1,
        **news,
        "own_trades": [],
        "holdings": {**ALL_FREE, "cash_available": "71.00"},
        "open_orders": [WAITING],
    }
    told = {"type": "news", **news}
    assert period().receive(1, BID, 3) == Outcome(
        answer, {1: answer, 2: told, 3: told}, (Placed(Order(1, 1, Side.BUY, 2, 1450, "bid")),), (), keep=True
    )


def test_a_trade_is_told_to_all_who_traded_to_the_two_alone_and_logged_with_its_second() -> None:
    trade = {"number": 1, "price": "14.50", "quantity": 1, "second": 8}
    news = {
        "seq": 2,
        "book": [
            {"side": "sell", "limit": "14.00", "quantity": 0},
            {"side": "buy", "limit": "14.50", "quantity": 1},
        ],
        "trades": [trade],
    }
    answer = {
        "type": "placed",
        "ref": "offer",
        "order_id": 2,
        **news,
        "open_orders": [],
        "holdings": {"cash": "114.50", "shares": 3, "cash_available": "114.50", "shares_available": 3},
        "own_trades": [{**trade, "side": "sell"}],
    }
    buyer = {
        "type": "news",
        **news,
        "open_orders": [{**WAITING, "quantity": 1}],
        "holdings": {"cash": "85.50", "shares": 5, "cash_available": "71.00", "shares_available": 5},
        "own_trades": [{**trade, "side": "buy"}],
    }
    traded = Traded(1, 2, buyer=1, seller=2, quantity=1, price=1450, resting=Side.BUY)
    assert with_a_bid().receive(2, OFFER, 8) == Outcome(
        answer,
        {1: buyer, 2: answer, 3: {"type": "news", **news}},
        (Placed(Order(2, 2, Side.SELL, 1, 1400, "offer")), traded),
        (Trade(1, traded, 8),),
        keep=True,
    )


def test_a_cancel_is_told_to_all_what_it_frees_to_its_owner_alone_and_logged() -> None:
    news = {"seq": 2, "book": [{"side": "buy", "limit": "14.50", "quantity": 0}], "trades": []}
    answer = {
        "type": "cancelled",
        "ref": "away",
        "order_id": 1,
        **news,
        "holdings": ALL_FREE,
        "open_orders": [],
        "own_trades": [],
    }
    told = {"type": "news", **news}
    assert with_a_bid().receive(1, {"type": "cancel", "ref": "away", "order_id": 1}, 5) == Outcome(
        answer, {1: answer, 2: told, 3: told}, (Cancelled(1, 1, Side.BUY, 1450, 2, "away"),), (), keep=True
    )


def test_who_asks_is_told_the_whole_state_and_it_is_not_kept() -> None:
    answer = {
        "type": "state",
        "ref": "all",
        "holdings": ALL_FREE,
        "open_orders": [],
        "period": {
            "seq": 1,
            "open": True,
            "offers": [],
            "trades": [],
            "own_trades": [],
            "bids": [{"limit": "14.50", "quantity": 2}],
        },
    }
    asked = with_a_bid().receive(3, {"type": "sync", "ref": "all"}, 9)
    assert asked == Outcome(answer, {3: answer}, keep=False)


def test_a_message_that_comes_again_goes_to_its_sender_alone_and_is_not_kept() -> None:
    market = period()
    first = market.receive(1, BID, 3).answer
    assert market.receive(1, BID, 4) == Outcome(first, {1: first}, keep=False)


UNREADABLE_SEQ = "To be ready, send the seq of the last step you have seen, a whole number."
KINDS = "The type of a message must be one of place, cancel, ready, sync."
LACKS = "An order needs a side, a quantity and a limit; quantity is missing."
OTHER = "This was sent for another round than the present one; load the page again to see it."
NO_REF = "A message needs a ref of 1 to 64 characters."
NO_MESSAGE = "A message must be an object with a type and a ref."


@pytest.mark.parametrize(
    ("message", "ref", "code", "told"),
    [
        ("ready", "", "malformed", NO_MESSAGE),
        ({"type": "ready", "seq": 0}, "", "malformed", NO_REF),
        ({**BID, "round": 2}, "bid", "closed", OTHER),
        ({"type": "dance", "ref": "d"}, "d", "malformed", KINDS),
        ({"type": "place", "ref": "p", "side": "buy", "limit": "1"}, "p", "malformed", LACKS),
        ({"type": "ready", "ref": "r"}, "r", "malformed", UNREADABLE_SEQ),
        ({"type": "ready", "ref": "r", "seq": "0"}, "r", "malformed", UNREADABLE_SEQ),
        ({"type": "ready", "ref": "r", "seq": False}, "r", "malformed", UNREADABLE_SEQ),
    ],
)
def test_what_never_reaches_the_market_is_refused_to_its_sender_alone_and_kept(
    message: object, ref: str, code: str, told: str
) -> None:
    refused = {"type": "refused", "ref": ref, "reasons": [{"code": code, "message": told}]}
    assert period().receive(2, message, 1) == Outcome(refused, {2: refused}, keep=True)


def short_of_shares(quantity: int) -> Refusal:
    return Refusal(
        "short_sale",
        f"You offered {quantity} shares, but only 4 of your shares are not reserved by your open offers; "
        "short sales are not allowed.",
    )


unknown = Refusal("unknown_order", "You have no open order with this order_id.")
unread = Refusal("malformed", "To cancel an order, send its order_id, a whole number.")
no_side = Refusal("side", 'The side must be "buy" or "sell".')


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            {**OFFER, "quantity": 9},
            Refused(2, (short_of_shares(9),), "offer", OrderDraft(Side.SELL, 9, 1400)),
        ),
        ({**OFFER, "side": "hold"}, Refused(2, (no_side,), "offer")),
        ({"type": "cancel", "ref": "c", "order_id": 7}, Refused(2, (unknown,), "c", order_id=7)),
        ({"type": "cancel", "ref": "c"}, Refused(2, (unread,), "c")),
    ],
)
def test_what_the_market_refuses_is_logged_under_the_ref_of_its_message(
    message: Message, event: Refused
) -> None:
    told = [{"code": reason.code, "message": reason.message} for reason in event.reasons]
    frame = {"type": "refused", "ref": event.ref, "reasons": told}
    assert period().receive(2, message, 1) == Outcome(frame, {2: frame}, (event,), keep=True)


def ready(seq: int) -> Message:
    return {"type": "ready", "ref": "r", "seq": seq}


def test_who_is_ready_is_told_whether_it_counts_and_that_is_kept() -> None:
    for seq, counts in ((1, True), (0, False)):
        answer = {"type": "ready", "ref": "r", "seq": 1, "counts": counts}
        assert with_a_bid().receive(2, ready(seq), 9) == Outcome(answer, {2: answer}, keep=True)


def test_closing_is_one_more_step_that_empties_the_book_and_frees_what_orders_reserved() -> None:
    market = with_a_bid()
    public = {"seq": 2, "book": [{"side": "buy", "limit": "14.50", "quantity": 0}], "trades": []}
    closed: dict[str, Any] = {
        "type": "closed",
        **public,
        "holdings": ALL_FREE,
        "open_orders": [],
        "own_trades": [],
    }
    market.receive(1, ready(1), 8)
    market.leave(3)
    answer = {**closed, "ref": "r", "counts": True}
    assert market.receive(2, ready(1), 9) == Outcome(answer, {1: closed, 2: answer}, keep=True)
    told = {"type": "ready", "ref": "again", "seq": 2, "counts": False}
    assert market.receive(1, {**ready(2), "ref": "again"}, 9).answer == told


def test_an_order_makes_unready_whoever_was_ready_before_it() -> None:
    market = period(2)
    market.receive(1, ready(0), 0)
    market.receive(2, {**BID, "limit": "14"}, 1)
    market.leave(2)
    assert not market.closed


def test_prices_are_told_with_the_places_that_the_tick_needs() -> None:
    market = period(2, tick="0.125", max_price="1000")
    bid = market.receive(1, {**BID, "limit": "14.125"}, 0).answer
    assert (bid["book"][0]["limit"], bid["open_orders"][0]["limit"]) == ("14.125", "14.125")
    assert bid["holdings"]["cash_available"] == "71.750"
    trade = market.receive(2, {**OFFER, "limit": "14.000"}, 1).answer["own_trades"][0]
    assert trade["price"] == "14.125"


def test_a_period_knows_its_round_its_units_and_the_number_of_its_first_order() -> None:
    known = parameters(**INDUCED)
    market = open_period(known, known.accounts_at_start(range(1, 5)), 2, next_order_id=31)
    assert codes(market.receive(1, {**BID, "limit": "1"}, 0)) == ["closed"]
    here: Message = {**BID, "ref": "here", "round": 2, "limit": "1"}
    assert "role" in codes(market.receive(1, {**here, "side": "sell", "ref": "role"}, 0))
    events: tuple[Event, ...] = market.receive(1, here, 0).events
    assert events == (Placed(Order(31, 1, Side.BUY, 2, 100, "here")),)
