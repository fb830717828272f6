"""What the server does with the messages of a trade page: it enforces every limit, whatever a page sends."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bots.domain.market import Holdings, OpenOrder
from tests.otree_project.otree_walker import Frame, Room, Walker

pytestmark = pytest.mark.server

CONFIG = {"practice_rounds": 0, "paid_rounds": 2, "trade_seconds": 0, "tick": "0.05", "max_price": "500"}


@pytest_asyncio.fixture
async def room(otree_server: str, http: aiohttp.ClientSession) -> Room:
    """Two traders on the first trade page, with 100 cash and 4 shares each."""
    room = await Room.create(http, otree_server, 2, **CONFIG, max_open_orders=2)
    await room.everybody(lambda walker: walker.reach("trade"))
    return room


def codes(frame: Frame) -> list[str]:
    """Return the codes of a refusal whose every reason has words."""
    assert frame["type"] == "refused"
    assert all(len(reason["message"]) > 10 for reason in frame["reasons"])
    return [reason["code"] for reason in frame["reasons"]]


@pytest.mark.parametrize(
    ("side", "quantity", "limit", "expected"),
    [
        ("hold", 1, "14", ["side"]),
        (None, 1, "14", ["side"]),
        ("buy", 0, "14", ["quantity"]),
        ("buy", 1.5, "14", ["quantity"]),
        ("buy", True, "14", ["quantity"]),
        ("buy", 100, "0.05", ["quantity"]),
        ("buy", 1, "0", ["price"]),
        ("buy", 1, "-14", ["price"]),
        ("buy", 1, "500.05", ["price"]),
        ("buy", 1, "NaN", ["price"]),
        ("buy", 1, "1e1", ["price"]),
        ("buy", 1, 14.5, ["price"]),
        ("buy", 1, "14.02", ["tick"]),
        ("buy", 8, "14", ["not_enough_cash"]),
        ("sell", 5, "14", ["short_sale"]),
        ("sell", [], {}, ["quantity", "price"]),
    ],
)
async def test_order_beyond_a_limit_is_refused_with_a_code_and_words(
    room: Room, side: Any, quantity: Any, limit: Any, expected: list[str]
) -> None:
    assert codes(await room.walkers[0].order(side, quantity, limit, "one")) == expected
    await room.walkers[0].open()
    assert room.walkers[0].page.view.open_orders == ()


async def test_order_is_refused_where_own_open_orders_stand_in_its_way(room: Room) -> None:
    me = room.walkers[0]
    assert (await me.order("buy", 6, "14", "first"))["type"] == "placed"
    assert codes(await me.order("buy", 2, "14", "second")) == ["not_enough_cash"]
    assert codes(await me.order("sell", 1, "14", "third")) == ["crosses_own_order"]
    assert (await me.order("sell", 4, "14.05", "fourth"))["type"] == "placed"
    assert codes(await me.order("sell", 1, "15", "fifth")) == ["too_many_orders", "short_sale"]


async def test_open_orders_reserve_and_cancelling_releases(room: Room) -> None:
    me = room.walkers[0]
    placed = await me.order("buy", 2, "14.50", "mine")
    order = OpenOrder.model_validate(placed["order"])
    held = Holdings.model_validate(placed["holdings"])
    assert (str(held.cash), str(held.cash_available)) == ("100.00", "71.00")
    await me.open()
    assert list(me.page.view.open_orders) == [order]
    assert me.page.view.holdings == held
    cancelled = (await me.tell({"type": "cancel", "order_id": order.order_id, "ref": "away"}))[0]
    assert cancelled["type"] == "cancelled"
    assert cancelled["holdings"]["cash_available"] == "100.00"
    await me.open()
    assert len(me.page.view.open_orders) == 0


async def test_same_ref_is_the_same_message_and_gets_the_first_answer(room: Room) -> None:
    me = room.walkers[0]
    first = await me.order("buy", 1, "14", "once")
    assert await me.order("buy", 1, "14", "once") == first
    assert await me.order("sell", 3, "99", "once") == first
    refused = await me.order("buy", 60, "14", "twice")
    assert await me.order("buy", 1, "14", "twice") == refused
    cancel = {"type": "cancel", "order_id": first["order"]["order_id"], "ref": "gone"}
    assert (await me.tell(cancel))[0] == (await me.tell(cancel))[0]
    await me.open()
    assert me.page.view.open_orders == ()
    assert [row["ref"] for row in await room.export("custom_export_orders")] == ["once", "twice", "gone"]


async def test_answers_go_to_the_sender_alone_and_cancel_reaches_own_orders_only(room: Room) -> None:
    me, other = room.walkers
    async with other.http.ws_connect(other.base + other.page.socket("live")) as listening:
        placed = await me.order("buy", 1, "14", "mine")
        foreign = {"type": "cancel", "order_id": placed["order"]["order_id"], "ref": "theft"}
        await listening.send_json(foreign)
        heard = (await listening.receive_json(timeout=10))["live_method_payload"]
    assert codes(heard) == ["unknown_order"]
    assert heard["ref"] == "theft"
    await me.open()
    assert len(me.page.view.open_orders) == 1


MALFORMED: list[Any] = [
    *(None, True, 0, 1.5, "", "place", [], [1], {}, {"type": "place"}),
    {"type": "place", "side": "buy", "quantity": 1, "limit": "14"},
    {"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": ""},
    {"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": "x" * 65},
    {"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": ["a"]},
    {"type": "place", "side": "buy", "quantity": 1, "ref": "no limit"},
    {"type": ["place"], "ref": "list"},
    {"type": {"a": 1}, "ref": "object"},
    {"type": "cancel", "ref": "no id"},
    {"type": "cancel", "order_id": "1", "ref": "text id"},
    {"type": "cancel", "order_id": True, "ref": "bool id"},
    {"type": "sell", "ref": "\x00\ud800\u202e"},
    {"type": "other", "ref": "nested", "side": {"a": [{}] * 300}},
]


async def test_malformed_messages_are_answered_and_never_raise(room: Room) -> None:
    me = room.walkers[0]
    for frame in await me.tell(*MALFORMED):
        assert codes(frame) == ["malformed"]
    huge = {"type": "place", "side": "buy", "quantity": 10**400, "limit": "9" * 5000, "ref": "huge"}
    assert codes((await me.tell(huge))[0]) == ["quantity", "price"]
    assert (await me.order("buy", 1, "14", "still alive"))["type"] == "placed"


async def test_refused_and_cancelled_orders_are_kept_as_data(room: Room) -> None:
    me = room.walkers[0]
    placed = await me.order("buy", 2, "14", "placed")
    await me.tell({"type": "cancel", "order_id": placed["order"]["order_id"], "ref": "cancel"})
    await me.order("buy", "=1+1", "14", "refused")
    rows = {row["ref"]: row for row in await room.export("custom_export_orders")}
    assert rows["placed"]["outcome"] == "placed"
    assert rows["placed"]["cancelled"] == rows["cancel"]["received"]
    assert rows["cancel"]["outcome"] == "cancelled"
    assert (rows["refused"]["outcome"], rows["refused"]["codes"]) == ("refused", "quantity")
    assert rows["refused"]["quantity"] == '"=1+1"'  # quoted: a spreadsheet must not compute it


async def test_orders_count_on_the_trade_page_of_their_round_only(room: Room) -> None:
    me, other = room.walkers
    trade_socket = me.base + me.page.socket("live")
    async with me.http.ws_connect(trade_socket) as late:
        await me.reach("forecast")
        await late.send_json({"type": "place", "side": "buy", "quantity": 1, "limit": "14", "ref": "late"})
        await other.reach("forecast")
        await room.all_reach("results")
        assert me.page.view.result is not None
        assert me.page.view.result.volume == 0
    assert await room.export("custom_export_orders") == []


async def test_forecast_that_is_no_price_is_refused_beside_its_field(room: Room) -> None:
    me = room.walkers[0]
    await me.reach("forecast")
    for nonsense in ("a lot", "-1", "100.01", "NaN", "1e2", "1/2", "9" * 50, "14,5"):
        page = await me.submit(f0=nonsense)
        assert page.refused
        assert page.errors() == ["The forecast must be a number from 0 to 100, such as 14.50."]
    await me.submit(f0=" 14.50 ", f9="77", unknown="x")
    assert me.page.waiting
    rows = await room.export("custom_export_forecasts")
    assert [(row["horizon"], row["forecast"]) for row in rows] == [("0", "14.5")]


async def test_reloading_a_page_changes_nothing(room: Room) -> None:
    me: Walker = room.walkers[0]
    await me.order("sell", 1, "15", "stays")
    before = me.page.path
    first = (await me.open()).view
    assert me.page.path == before
    assert (await me.open()).view == first
