"""Models of every provider against a local server that speaks its protocol, with every fault it may have."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import re
import time
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import exceptions as failures

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.providers import _judge
from bots.adapters.models.scripted import ScriptedModel
from bots.agents.llm import LlmTrader
from bots.domain.chat import ModelFailed
from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.market import Decision
from bots.domain.ports import DecisionMaker
from bots.domain.records import EVENTS, Event, ModelAsked, ModelReplied, Usage
from bots.services.traders import Budget, Traders, check_parameters, resolve
from tests.agents.sights import sight, situation
from tests.standins.model_server import SERVED_MODEL, Fault, ModelServer, repaired_answer

KEY = "sk-stand-in-0123456789abcdef"
MODELS = [
    "gpt-4o",
    "gpt-3.5",
    "gpt-5",
    "claude-sonnet-4-6",
    "mistral-large",
    "gemini-2.5-pro",
    "grok-4",
    "local",
]
ONE_A_PROVIDER = ["gpt-4o", "claude-sonnet-4-6", "mistral-large", "gemini-2.5-pro", "grok-4"]
KINDS = {
    Fault.HANG: FailureKind.TIMEOUT,
    Fault.ENDLESS: FailureKind.TIMEOUT,
    Fault.KEY_REFUSED: FailureKind.REJECTED,
    Fault.FORBIDDEN: FailureKind.REJECTED,
    Fault.NO_SUCH_MODEL: FailureKind.REJECTED,
    Fault.BAD_REQUEST: FailureKind.REJECTED,
    Fault.LATER: FailureKind.UNAVAILABLE,
    Fault.BROKEN: FailureKind.UNAVAILABLE,
    Fault.OVERLOADED: FailureKind.UNAVAILABLE,
    Fault.DROPPED: FailureKind.UNAVAILABLE,
    Fault.CUT: FailureKind.BAD_REPLY,
    Fault.CUT_BODY: FailureKind.BAD_REPLY,
    Fault.PROSE: FailureKind.BAD_REPLY,
    Fault.WRONG_SCHEMA: FailureKind.BAD_REPLY,
    Fault.REFUSAL: FailureKind.REFUSAL,
    Fault.HUGE: FailureKind.BAD_REPLY,
}
FAULTS_BY_MODEL = [
    (model, fault)
    for model in ONE_A_PROVIDER
    for fault in KINDS
    if (model, fault) != ("mistral-large", Fault.REFUSAL)  # its protocol has no word for a refusal
]
AT_ONCE = {
    Fault.KEY_REFUSED,
    Fault.FORBIDDEN,
    Fault.NO_SUCH_MODEL,
    Fault.BAD_REQUEST,
    Fault.LATER,
    Fault.HUGE,
}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Path("bots/config/models.toml"))


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


async def ask(
    model: str,
    server: ModelServer,
    catalogue: Catalogue,
    *,
    seconds: float = 5.0,
    budget: Budget | None = None,
    page: str = "trade",
) -> tuple[Decision | DecisionFailed, list[Event]]:
    """One decision of a model behind the server, and what was recorded."""
    events: list[Event] = []
    async with Traders(catalogue, server.environment(KEY), SystemClock(), budget) as traders:
        trader = traders.build(resolve(model, catalogue), seed=1)
        seen = sight("trade" if page == "trade" else "forecast")
        try:
            made = await trader.decide(situation(seen), time.monotonic() + seconds, events.append)
        except DecisionFailed as failed:
            return failed, events
        return made, events


@pytest.mark.parametrize("page", ["trade", "forecast"])
@pytest.mark.parametrize("model", MODELS)
async def test_model_of_every_provider_decides_and_its_exchange_is_recorded(
    model: str, page: str, server: ModelServer, catalogue: Catalogue
) -> None:
    made, events = await ask(model, server, catalogue, page=page)
    assert isinstance(made, Decision), made
    assert len(made.orders if page == "trade" else made.forecasts) == (1 if page == "trade" else 4)
    asked, replied = events
    assert isinstance(asked, ModelAsked)
    assert isinstance(replied, ModelReplied)
    assert asked.model == resolve(model, catalogue).name
    assert replied.served_model == SERVED_MODEL
    assert (replied.usage.input_tokens, replied.usage.output_tokens) == (900, 60)
    assert replied.usage.cost_usd is not None
    assert "The price looks fair." in str(replied.reply)
    assert not server.asked[0].body.get("stream")


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_model_of_every_provider_repairs_an_order_it_is_told_about(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    server.answer = repaired_answer
    made, _ = await ask(model, server, catalogue)
    assert isinstance(made, Decision)
    assert len(server.asked) == 2


@pytest.mark.parametrize(("model", "fault"), FAULTS_BY_MODEL, ids=str)
async def test_every_fault_is_its_own_failure_before_the_deadline(
    model: str, fault: Fault, server: ModelServer, catalogue: Catalogue
) -> None:
    server.script = [fault] * 20
    started = time.monotonic()
    # What fails at once has time to do so on a busy machine; the rest is ended by the deadline.
    seconds = 10.0 if fault in AT_ONCE else 0.6
    failed, events = await ask(model, server, catalogue, seconds=seconds)
    assert isinstance(failed, DecisionFailed), failed
    assert failed.kind is KINDS[fault], failed
    assert time.monotonic() - started < 10.0
    asked = [event for event in events if isinstance(event, ModelAsked)]
    replied = [event for event in events if isinstance(event, ModelReplied)]
    assert len(asked) == len(replied) == len(server.asked)
    assert fault not in AT_ONCE or len(asked) == 1
    assert all(len(event.model_dump_json()) < 20_000 for event in replied)


@pytest.mark.parametrize("model", ["gpt-4o", "grok-4"])
async def test_used_up_credit_is_not_waited_for(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    server.script = [Fault.NO_CREDIT]
    failed, events = await ask(model, server, catalogue)
    assert isinstance(failed, DecisionFailed)
    assert failed.kind is FailureKind.REJECTED
    assert len(events) == 2


@pytest.mark.parametrize(
    "words",
    [
        "Your credit balance is too low to access the Anthropic API.",
        "Your team has either used all available credits or reached its monthly spending limit.",
        "Insufficient credits. Add more at the console.",
    ],
)
async def test_used_up_account_is_known_by_its_words(words: str) -> None:
    error = failures.ModelHTTPError(429, "m", {"error": {"message": words}})
    assert _judge(error) == (FailureKind.REJECTED, None)


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_short_retry_after_is_waited_for_and_both_attempts_are_recorded(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    server.script = [Fault.SOON]
    started = time.monotonic()
    made, events = await ask(model, server, catalogue)
    assert isinstance(made, Decision)
    assert time.monotonic() - started >= 1.0
    assert len(events) == 4


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_key_is_found_nowhere(
    model: str, server: ModelServer, catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = server.environment(KEY)
    server.script = [Fault.BROKEN, Fault.KEY_REFUSED]
    async with Traders(catalogue, environment, SystemClock()) as traders:
        trader = traders.build(resolve(model, catalogue), seed=1)
        events: list[Event] = []
        with pytest.raises(DecisionFailed) as failed:
            await trader.decide(situation(sight()), time.monotonic() + 5, events.append)
        everything = [
            *(EVENTS.dump_json(event).decode() for event in events),
            *(f"{vars(record)}" for record in caplog.records),
            repr(trader),
            repr(vars(trader)),
            repr(traders),
            repr(vars(traders)),
            repr(failed.value),
            _our_frames(failed.value),
        ]
    assert any(KEY in str(asked.headers) for asked in server.asked)
    assert "[key]" in "".join(everything)
    assert not [text for text in everything if KEY in text]


def _our_frames(error: BaseException) -> str:
    """The traceback below the test, with every local variable and every chained error."""
    told: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.TracebackException.from_exception(
            seen, capture_locals=True, max_group_width=0
        ).stack
        told += [f"{frame.name} {frame.locals}" for frame in frames if "/tests/" not in frame.filename]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(told)


NO_REPLIES = [b"", b"null", b"[]", b"{}", b"<html>", b"\xff", b"1" * 9000, b"[" * 90_000, b'{"a":' * 40_000]
JUNK = [None, True, -1, 1e308, "", [], {}, [None], {"a": 1}, 10**30, "\ud800"]


@pytest.mark.parametrize("model", ONE_A_PROVIDER)
async def test_reply_of_any_other_form_ends_its_decision_and_nothing_else(
    model: str, server: ModelServer, catalogue: Catalogue
) -> None:
    """What is no reply at all, then replies with any one of their values taken out or replaced."""
    draw = random.Random(model)
    spec = resolve(model, catalogue)
    assert spec.model is not None
    provider = catalogue.providers[spec.model.provider].model_copy(update={"spread_seconds": 0})
    catalogue = catalogue.model_copy(update={"providers": {spec.model.provider: provider}})
    spec = replace(spec, model=spec.model.model_copy(update={"reasks": 0}))
    async with Traders(catalogue, server.environment(KEY), SystemClock()) as traders:
        trader = traders.build(spec, seed=1)
        for body in NO_REPLIES:
            server.damage = lambda document, body=body: body
            failed = await outcome_of(trader)
            assert isinstance(failed, DecisionFailed)
            assert failed.kind is FailureKind.BAD_REPLY
        server.damage = lambda document: damaged(document, draw)
        for _ in range(60):
            made = await outcome_of(trader)
            assert isinstance(made, Decision) or made.kind in {FailureKind.BAD_REPLY, FailureKind.REFUSAL}


async def outcome_of(trader: DecisionMaker) -> Decision | DecisionFailed:
    """One decision, each of whose events can be written."""
    try:
        return await trader.decide(situation(sight()), time.monotonic() + 5, write)
    except DecisionFailed as failed:
        return failed


def write(event: Event) -> None:
    EVENTS.dump_json(event)


def damaged(document: dict[str, Any], draw: random.Random) -> bytes:
    """The document with one value anywhere in it taken out or replaced."""
    inner: Any = document
    while True:
        key = draw.choice(list(inner) if isinstance(inner, dict) else range(len(inner)))
        if not (isinstance(inner[key], dict | list) and inner[key]) or draw.random() < 0.2:
            break
        inner = inner[key]
    if draw.random() < 0.2:
        del inner[key]
    else:
        inner[key] = draw.choice(JUNK)
    return json.dumps(document).encode()


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


async def test_request_that_may_have_been_billed_counts_against_the_limits(
    server: ModelServer, catalogue: Catalogue
) -> None:
    spent = {}
    for fault in (Fault.BROKEN, Fault.LATER, Fault.DROPPED, Fault.HANG):
        server.script, budget = [fault] * 9, Budget(max_tokens=1_000_000)
        await ask("gpt-4o", server, catalogue, seconds=0.4, budget=budget)
        spent[fault] = budget.spent.tokens
    assert (spent[Fault.BROKEN], spent[Fault.LATER]) == (0, 0)
    assert min(spent[Fault.DROPPED], spent[Fault.HANG]) > 2048


def test_traders_that_are_told_the_same_time_do_not_come_back_together() -> None:
    told = ModelFailed(FailureKind.UNAVAILABLE, "too many requests", retry_after=2.0)
    far = time.monotonic() + 60
    pauses = {LlmTrader(ScriptedModel(), SystemClock(), seed)._pause(told, 1, far) for seed in range(24)}
    assert len(pauses) == 24
    assert min(pauses) >= 2.0


async def test_long_unusable_answer_does_not_go_back_whole(server: ModelServer, catalogue: Catalogue) -> None:
    server.script = ["buy " * 100_000]
    made, _ = await ask("gpt-4o", server, catalogue)
    assert isinstance(made, Decision)
    assert len(server.asked[1].text) < 30_000


async def test_library_that_turned_its_log_on_is_quiet_again(
    server: ModelServer, catalogue: Catalogue
) -> None:
    async with Traders(catalogue, server.environment(KEY), SystemClock()) as traders:
        traders.build(resolve("gpt-4o", catalogue), 1)
        logging.getLogger("openai").setLevel(logging.DEBUG)
        traders.build(resolve("gpt-4.1", catalogue), 1)
        assert not logging.getLogger("openai._base_client").isEnabledFor(logging.INFO)


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


async def test_key_that_a_reply_repeats_is_cut_out(server: ModelServer, catalogue: Catalogue) -> None:
    server.script = [f"Your key is {KEY}."] * 3
    _, events = await ask("gpt-4o", server, catalogue)
    assert KEY not in "".join(event.model_dump_json() for event in events)


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


async def test_hundred_traders_at_once_cost_little(server: ModelServer, catalogue: Catalogue) -> None:
    """The layer's CPU for one decision stays under 20 ms, the stand-in's own included."""
    server.delay = 0.05
    async with Traders(catalogue, server.environment(KEY), SystemClock()) as traders:
        makers = [traders.build(resolve("gpt-4o", catalogue), seed) for seed in range(100)]
        await makers[0].decide(situation(sight()), time.monotonic() + 5, lambda event: None)
        busy, deadline = time.process_time(), time.monotonic() + 20
        await asyncio.gather(
            *(maker.decide(situation(sight()), deadline, lambda event: None) for maker in makers)
        )
    assert (time.process_time() - busy) / 100 < 0.020
