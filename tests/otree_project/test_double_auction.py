"""The double auction on a real oTree server: orders trade as they come, and everything is kept."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from bots.domain.market import MarketView
from bots.domain.period import follow
from markets.trading_period import TradingPeriod
from tests.markets.periods import period as pure_period
from tests.otree_project.otree_walker import Frame, Room, Walker, create

pytestmark = pytest.mark.server

QUICK = {"practice_rounds": 0, "paid_rounds": 2, "trade_seconds": 0, "results_seconds": 0}


async def opened(http: aiohttp.ClientSession, base: str, traders: int = 2, **config: Any) -> Room:
    """A session whose traders are all at the trade page of its first period."""
    room = await Room.create(http, base, traders, **{"preset": "auction_demo", **QUICK, **config})
    await room.all_reach("trade")
    return room


@asynccontextmanager
async def listening(walker: Walker) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with walker.http.ws_connect(walker.base + walker.page.socket("live")) as socket:
        yield socket


async def heard(socket: aiohttp.ClientWebSocketResponse) -> Frame:
    frame = await socket.receive_json(timeout=10)
    assert frame["otree_success"] is True
    return dict(frame["live_method_payload"])


async def test_an_order_that_meets_another_trades_at_once_and_each_is_told_what_concerns_it(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await opened(http, otree_server, 3)
    first, second, third = room.walkers
    view = third.page.view
    async with listening(third) as socket:
        assert (await first.order("buy", 2, "14.50", "bid"))["type"] == "placed"
        answer = await second.order("sell", 1, "14", "offer")
        frames = [await heard(socket), await heard(socket)]
    assert answer["own_trades"] == [
        {
            "number": 1,
            "price": "14.50",
            "quantity": 1,
            "second": answer["trades"][0]["second"],
            "side": "sell",
        }
    ]
    assert "holdings" not in frames[1]
    for frame in frames:
        view = follow(view, frame)
    await third.open()
    assert view.period == third.page.view.period, "who followed the frames sees what a reload shows"
    await first.open()
    assert first.page.view.holdings is not None
    assert first.page.view.holdings.shares == 5
    assert [order.quantity for order in first.page.view.open_orders] == [1]


async def test_a_period_ends_for_all_when_everybody_has_left_or_is_ready(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await opened(http, otree_server, 3)
    first, second, third = room.walkers
    async with listening(first) as socket:
        await socket.send_json({"type": "ready", "seq": 0, "ref": "r1"})
        assert (await heard(socket))["counts"]
        await second.tell({"type": "ready", "seq": 0, "ref": "r2"})
        await third.submit()
        assert (await heard(socket))["type"] == "closed"
    assert (await first.order("buy", 1, "14", "late"))["reasons"][0]["code"] == "closed"
    await room.all_reach("results")


async def test_a_period_ends_for_all_when_its_time_is_over_and_takes_nothing_more(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await opened(http, otree_server, trade_seconds=2)
    first, second = room.walkers
    async with listening(second) as socket:
        placed = await first.order("buy", 1, "14", "in time")
        assert placed["type"] == "placed"
        await heard(socket)
        late = await first.order("sell", 1, "15", "0")
        for number in range(1, 1000):
            if late["type"] == "refused":
                break
            mine = {"type": "cancel", "order_id": late["order_id"], "ref": f"cancel {number}"}
            await first.tell(mine)
            late = await first.order("sell", 1, "15", str(number))
        assert late["reasons"][0]["code"] == "closed"
        told = await heard(socket)
        while told["type"] == "news":
            told = await heard(socket)
        assert told["type"] == "closed", "the other one is told too"


async def test_a_reload_a_second_tab_and_a_repeated_message_change_nothing(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await opened(http, otree_server)
    me, other = room.walkers
    async with listening(me) as one_tab, listening(me) as other_tab:
        message = {"type": "place", "side": "sell", "quantity": 2, "limit": "15", "ref": "once"}
        await one_tab.send_json(message)
        answer = await heard(one_tab)
        assert await heard(other_tab) == answer, "both tabs are told"
        await other_tab.send_json(message)
        assert await heard(other_tab) == answer
    await other.order("buy", 1, "15", "hit")
    before = (await me.open()).view
    assert (await me.open()).view.model_copy(update={"market": before.market}) == before
    assert [order.quantity for order in before.open_orders] == [1]
    assert (await me.tell(message))[0] == answer, "after a trade the first answer is still the answer"
    state = (await me.tell({"type": "sync", "ref": "all"}))[0]
    assert follow(before, state) == before


async def test_every_message_is_kept_refused_ones_too_and_the_tables_add_up(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await opened(http, otree_server)
    me, other = room.walkers
    placed = await me.order("buy", 3, "14", "bid")
    await me.order("buy", "=1+1", "14", "formula")
    await me.tell(None, {"type": "nonsense", "ref": "odd"})
    await other.order("sell", 1, "13.50", "hit")
    await me.tell({"type": "cancel", "order_id": placed["order_id"], "ref": "away"})
    orders = await room.export("custom_export_orders", "double_auction")
    assert [(row["ref"], row["outcome"], row["codes"]) for row in orders] == [
        ("bid", "placed", ""),
        ("formula", "refused", "quantity"),
        ("", "refused", "malformed"),
        ("odd", "refused", "malformed"),
        ("hit", "placed", ""),
        ("away", "cancelled", ""),
    ]
    assert orders[0]["filled"] == "1"
    assert orders[0]["cancelled"] == orders[-1]["received"]
    assert orders[1]["quantity"] == '"=1+1"'
    (trade,) = await room.export("custom_export_trades", "double_auction")
    assert (
        trade["price"],
        trade["quantity"],
        trade["buyer_seat"],
        trade["seller_seat"],
        trade["resting"],
    ) == (
        *("14", "1", "1", "2"),
        "buy",
    )
    book = await room.export("custom_export_book", "double_auction")
    assert [(row["step"], row["side"], row["price"], row["quantity"], row["best_bid"]) for row in book] == [
        ("1", "buy", "14", "3", "14"),
        ("2", "sell", "13.5", "0", "14"),
        ("2", "buy", "14", "2", "14"),
        ("3", "buy", "14", "0", ""),
    ]
    await room.all_reach("results")
    (market,) = await room.export("custom_export_markets", "double_auction")
    assert (market["price"], market["volume"], market["trades"]) == ("14", "1", "1")
    assert (market["orders_placed"], market["orders_cancelled"], market["orders_refused"]) == ("2", "1", "1")
    traders = await room.export("custom_export_traders", "double_auction")
    assert [(row["bought"], row["sold"], row["shares_after"]) for row in traders] == [
        ("1", "0", "5"),
        ("0", "1", "3"),
    ]


async def test_the_same_flow_through_the_page_and_through_the_rules_gives_the_same_trades(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {"max_open_orders": 4, "endowment_cash": "900", "endowment_shares": "60"}
    room = await opened(http, otree_server, 3, **config)
    generator, rules = random.Random(4), pure_period(3, **config)
    for number in range(60):
        seat = generator.randrange(3)
        if generator.random() < 0.2:
            message: dict[str, Any] = {"type": "cancel", "order_id": generator.randint(1, number + 1)}
        else:
            message = {
                "type": "place",
                "side": generator.choice(["buy", "sell"]),
                "quantity": generator.choice([1, 1, 2]),
                "limit": str(generator.randint(27, 31) / Decimal(2)),
            }
        message["ref"] = f"m{number}"
        (answer,) = await room.walkers[seat].tell(message)
        expected = rules.receive(seat + 1, message, 0).answer
        assert timeless(answer) == timeless(expected)
    assert len(rules.trades) >= 10
    for seat, walker in enumerate(room.walkers, start=1):
        await walker.open()
        assert without_time(walker.page.view) == without_time(drawn(walker.page.view, rules, seat))
    trades = await room.export("custom_export_trades", "double_auction")
    assert [int(row["bid_id"]) for row in trades] == [trade.event.bid_id for trade in rules.trades]


def drawn(view: MarketView, rules: TradingPeriod, trader: int) -> MarketView:
    """The same page with the state that the rules alone have come to."""
    return follow(view.model_copy(update={"period": blank(view)}), {"type": "state", **rules.state(trader)})


def blank(view: MarketView) -> Any:
    assert view.period is not None
    return view.period.model_copy(update={"seq": 0})


def timeless(frame: Frame) -> Frame:
    told = dict(frame)
    for key in ("trades", "own_trades"):
        told[key] = [{**trade, "second": 0} for trade in frame.get(key, ())]
    return told


def without_time(view: MarketView) -> MarketView:
    assert view.period is not None
    trades = {
        name: tuple(trade.model_copy(update={"second": 0}) for trade in getattr(view.period, name))
        for name in ("trades", "own_trades")
    }
    return view.model_copy(update={"period": view.period.model_copy(update=trades)})


async def test_units_have_values_and_costs_and_what_they_earn_is_paid(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    units = {
        "induced_values": "10, 6; 8",
        "induced_costs": "3, 7; 5",
        "endowment_cash": "40",
        "paid_rounds": 2,
    }
    room = await opened(http, otree_server, 4, preset="gode_sunder", **units, must_improve=False)
    buyer, _, seller, _ = room.walkers
    assert buyer.page.view.units is not None
    assert [str(worth) for worth in buyer.page.view.units.worth] == ["10.00", "6.00"]
    assert (await buyer.order("sell", 1, "9", "wrong"))["reasons"][0]["code"] == "short_sale"
    await buyer.order("buy", 1, "6", "bid")
    await seller.order("sell", 1, "5", "offer")
    await room.all_reach("results")
    assert buyer.page.view.result is not None
    assert buyer.page.view.result.earnings == 4
    assert seller.page.view.own[-1].earnings == 3
    await room.all_reach("trade")
    assert seller.page.view.holdings is not None
    assert seller.page.view.holdings.shares == 2, "units are there anew in every period"
    await room.all_reach("final")
    assert buyer.page.view.final is not None
    assert buyer.page.view.final.final_wealth == 4
    await buyer.submit()
    assert buyer.page.view.final is not None
    assert buyer.page.view.final.payoff == Decimal("5.02"), "4 cash and the fee of 5"


@pytest.mark.parametrize(
    ("traders", "config", "told"),
    [
        (2, {"preset": "gode_sunder"}, "6 buyers and 6 sellers, but a market of this session has 2 traders"),
        (2, {"preset": "auction_demo", "forecast_horizons": "0"}, "forecast_horizons must be empty"),
        (2, {"preset": "auction_demo", "institution": "call_market"}, "institution must be double_auction"),
        (2, {"preset": "demo", "must_improve": True}, "must_improve must be False in a call market"),
    ],
)
async def test_a_session_that_cannot_be_played_is_not_created(
    otree_server: str, http: aiohttp.ClientSession, traders: int, config: dict[str, Any], told: str
) -> None:
    async with create(http, otree_server, traders, config) as response:
        assert response.status == 400
        assert told in await response.text()


@pytest.mark.parametrize(
    ("config", "words", "answers"),
    [
        (
            {"preset": "auction_demo"},
            ["trades at once, at the price of the order that was", "D buys from C at 15.00.", "4 shares"],
            {"quiz_interest": "5.00", "quiz_dividends": "3.00", "quiz_buy_back": "14.00"},
        ),
        (
            {"preset": "gode_sunder", "induced_values": "80", "induced_costs": "20", "endowment_cash": "200"},
            ["You are a buyer.", "value is 80.00, at 60.00", "20.00.", "All waiting orders end."],
            {"quiz_unit": "20.00"},
        ),
    ],
)
async def test_instructions_and_quiz_follow_the_institution(
    otree_server: str,
    http: aiohttp.ClientSession,
    config: dict[str, Any],
    words: list[str],
    answers: dict[str, str],
) -> None:
    room = await Room.create(http, otree_server, 2, quiz=True, **config)
    me = room.walkers[0]
    assert ("shares of a fictitious company" in me.page.text) == ("quiz_interest" in answers)
    assert "forecast its price" not in me.page.text
    assert "Your orders and answers are recorded" in me.page.text
    await me.submit(consent="True")
    for said in words:
        assert said in me.page.text
    assert "cleared together" not in me.page.text
    await me.submit()
    price = "14.00" if "quiz_interest" in answers else "100.00"
    right = {field: f"{answer} cash" for field, answer in answers.items()}
    assert (await me.submit(**right, quiz_price="0.00 cash")).refused
    assert "at the price of the order that was there first" in " ".join(me.page.errors())
    await me.submit(**right, quiz_price=f"{price} cash")
    assert me.page.view.page == "phase_start"
