"""Types of traders, rounds that differ and markets in a row, on a real server."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import aiohttp
import pytest

from markets.money import parse_money
from tests.otree_project.otree_walker import Room, Walker

pytestmark = pytest.mark.server

EXPERIENCE = {
    "practice_rounds": 0,
    "paid_rounds": 2,
    "paid_markets": 2,
    "endowment_cash": "10, 20",
    "endowment_shares": "2, 1",
    "dividends": "1; 3",
    "dividend_weights": "1; 1",
    "interest_rate": "0; 0.10",
    "buy_back": "0",
    "forecast_horizons": "0, 1",
}


async def test_two_markets_in_a_row_by_two_types_of_traders_pay_what_their_schedules_say(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **EXPERIENCE)
    rules = [walker.page.view.market for walker in room.walkers]
    assert [(one.endowment_cash, one.endowment_shares) for one in rules] == [
        (Decimal(10), 2),
        (Decimal(20), 1),
    ]
    await room.walkers[1].submit(consent="True")
    told = " ".join(room.walkers[1].page.text.split())
    assert "<strong>2 markets</strong> in a row" in told
    assert "<td>2</td><td>3.00 cash</td><td>10 %</td>" in told
    for overall in range(1, 5):
        await room.all_reach("results")
        result = room.walkers[0].page.view.result
        assert result is not None
        assert result.dividends == (6 if overall % 2 == 0 else 2)
        await room.everybody(Walker.submit)
        if overall == 2:
            final = room.walkers[0].page.view.final
            assert final is not None
            assert final.final_wealth == Decimal("19.20")  # (10 + 2) · 1.10 + 6
            await room.everybody(Walker.submit)
            start = room.walkers[0].page.view
            assert (start.page, start.history) == ("phase_start", ())
            assert start.holdings is not None
            assert start.holdings.cash == 10
    final = room.walkers[1].page.view.final
    assert final is not None
    # (20 + 1) · 1.10 + 3 in each market; 0.005 of the currency a point, and a fee of 5
    assert (final.earlier_markets, final.payoff) == (Decimal("26.10"), Decimal("5.26"))
    await room.everybody(Walker.submit)
    assert "Earned in earlier markets" in room.walkers[1].page.text
    rows = await room.export("custom_export_traders")
    assert [(row["in_a_row"], row["round"]) for row in rows if row["seat"] == "1"] == [
        *(("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"))
    ]
    payments = await room.export("custom_export_payments", "market_end")
    assert [parse_money(row["payoff_points"]) for row in payments] == [Fraction("38.40"), Fraction("52.20")]


async def test_a_double_auction_of_two_markets_in_a_row_pays_both(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {"preset": "dlm2005", "paid_rounds": 1, "paid_markets": 2, "trade_seconds": 0}
    room = await Room.create(http, otree_server, 2, **config)
    shares = [walker.page.view.market.endowment_shares for walker in room.walkers]
    assert shares == [6, 2]
    for market in (1, 2):
        await room.all_reach("trade")
        await room.everybody(Walker.submit)
        await room.all_reach("final")
        assert f"End of market {market}" in room.walkers[0].page.text
        assert ("Your payment" in room.walkers[0].page.text) is (market == 2)
        await room.everybody(Walker.submit)
        if market == 1:
            assert "Market 2 of 2" in room.walkers[0].page.text
    rows = await room.export("custom_export_traders", "double_auction")
    paid = sum(parse_money(row["cash_after"]) for row in rows if row["seat"] == "1")
    payments = await room.export("custom_export_payments", "market_end")
    assert parse_money(payments[0]["payoff_points"]) == paid
    final = room.walkers[0].page.view.final
    assert final is not None
    assert final.earlier_markets + final.final_wealth == paid
