"""What is sent to a provider as models.toml says, and what its answers cost."""

from __future__ import annotations

import asyncio
import json
import re
import time
from decimal import Decimal
from pathlib import Path

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.limits import Budget
from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.market import Decision
from bots.domain.ports import DecisionMaker
from bots.domain.records import ModelAsked, ModelReplied, Usage
from bots.services.trader_checks import check_parameters
from bots.services.trader_specs import resolve
from bots.services.traders import Traders
from tests.agents.sights import sight, situation
from tests.models.asking import KEY, ask
from tests.standins.model_server import ModelServer


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-6", "mistral-large", "gemini-2.5-pro"])
async def test_count_of_tokens_that_is_none_is_unknown_and_counts_as_all_that_was_set_aside(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    counts = re.compile(rb'(900|"(?:input|prompt)_tokens": \d+)')
    server.damage = lambda document: counts.sub(
        lambda found: found[0].replace(b"900", b"-90000000"), json.dumps(document).encode()
    )
    budget = Budget(max_tokens=50_000)
    made, events = await ask(model, server, catalogue, budget=budget)
    assert isinstance(made, Decision)
    assert isinstance(events[1], ModelReplied)
    assert events[1].usage == Usage()
    assert 2048 < budget.spent.tokens <= 50_000


async def test_new_provider_is_one_table_of_models_toml(server: ModelServer, tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        f"""
        [providers.laboratory]
        kind = "openai-compatible"
        base_url = "{server.url}/v1"
        api_key_env = "LABORATORY_API_KEY"
        requests_per_minute = 120
        tokens_per_minute = 200000
        concurrency = 8

        [models."our-qwen"]
        provider = "laboratory"
        model = "qwen3-32b"
        temperature = 0
        reasoning_effort = "low"
        output = "prompted"
        """
    )
    catalogue = load_catalogue(path)
    for name in ("our-qwen", "laboratory:qwen3-32b"):
        spec = resolve(name, catalogue)
        await check_parameters([spec], catalogue)
        async with Traders(catalogue, {"LABORATORY_API_KEY": KEY}, SystemClock()) as traders:
            made = await traders.build(spec, 1).decide(
                situation(sight()), time.monotonic() + 5, lambda event: None
            )
        assert isinstance(made, Decision)
    first, second = (asked.body for asked in server.asked)
    assert {asked.headers["Authorization"] for asked in server.asked} == {f"Bearer {KEY}"}
    assert (first["model"], first["temperature"], first["reasoning_effort"]) == ("qwen3-32b", 0, "low")
    assert second["model"] == "qwen3-32b"
    assert "temperature" not in second


async def test_parameters_reach_the_provider(server: ModelServer, tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_text(
        """
        [providers.openai]
        kind = "openai"
        base_url_env = "OPENAI_BASE_URL"
        api_key_env = "OPENAI_API_KEY"
        [models.m]
        provider = "openai"
        model = "gpt-4o"
        temperature = 0.3
        top_p = 0.9
        seed = 7
        max_tokens = 321
        """
    )
    made, events = await ask("m", server, load_catalogue(path))
    assert isinstance(made, Decision)
    body = server.asked[0].body
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.3, 0.9, 7)
    assert body.get("max_completion_tokens", body.get("max_tokens")) == 321
    assert isinstance(events[0], ModelAsked)
    assert events[0].parameters["temperature"] == 0.3
    assert isinstance(events[1], ModelReplied)
    assert events[1].usage.cost_usd is None  # no price is known for a provider without a price table


async def test_run_at_its_token_limit_sends_nothing_more(server: ModelServer, catalogue: Catalogue) -> None:
    failed, _ = await ask("gpt-4o", server, catalogue, budget=Budget(max_tokens=1000))
    assert isinstance(failed, DecisionFailed)
    assert failed.kind is FailureKind.OVER_BUDGET
    assert server.asked == []


async def test_limit_of_money_holds_for_traders_that_ask_at_once(
    server: ModelServer, catalogue: Catalogue
) -> None:
    server.delay = 0.05
    budget = Budget(max_cost_usd=Decimal("0.05"))
    async with Traders(catalogue, server.environment(KEY), SystemClock(), budget) as traders:
        makers = [traders.build(resolve("gpt-4o", catalogue), seed) for seed in range(12)]
        deadline = time.monotonic() + 5
        outcomes = await asyncio.gather(
            *(maker.decide(situation(sight()), deadline, lambda event: None) for maker in makers),
            return_exceptions=True,
        )
    failed = [one for one in outcomes if isinstance(one, DecisionFailed)]
    assert 0 < len(failed) < 12
    assert {one.kind for one in failed} == {FailureKind.OVER_BUDGET}
    assert Decimal("0.01") < budget.spent.cost_usd <= Decimal("0.05")
    assert budget.spent.tokens == 960 * (12 - len(failed))


async def test_hundred_traders_at_once_cost_what_they_cost_one_after_another(
    server: ModelServer, catalogue: Catalogue
) -> None:
    """The processor time of a decision does not grow with those who decide beside it."""
    async with Traders(catalogue, server.environment(KEY), SystemClock()) as traders:
        makers = [traders.build(resolve("gpt-4o", catalogue), seed) for seed in range(100)]

        async def decide(maker: DecisionMaker) -> None:
            await maker.decide(situation(sight()), time.monotonic() + 60, lambda event: None)

        await decide(makers[0])
        began = time.process_time()
        for maker in makers[:10]:
            await decide(maker)
        alone = (time.process_time() - began) / 10
        server.delay = 0.05
        began = time.process_time()
        await asyncio.gather(*map(decide, makers))
        beside = (time.process_time() - began) / len(makers)
    assert beside < 5 * alone
