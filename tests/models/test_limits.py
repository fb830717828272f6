from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.clock import SystemClock
from bots.adapters.models.limits import Budget, Pace
from bots.adapters.models.prices import Price, cost_usd
from bots.domain.chat import ModelFailed
from bots.domain.errors import FailureKind
from bots.domain.records import Usage


def pace(requests: int | None = None, tokens: int | None = None, concurrency: int = 100) -> Pace:
    return Pace(
        SystemClock(), requests_per_minute=requests, tokens_per_minute=tokens, concurrency=concurrency
    )


async def test_requests_are_spread_over_time_and_not_sent_in_a_herd() -> None:
    limits, sent = pace(requests=1200), list[float]()

    async def ask() -> None:
        async with limits.place(10, time.monotonic() + 5):
            sent.append(time.monotonic())

    await asyncio.gather(*(ask() for _ in range(30)))
    assert 0.4 < sent[-1] - sent[0] < 1.5  # 20 at once, then 20 a second
    assert sent[19] - sent[0] < 0.2


async def test_request_whose_place_comes_after_the_deadline_fails_at_once() -> None:
    limits, started = pace(requests=6), time.monotonic()
    async with limits.place(1, started + 1):
        pass
    with pytest.raises(ModelFailed, match="past the deadline") as failed:
        async with limits.place(1, started + 1):
            pass
    assert failed.value.kind is FailureKind.UNAVAILABLE
    assert time.monotonic() - started < 0.5


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    limits, under_way, most = pace(concurrency=3), 0, 0

    async def ask() -> None:
        nonlocal under_way, most
        async with limits.place(1, time.monotonic() + 5):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1

    await asyncio.gather(*(ask() for _ in range(12)))
    assert most == 3


async def test_tokens_that_were_not_used_are_given_back() -> None:
    limits, deadline = pace(tokens=6000), time.monotonic() + 0.3
    for _ in range(10):
        async with limits.place(1500, deadline):
            pass
        limits.correct(1500, 0)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500), st.booleans()), max_size=30),
    st.integers(0, 3000),
)
def test_budget_of_tokens_is_never_passed(requests: list[tuple[int, int, bool]], limit: int) -> None:
    budget, held = Budget(max_tokens=limit), []
    for most, share, settle_now in requests:
        try:
            reservation = budget.reserve(most, None)
        except ModelFailed:
            continue
        held.append((reservation, Usage(input_tokens=min(share, most), output_tokens=0)))
        if settle_now:
            budget.settle(*held.pop())
        assert budget.spent.tokens <= limit
    for one in held:
        budget.settle(*one)
    assert budget.spent.tokens <= limit


def test_reply_without_usage_counts_as_all_that_was_set_aside() -> None:
    budget = Budget(max_tokens=1000, max_cost_usd=Decimal(1))
    budget.settle(budget.reserve(400, Decimal("0.25")), Usage())
    assert (budget.spent.tokens, budget.spent.cost_usd) == (400, Decimal("0.25"))


def test_model_without_a_price_cannot_run_under_a_limit_of_money() -> None:
    with pytest.raises(ModelFailed, match="no price is known"):
        Budget(max_cost_usd=Decimal(1)).reserve(10, None)
    unlimited = Budget()
    unlimited.settle(unlimited.reserve(10, None), Usage(input_tokens=5, output_tokens=5))
    assert unlimited.spent.unpriced == 1


def test_unknown_price_is_unknown_and_never_nothing() -> None:
    used = Usage(input_tokens=1000, output_tokens=100)
    assert cost_usd(used, own=None, provider="openai", model="nobody-knows") is None
    assert cost_usd(used, own=None, provider=None, model="gpt-4o") is None
    assert cost_usd(Usage(), own=Price(Decimal(1), Decimal(1)), provider=None, model="m") is None
    listed = cost_usd(used, own=None, provider="openai", model="gpt-4o-2024-08-06")
    assert listed is not None
    assert listed > 0
    own = Price(Decimal("2.50"), Decimal(10))
    assert cost_usd(used, own=own, provider=None, model="m") == Decimal("0.0035")
