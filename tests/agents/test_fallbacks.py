from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.agents.fallbacks import FALLBACKS, LastPlan, planned_orders
from bots.agents.rules import decision_faults, order_text
from bots.domain.market import Decision, MarketView
from bots.domain.ports import Remembered
from tests.agents.sights import sight, situation


async def decide(seen: MarketView, *plans: str | None) -> Decision:
    memory = [Remembered("paid", number, plan) for number, plan in enumerate(plans, start=1)]
    return await LastPlan(1).decide(situation(seen, *memory), time.monotonic() + 1, lambda event: None)


def orders(decision: Decision) -> list[str]:
    return [order_text(order) for order in decision.orders]


@pytest.mark.parametrize(
    ("plan", "read"),
    [
        ("Buy 2 at 13.50.", ["buy 2 at 13.50"]),
        ("Next I will buy 1 share @ 13 and sell 2 shares at $15.25!", ["buy 1 at 13", "sell 2 at 15.25"]),
        ("sell 3 for 14; BUY 1 at 12", ["sell 3 at 14", "buy 1 at 12"]),
        ("If the price falls, buy 2 at 13. Sell 1 at 15.", ["sell 1 at 15"]),
        ("Do not buy 2 at 13.", []),
        ("Buy low, sell high.", []),
        ("Buy 0 at 13.", []),
        ("Buy 2 at 13.50.7", []),
        ("", []),
    ],
)
def test_plan_is_read_where_it_states_orders_without_a_condition(plan: str, read: list[str]) -> None:
    assert [order_text(order) for order in planned_orders(plan)] == read


async def test_latest_plan_is_acted_on_and_orders_the_server_would_refuse_are_left_out() -> None:
    page = sight("trade", "14.00")
    assert orders(await decide(page, "Sell 1 at 20.", "Buy 1 at 13. Buy 99 at 50. Sell 1 at 12.", None)) == [
        "buy 1 at 13"
    ]


async def test_without_a_plan_it_holds() -> None:
    assert (await decide(sight())).orders == ()
    assert (await decide(sight(), "Wait and see.")).orders == ()


async def test_forecasts_are_those_of_hold() -> None:
    page = sight("forecast", "14.00", "15.00")
    assert {one.value for one in (await decide(page, "Buy 1 at 13.")).forecasts} == {Decimal("15.00")}


@given(st.text(alphabet="buysel 0123456789.@at,;\n", max_size=300))
async def test_whatever_a_plan_says_the_server_would_accept_the_orders(plan: str) -> None:
    page = sight("trade", "14.00")
    assert list(decision_faults(page, await decide(page, plan, "buy 1 at 9 sell 1 at 30 " + plan))) == []


async def test_every_fallback_answers_every_page_at_once() -> None:
    for make in FALLBACKS.values():
        for page in (sight(), sight("forecast")):
            made = await make(1).decide(situation(page), time.monotonic(), lambda event: None)
            assert list(decision_faults(page, made)) == []
