from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.adapters.models.limits import Budget, Pace
from bots.adapters.models.prices import Price, cost_usd
from bots.domain.chat import ModelFailed
from bots.domain.errors import FailureKind
from bots.domain.records import Usage
from tests.virtual_time import VirtualTime, clock, in_virtual_time


def pace(requests: int | None = None, tokens: int | None = None, concurrency: int = 100) -> Pace:
    return Pace(clock(), requests_per_minute=requests, tokens_per_minute=tokens, concurrency=concurrency)


@in_virtual_time
async def test_requests_are_spread_over_time_and_not_sent_in_a_herd() -> None:
    limits, sent = pace(requests=1200), list[float]()

    async def ask() -> None:
        async with limits.place(10, clock().monotonic() + 5):
            sent.append(clock().monotonic())

    await asyncio.gather(*(ask() for _ in range(30)))
    assert sent[19] == sent[0]  # 20 at once, then 20 a second
    assert sent[-1] - sent[0] == pytest.approx(0.5, abs=0.02)


@in_virtual_time
async def test_request_whose_place_comes_after_the_deadline_fails_at_once() -> None:
    limits, started = pace(requests=6), clock().monotonic()
    async with limits.place(1, started + 9):
        pass
    with pytest.raises(ModelFailed, match="past the deadline") as failed:
        async with limits.place(1, started + 9):
            pass
    assert failed.value.kind is FailureKind.UNAVAILABLE
    assert clock().monotonic() - started < 5


@in_virtual_time
async def test_no_more_requests_are_under_way_than_allowed() -> None:
    limits, under_way, most = pace(concurrency=3), 0, 0

    async def ask() -> None:
        nonlocal under_way, most
        async with limits.place(1, clock().monotonic() + 5):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.01)
            under_way -= 1

    await asyncio.gather(*(ask() for _ in range(12)))
    assert most == 3


@in_virtual_time
async def test_tokens_that_were_not_used_are_given_back_at_once_to_who_waits_for_them() -> None:
    limits, deadline = pace(tokens=2000), clock().monotonic() + 100
    async with limits.place(1500, deadline) as taken:
        waiting = asyncio.create_task(limits.place(1500, deadline).__aenter__())
        await asyncio.sleep(0.01)
        assert not waiting.done()
    limits.correct(taken, 500)
    await waiting
    assert clock().monotonic() < deadline - 99  # long before the minute would have brought them


@in_virtual_time
async def test_tokens_beyond_the_estimate_keep_the_next_request_back() -> None:
    limits, deadline = pace(tokens=2000), clock().monotonic() + 0.5
    async with limits.place(100, deadline) as taken:
        limits.correct(taken, 1990)
    with pytest.raises(ModelFailed, match="past the deadline"):
        async with limits.place(100, deadline):
            pass


@settings(max_examples=25)
@given(
    requests=st.integers(1, 300),
    tokens=st.integers(2000, 50_000),
    asks=st.lists(st.tuples(st.integers(1, 2000), st.integers(0, 40)), min_size=1, max_size=120),
)
def test_no_minute_passes_more_than_the_limits_allow(
    requests: int, tokens: int, asks: list[tuple[int, int]]
) -> None:
    """Bots come at any time with requests of any size and are served at the rate that is allowed."""
    loop = VirtualTime()
    limits = Pace(loop, requests_per_minute=requests, tokens_per_minute=tokens, concurrency=50)
    sent: list[tuple[float, int]] = []

    async def ask(size: int, after: int) -> None:
        await asyncio.sleep(after)
        async with limits.place(size, loop.monotonic() + 1e9):
            sent.append((loop.monotonic(), size))

    async def everybody() -> None:
        await asyncio.gather(*(ask(*one) for one in asks))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(everybody())
    for at, _ in sent:
        minute = [size for when, size in sent if at <= when < at + 59.99]
        assert len(minute) <= requests
        assert sum(minute) <= tokens
    needed = 60 * max(
        len(asks) / max(1, requests - 1), 1 + sum(size for size, _ in asks) / (tokens - 2000 + 1)
    )
    assert max(at for at, _ in sent) - 1000 <= 40 + 2 * needed


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500), st.booleans()), max_size=30),
    st.integers(0, 3000),
)
def test_budget_of_tokens_is_never_passed(requests: list[tuple[int, int, bool]], limit: int) -> None:
    async def spend() -> None:
        budget, held = Budget(max_tokens=limit), []
        for most, share, settle_now in requests:
            try:
                reservation = await budget.reserve(most, None, time.monotonic() - 1)
            except ModelFailed:
                continue
            held.append((reservation, Usage(input_tokens=min(share, most), output_tokens=0)))
            if settle_now:
                budget.settle(*held.pop())
            assert budget.spent.tokens <= limit
        for one in held:
            budget.settle(*one)
        assert budget.spent.tokens <= limit

    asyncio.run(spend())


@in_virtual_time
async def test_request_waits_for_what_others_have_set_aside_and_then_uses_it() -> None:
    budget, soon = Budget(max_cost_usd=Decimal(1)), clock().monotonic() + 5
    first = await budget.reserve(10, Decimal("0.80"), soon)
    second = asyncio.create_task(budget.reserve(10, Decimal("0.80"), soon))
    await asyncio.sleep(1)
    assert not second.done()
    budget.settle(first, Usage(input_tokens=5, output_tokens=5, cost_usd=Decimal("0.20")))
    budget.settle(await second, None)
    assert budget.spent.cost_usd == Decimal("0.20")


@in_virtual_time
async def test_request_that_finds_no_room_fails_at_its_deadline_and_one_that_never_could_at_once() -> None:
    budget, started = Budget(max_tokens=100), clock().monotonic()
    await budget.reserve(80, None, started + 5)
    with pytest.raises(ModelFailed, match="until the deadline") as failed:
        await budget.reserve(80, None, started + 30)
    assert failed.value.kind is FailureKind.OVER_BUDGET
    assert clock().monotonic() == pytest.approx(started + 30, abs=0.1)
    with pytest.raises(ModelFailed, match="limit of 100 tokens leaves no room"):
        await budget.reserve(101, None, started + 60)
    assert clock().monotonic() == pytest.approx(started + 30, abs=0.1)


async def test_reply_without_usage_counts_as_all_that_was_set_aside() -> None:
    budget = Budget(max_tokens=1000, max_cost_usd=Decimal(1))
    budget.settle(await budget.reserve(400, Decimal("0.25"), time.monotonic() + 1), Usage())
    assert (budget.spent.tokens, budget.spent.cost_usd) == (400, Decimal("0.25"))


async def test_model_without_a_price_cannot_run_under_a_limit_of_money() -> None:
    soon = time.monotonic() + 1
    with pytest.raises(ModelFailed, match="no price is known"):
        await Budget(max_cost_usd=Decimal(1)).reserve(10, None, soon)
    unlimited = Budget()
    unlimited.settle(await unlimited.reserve(10, None, soon), Usage(input_tokens=5, output_tokens=5))
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
