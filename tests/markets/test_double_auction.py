"""The double auction, rule by rule."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.induced import InducedSchedule
from markets.order_book import Level
from markets.orders import Order, OrderDraft, OrderRules, Refusal, Side
from markets.trade_events import (
    Cancelled,
    Closed,
    Event,
    Expired,
    Placed,
    Refused,
    Traded,
    volume_weighted_price,
)
from tests.markets.books import TICK

ORDERS = OrderRules(TICK, max_price=Fraction("9999.99"), max_quantity=99, max_open_orders=3)
ACCOUNT = Account(Fraction(100), 4)


def market(*accounts: Account, schedule: InducedSchedule | None = None, **rules: Any) -> DoubleAuction:
    """A market of traders 1, 2, 3 and so on; three of 100 cash and 4 shares where nothing is said."""
    held = dict(enumerate(accounts or (ACCOUNT,) * 3, start=1))
    return DoubleAuction(held, DoubleAuctionRules(ORDERS, **rules), schedule=schedule)


def trades(events: tuple[Event, ...]) -> list[tuple[int, int, int, int]]:
    """Buyer, seller, shares, price in ticks."""
    return [
        (event.buyer, event.seller, event.quantity, event.price)
        for event in events
        if isinstance(event, Traded)
    ]


def codes(events: tuple[Event, ...]) -> list[str]:
    (refused,) = events
    assert isinstance(refused, Refused)
    assert all(reason.message.endswith(".") for reason in refused.reasons)
    return [reason.code for reason in refused.reasons]


def test_an_order_that_meets_none_waits() -> None:
    auction = market()
    order = Order(1, 1, Side.BUY, 2, 1400, "a")
    assert auction.place(1, "buy", 2, "14.00", "a") == (Placed(order),)
    assert auction.open_orders(1) == (order,)
    assert (auction.best(Side.BUY), auction.best(Side.SELL)) == (1400, None)
    assert auction.account(1) == ACCOUNT


def test_an_order_that_cannot_be_read_is_refused_under_its_senders_name_and_says_why() -> None:
    (refused,) = market().place(2, "buy", "many", "14.00", "mine")
    assert isinstance(refused, Refused)
    assert (refused.trader, refused.ref, refused.draft) == (2, "mine", None)
    assert [reason.code for reason in refused.reasons] == ["quantity"]


def test_a_refused_cancel_tells_who_asked_by_which_name_and_for_which_order() -> None:
    for asked, known in ((7, 7), ("7", None)):
        (refused,) = market().cancel(2, asked, "mine")
        assert isinstance(refused, Refused)
        assert (refused.trader, refused.ref, refused.order_id) == (2, "mine", known)


def test_a_trade_names_both_orders() -> None:
    auction = market()
    auction.place(1, "sell", 1, "14")
    _, traded = auction.place(2, "buy", 1, "14")
    assert isinstance(traded, Traded)
    assert (traded.bid_id, traded.offer_id) == (2, 1)


@pytest.mark.parametrize(
    ("side", "told"),
    [("buy", "above the best bid of 14.00."), ("sell", "below the best offer of 14.00.")],
)
def test_a_quote_that_is_not_better_is_told_which_it_must_better(side: str, told: str) -> None:
    auction = market(must_improve=True)
    auction.place(1, side, 1, "14")
    (refused,) = auction.place(2, side, 1, "14")
    assert isinstance(refused, Refused)
    assert refused.reasons[0].message.endswith(told)


def test_a_trade_is_at_the_price_of_the_order_that_waited() -> None:
    for first, second, price in (("buy", "sell", 1500), ("sell", "buy", 1400)):
        auction = market()
        limits = {"buy": "15", "sell": "14"}
        auction.place(1, first, 1, limits[first])
        assert [trade[3] for trade in trades(auction.place(2, second, 1, limits[second]))] == [price]


def test_better_prices_trade_first_and_among_equals_the_earlier() -> None:
    auction = market(*[Account(Fraction(1000), 9)] * 4)
    for trader, limit in ((1, "15"), (2, "14"), (3, "14")):
        auction.place(trader, "sell", 2, limit)
    events = auction.place(4, "buy", 5, "16")
    assert trades(events) == [(4, 2, 2, 1400), (4, 3, 2, 1400), (4, 1, 1, 1500)]
    assert auction.open_orders(1) == (Order(1, 1, Side.SELL, 1, 1500),)


def test_what_does_not_trade_at_once_waits_with_its_own_limit() -> None:
    auction = market()
    auction.place(1, "sell", 1, "14")
    events = auction.place(2, "buy", 3, "15")
    assert trades(events) == [(2, 1, 1, 1400)]
    assert auction.depth(Side.BUY) == (Level(Side.BUY, 1500, 2),)
    assert auction.depth(Side.SELL) == ()


def test_an_order_keeps_its_place_when_part_of_it_has_traded() -> None:
    auction = market()
    auction.place(1, "sell", 2, "14")
    auction.place(2, "sell", 2, "14")
    auction.place(3, "buy", 1, "14")
    assert trades(auction.place(3, "buy", 2, "14")) == [(3, 1, 1, 1400), (3, 2, 1, 1400)]


def test_a_buyer_pays_less_than_reserved_and_may_spend_the_rest() -> None:
    auction = market(Account(Fraction(30), 0), ACCOUNT)
    auction.place(2, "sell", 2, "10")
    auction.place(1, "buy", 2, "15")
    assert auction.account(1) == Account(Fraction(10), 2)
    assert auction.account(2) == Account(Fraction(120), 2)
    assert isinstance(auction.place(1, "buy", 1, "10")[0], Placed)


def test_open_orders_reserve_cash_and_shares() -> None:
    auction = market()
    auction.place(1, "buy", 5, "15")
    auction.place(1, "sell", 3, "16")
    assert codes(auction.place(1, "buy", 1, "25.01")) == ["not_enough_cash", "crosses_own_order"]
    assert codes(auction.place(1, "sell", 2, "16")) == ["short_sale"]
    told = "This bid could cost 27.00, but only 25.00 of your cash is not reserved by your open bids."
    reasons = (Refusal("not_enough_cash", told),)
    assert auction.place(1, "buy", 3, "9", "again") == (
        Refused(1, reasons, "again", OrderDraft(Side.BUY, 3, 900)),
    )


def test_cash_that_is_no_whole_tick_is_kept_exactly() -> None:
    third = Account(Fraction(100, 3), 1)
    auction = market(third, third)
    told = "This bid could cost 33.34, but only 33.33 of your cash is not reserved by your open bids."
    (refused,) = auction.place(1, "buy", 1, "33.34")
    assert isinstance(refused, Refused)
    assert refused.reasons == (Refusal("not_enough_cash", told),)
    auction.place(1, "buy", 1, "33.33")
    auction.place(2, "sell", 1, "33.33")
    assert auction.account(1) == Account(Fraction(1, 300), 2)
    assert auction.account(2) == Account(Fraction(100, 3) + Fraction("33.33"), 0)


@pytest.mark.parametrize(
    ("first", "second"), [(("buy", "14"), ("sell", "14")), (("sell", "14"), ("buy", "15"))]
)
def test_nobody_trades_with_themselves(first: tuple[str, str], second: tuple[str, str]) -> None:
    auction = market()
    auction.place(1, first[0], 1, first[1])
    assert codes(auction.place(1, second[0], 1, second[1])) == ["crosses_own_order"]
    assert isinstance(auction.place(2, second[0], 1, second[1])[0], Placed)


def test_an_order_that_meets_only_others_may_stand_beside_own_orders() -> None:
    auction = market()
    auction.place(1, "sell", 1, "16")
    auction.place(2, "sell", 1, "14")
    assert trades(auction.place(1, "buy", 1, "15")) == [(1, 2, 1, 1400)]


def test_a_cancelled_order_frees_what_it_reserved() -> None:
    auction = market()
    auction.place(1, "buy", 5, "20", "a")
    auction.place(2, "sell", 2, "20")
    assert auction.cancel(1, 1, "b") == (Cancelled(1, 1, Side.BUY, 2000, 3, "b"),)
    assert auction.open_orders(1) == ()
    assert auction.best(Side.BUY) is None
    assert isinstance(auction.place(1, "buy", 3, "20")[0], Placed)


def test_a_cancel_of_what_is_not_ones_own_open_order_is_refused() -> None:
    auction = market()
    auction.place(1, "buy", 1, "14")
    assert codes(auction.cancel(2, 1)) == ["unknown_order"]
    assert codes(auction.cancel(1, 7)) == ["unknown_order"]
    assert codes(auction.cancel(1, True)) == ["malformed"]
    assert codes(auction.cancel(1, "1")) == ["malformed"]


def test_nobody_else_may_trade() -> None:
    auction = market()
    for side in ("buy", "x"):
        with pytest.raises(KeyError):
            auction.place(9, side, 1, "14")
    for order_id in (1, "x"):
        with pytest.raises(KeyError):
            auction.cancel(9, order_id)


def test_the_improvement_rule_asks_for_a_better_quote_on_the_orders_own_side() -> None:
    auction = market(must_improve=True)
    auction.place(1, "buy", 1, "10")
    auction.place(2, "sell", 1, "20")
    assert codes(auction.place(3, "buy", 1, "10")) == ["no_improvement"]
    assert codes(auction.place(3, "sell", 1, "20.00")) == ["no_improvement"]
    refused = auction.place(2, "sell", 1, "21")[0]
    assert isinstance(refused, Refused)
    assert refused.reasons[0].message == "Your offer must be below the best offer of 20.00."
    assert trades(auction.place(3, "buy", 1, "20")) == [(3, 2, 1, 2000)]
    assert isinstance(auction.place(3, "sell", 1, "30")[0], Placed)


def test_one_tick_is_improvement_enough() -> None:
    auction = market(must_improve=True)
    auction.place(1, "buy", 1, "10")
    auction.place(2, "sell", 1, "20")
    assert isinstance(auction.place(3, "buy", 1, "10.01")[0], Placed)
    assert isinstance(auction.place(3, "sell", 1, "19.99")[0], Placed)


def test_the_quote_that_must_be_bettered_is_told_with_the_places_of_the_tick() -> None:
    eighths = OrderRules(Fraction("0.125"), max_price=Fraction(1000), max_quantity=99, max_open_orders=3)
    auction = DoubleAuction({1: ACCOUNT, 2: ACCOUNT}, DoubleAuctionRules(eighths, must_improve=True))
    auction.place(1, "buy", 1, "14.125")
    (refused,) = auction.place(2, "buy", 1, "14")
    assert isinstance(refused, Refused)
    assert refused.reasons[0].message == "Your bid must be above the best bid of 14.125."


def test_under_the_improvement_rule_another_reason_is_told_alone() -> None:
    auction = market(must_improve=True)
    auction.place(1, "buy", 1, "10")
    assert codes(auction.place(2, "buy", 9, "99")) == ["not_enough_cash"]


def test_a_trade_may_empty_the_book() -> None:
    auction = market(clears_after_trade=True)
    auction.place(1, "buy", 1, "10")
    auction.place(2, "sell", 3, "20")
    placed, traded, *expired = auction.place(3, "buy", 1, "20")
    assert isinstance(placed, Placed)
    assert isinstance(traded, Traded)
    assert expired == [Expired(1, 1, Side.BUY, 1000, 1), Expired(2, 2, Side.SELL, 2000, 2)]
    assert auction.depth(Side.BUY) == auction.depth(Side.SELL) == ()


def test_the_end_of_the_period_takes_every_order_away() -> None:
    auction = market()
    auction.place(2, "sell", 1, "20")
    auction.place(1, "buy", 1, "10")
    assert auction.close() == (
        Expired(1, 2, Side.SELL, 2000, 1),
        Expired(2, 1, Side.BUY, 1000, 1),
        Closed(),
    )
    assert auction.close() == ()
    assert codes(auction.place(1, "buy", 1, "10")) == ["closed"]
    assert codes(auction.cancel(1, 2)) == ["unknown_order"]
    assert auction.accounts() == {1: ACCOUNT, 2: ACCOUNT, 3: ACCOUNT}


def test_order_ids_go_on_from_one_period_to_the_next() -> None:
    auction = DoubleAuction({1: ACCOUNT}, DoubleAuctionRules(ORDERS), next_order_id=41)
    auction.place(1, "buy", 1, "10")
    auction.place(1, "buy", 0, "10")
    assert auction.next_order_id == 42


def test_a_trader_with_a_role_takes_one_side_and_not_more_units_than_theirs() -> None:
    rich = Account(Fraction(1000), 9)
    schedule = InducedSchedule({1: (Fraction(20), Fraction(15))}, {2: (Fraction(10),)})
    auction = market(rich, rich, schedule=schedule)
    assert codes(auction.place(1, "sell", 1, "14")) == ["role"]
    assert codes(auction.place(2, "buy", 1, "14")) == ["role"]
    assert codes(auction.place(2, "sell", 2, "14")) == ["units"]
    auction.place(1, "buy", 1, "14")
    assert codes(auction.place(1, "buy", 2, "14")) == ["units"]
    auction.place(2, "sell", 1, "14")
    assert codes(auction.place(2, "sell", 1, "14")) == ["units"]
    auction.place(1, "buy", 1, "14")
    assert codes(auction.place(1, "buy", 1, "14")) == ["units"]


@pytest.mark.parametrize(
    ("waiting", "left"), [(0, "2 of your units are"), (1, "1 of your units is"), (2, "0 of your units are")]
)
def test_a_trader_who_orders_too_many_units_is_told_how_many_are_left(waiting: int, left: str) -> None:
    auction = market(ACCOUNT, schedule=InducedSchedule({}, {1: (Fraction(10), Fraction(12))}))
    for _ in range(waiting):
        auction.place(1, "sell", 1, "14")
    (refused,) = auction.place(1, "sell", 3, "14")
    assert isinstance(refused, Refused)
    assert refused.reasons[-1].message == (
        f"You ordered 3 units, but only {left} left; the others have traded or stand in open orders."
    )


def test_a_schedule_must_know_every_trader() -> None:
    with pytest.raises(KeyError, match="trader 2"):
        market(ACCOUNT, ACCOUNT, schedule=InducedSchedule({1: (Fraction(1),)}, {}))


def test_an_event_names_whom_it_concerns() -> None:
    auction = market()
    told = [
        *auction.place(1, "sell", 2, "14"),
        *auction.place(2, "buy", 1, "14"),
        *auction.place(3, "buy", 1, "x"),
        *auction.cancel(1, 1),
        *auction.place(3, "buy", 1, "1"),
        *auction.close(),
    ]
    assert [(type(event).__name__, event.traders) for event in told] == [
        ("Placed", (1,)),
        ("Placed", (2,)),
        ("Traded", (2, 1)),
        ("Refused", (3,)),
        ("Cancelled", (1,)),
        ("Placed", (3,)),
        ("Expired", (3,)),
        ("Closed", ()),
    ]


def test_the_delta_of_a_call_is_the_levels_it_touched() -> None:
    auction = market()
    auction.place(1, "sell", 1, "14")
    auction.place(1, "sell", 2, "15")
    events = auction.place(2, "buy", 2, "15")
    assert auction.changed_levels(events) == (
        Level(Side.BUY, 1500, 0),
        Level(Side.SELL, 1400, 0),
        Level(Side.SELL, 1500, 1),
    )
    assert auction.changed_levels(auction.cancel(1, 99)) == ()


def test_a_periods_price_is_the_mean_of_its_trades_by_shares() -> None:
    auction = market()
    events = (
        *auction.place(1, "sell", 1, "14"),
        *auction.place(1, "sell", 2, "15"),
        *auction.place(2, "buy", 3, "15"),
    )
    assert volume_weighted_price(events, TICK) == Fraction(44, 3)
    assert volume_weighted_price((), TICK) is None
