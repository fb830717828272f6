"""Whole sessions on a real server, walked by participants without browsers."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction

import aiohttp
import pytest

from markets.money import parse_money
from tests.otree_project.otree_walker import Room, Walker

pytestmark = pytest.mark.server

SHORT = {"practice_rounds": 1, "paid_rounds": 2, "forecast_horizons": "0, 1"}


async def play_round(room: Room, *, bid: str, offer: str) -> None:
    """The first trader bids for two shares, the second offers one, and all forecast 14."""
    await room.everybody(lambda walker: walker.reach("trade"))
    assert (await room.walkers[0].order("buy", 2, bid, "bid"))["type"] == "placed"
    assert (await room.walkers[1].order("sell", 1, offer, "offer"))["type"] == "placed"
    await room.everybody(lambda walker: walker.reach("forecast"))
    await room.everybody(lambda walker: walker.submit(f0="14", f1="15.5"))
    await room.all_reach("results")


async def test_whole_session_shows_every_page_in_its_order_and_clears_every_round(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 3, **SHORT)
    me = room.walkers[0]
    seen = [me.page.view.page]
    await me.submit(consent="True")
    seen.append(me.page.view.page)
    for _ in range(3):
        await room.everybody(lambda walker: walker.reach("trade"))
        await play_round(room, bid="15", offer="14")
        result = me.page.view.result
        assert result is not None
        assert (result.price, result.volume, result.bought) == (Decimal("14.5"), 1, 1)
        seen.append(me.page.view.page)
        await room.everybody(Walker.submit)
        seen.append(me.page.view.page)
        if me.page.view.page == "final":
            await room.everybody(Walker.submit)
            seen.append(me.page.view.page)
    assert seen == [
        *("consent", "instructions"),
        *("results", "final", "phase_start"),
        *("results", "trade"),
        *("results", "final", "payment"),
    ]
    assert "otree-btn-next" not in me.page.text


async def test_practice_is_reset_before_the_paid_rounds(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT)
    await play_round(room, bid="15", offer="14")
    practised = room.walkers[0].page.view.holdings
    assert practised is not None
    assert practised.shares == 5
    await room.everybody(Walker.submit)
    await room.everybody(Walker.submit)
    view = room.walkers[0].page.view
    assert view.page == "phase_start"
    assert view.holdings is not None
    assert (view.holdings.cash, view.holdings.shares) == (Decimal("100.00"), 4)
    assert [*view.history, *view.own, *view.forecasts] == []


async def test_cash_and_shares_are_conserved_in_the_exports(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 3, **SHORT)
    for _ in range(3):
        await play_round(room, bid="15.01", offer="14")
        await room.everybody(Walker.submit)
        if room.walkers[0].page.view.page == "final":
            await room.everybody(Walker.submit)
    markets = await room.export("custom_export_markets")
    traders = await room.export("custom_export_traders")
    assert len(markets) == 3
    for row in markets:
        before, after = parse_money(row["cash_before"]), parse_money(row["cash_after"])
        paid = parse_money(row["dividend"]) * 12
        assert after == before * Fraction(21, 20) + paid
        assert row["shares_outstanding"] == "12"
        own = [one for one in traders if one["overall"] == row["overall"]]
        assert (
            sum(int(one["bought"]) for one in own)
            == int(row["volume"])
            == sum(int(one["sold"]) for one in own)
        )
        assert sum(int(one["shares_after"]) for one in own) == 12
        assert sum(parse_money(one["cash_after"]) for one in own) == after


async def test_forecasts_are_scored_by_horizon_and_found_in_the_export(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT, forecast_tolerance="0.5")
    await play_round(room, bid="15", offer="14")  # practice: one round, so one horizon
    await room.everybody(Walker.submit)
    await room.everybody(Walker.submit)
    await play_round(room, bid="15", offer="14")
    await room.everybody(Walker.submit)
    pending = room.walkers[0].page.view.forecasts
    assert [(one.round, one.value) for one in pending] == [(2, Decimal("15.5"))]
    await play_round(room, bid="15", offer="14")
    result = room.walkers[0].page.view.result
    assert result is not None
    scored = [(one.made_in, one.value, one.reward) for one in result.forecasts]
    assert scored == [(1, Decimal("15.5"), Decimal(0)), (2, Decimal(14), Decimal(5))]
    rows = [row for row in await room.export("custom_export_forecasts") if row["seat"] == "1"]
    assert [(row["overall"], row["forecast"], row["price"], row["reward"]) for row in rows] == [
        ("1", "14", "14.5", "5"),
        ("2", "14", "14.5", "5"),
        ("2", "15.5", "14.5", "0"),
        ("3", "14", "14.5", "5"),
    ]


async def test_payoff_on_the_page_is_what_otree_pays(otree_server: str, http: aiohttp.ClientSession) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT, participation_fee="7.25")
    for walker in room.walkers:
        await walker.reach("forecast")
    for _ in range(3):
        await room.all_reach("results")
        await room.everybody(Walker.submit)
        if room.walkers[0].page.view.page == "final":
            await room.everybody(Walker.submit)
    async with http.post(f"{otree_server}/api/get_session/{room.code}", json={}) as response:
        paid = {one["code"]: one for one in (await response.json(content_type=None))["participants"]}
    for walker in room.walkers:
        view = walker.page.view
        assert view.page == "payment"
        assert view.final is not None
        in_currency = Decimal(str(paid[walker.code]["payoff_in_real_world_currency"]))
        assert view.final.payoff == in_currency + Decimal("7.25")


async def test_markets_of_one_session_do_not_see_each_other(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 4, **SHORT, traders_per_market=2)
    first, second = room.walkers[:2], room.walkers[2:]
    await room.everybody(lambda walker: walker.reach("trade"))
    await first[0].order("buy", 1, "20", "a")
    await first[1].order("sell", 1, "18", "a")
    for walker in first:  # the other market is not waited for
        await walker.reach("forecast")
        await walker.submit()
    for walker in first:
        await walker.reach("results")
    view = first[0].page.view
    assert view.market.traders == 2
    assert view.result is not None
    assert view.result.price == Decimal(19)
    assert second[0].page.view.page == "trade"
    for walker in second:
        await walker.reach("forecast")
        await walker.submit()
    for walker in second:
        await walker.reach("results")
    other = second[0].page.view.result
    assert other is not None
    assert (other.price, other.volume) == (Decimal(14), 0)
    assert {row["market"] for row in await room.export("custom_export_markets")} == {"1", "2"}


async def test_session_without_forecasts_has_no_forecast_page(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, practice_rounds=0, paid_rounds=1, forecast_horizons="")
    await room.everybody(lambda walker: walker.reach("trade"))
    await room.walkers[0].submit()
    assert room.walkers[0].page.waiting
    await room.walkers[1].submit()
    assert room.walkers[1].page.view.page == "results"


async def test_trader_who_leaves_is_carried_on_by_the_timers(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    timers = {"trade_seconds": 1, "forecast_seconds": 1}
    room = await Room.create(http, otree_server, 2, **{**SHORT, **timers})
    away, here = room.walkers
    await room.everybody(lambda walker: walker.reach("trade"))
    await away.order("buy", 1, "15", "standing")
    await away.submit(timeout_happened="1")
    assert away.page.view.page == "forecast"
    await away.submit(timeout_happened="1", f0="nonsense")
    assert away.page.waiting
    await here.order("sell", 1, "14", "standing")
    await here.reach("forecast")
    await here.submit(f0="14.5")
    await asyncio.gather(away.wait(), here.reach("results"))
    result = away.page.view.result
    assert result is not None
    assert (result.bought, result.forecasts) == (1, ())
    rows = {row["seat"]: row for row in await room.export("custom_export_traders")}
    assert (rows["1"]["trade_timed_out"], rows["1"]["forecast_timed_out"]) == ("1", "1")
    assert (rows["2"]["trade_timed_out"], rows["2"]["forecast_timed_out"]) == ("0", "0")


async def test_pages_without_timers_have_none(otree_server: str, http: aiohttp.ClientSession) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT, trade_seconds=0)
    await room.walkers[0].reach("phase_start")
    assert "var remainingTimeoutSeconds" in room.walkers[0].page.text
    await room.walkers[0].reach("trade")
    assert "var remainingTimeoutSeconds" not in room.walkers[0].page.text
    assert room.walkers[0].page.view.market.trade_seconds is None


async def test_nobody_goes_on_without_consent(otree_server: str, http: aiohttp.ClientSession) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT)
    for answer in ({}, {"consent": ""}, {"consent": "False"}):
        page = await room.walkers[0].submit(**answer)
        assert page.refused
        assert page.view.page == "consent"
        assert page.errors() == ["You can go on only if you agree to take part."]


async def test_instructions_tell_the_parameters_of_this_session(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(
        http,
        otree_server,
        2,
        **{
            **SHORT,
            "endowment_cash": "250.50",
            "interest_rate": "0.1",
            "buy_back": "7",
            "computer_traders": False,
        },
    )
    await room.walkers[0].submit(consent="True")
    text = room.walkers[0].page.text
    for told in ("250.50 cash", "10 %", "7.00 cash", "You receive 25.05 interest", "1 other trader"):
        assert told in text
    assert "computer program" not in text


async def test_data_block_cannot_end_its_own_script_element(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **SHORT)
    me = room.walkers[0]
    await me.reach("trade")
    ref = "</script><script>alert(1)</script>"
    assert (await me.order("buy", 1, "14", ref))["ref"] == ref
    assert (await me.order("buy", 1, "13", "half \ud800 a pair"))["type"] == "placed"
    await me.open()
    assert ref not in me.page.text
    assert [order.ref for order in me.page.view.open_orders] == [ref, "half ? a pair"]
