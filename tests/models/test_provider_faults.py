"""Every fault a provider may have is a failure of its own, and of one decision."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import exceptions as failures

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue, load_catalogue
from bots.adapters.models.limits import Budget
from bots.adapters.models.providers import _judge
from bots.adapters.models.scripted import ScriptedModel
from bots.agents.llm import LlmTrader
from bots.domain.chat import ModelFailed
from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.market import Decision
from bots.domain.ports import DecisionMaker
from bots.domain.records import EVENTS, Event, ModelAsked, ModelReplied
from bots.services.trader_specs import resolve
from bots.services.traders import Traders
from tests.agents.sights import sight, situation
from tests.models.asking import KEY, ONE_A_PROVIDER, ask
from tests.standins.model_server import Fault, ModelServer

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
    """The shipped models, of whose providers none spreads the first requests of a page."""
    shipped = load_catalogue(Path("bots/config/models.toml"))
    at_once = {
        name: provider.model_copy(update={"spread_seconds": 0})
        for name, provider in shipped.providers.items()
    }
    return shipped.model_copy(update={"providers": at_once})


SILENT = {Fault.HANG, Fault.ENDLESS}  # only the deadline ends them
PASSING = {Fault.BROKEN, Fault.OVERLOADED, Fault.DROPPED}  # tried again until the next try comes too late


class Hurried(SystemClock):
    """A clock by which the deadline is near once a server was asked twice, on a machine of any speed."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._before = len(server.asked)

    def monotonic(self) -> float:
        return super().monotonic() + (FAR if len(self._server.asked) >= self._before + 2 else 0.0)


FAR = 60.0


async def failure_of(
    model: str, fault: Fault, server: ModelServer, catalogue: Catalogue, budget: Budget | None = None
) -> tuple[Decision | DecisionFailed, list[Event]]:
    """Ask while a fault lasts: a silent server for a moment, any other one as long as it takes."""
    clock = Hurried(server) if fault in PASSING else SystemClock()
    seconds = 0.5 if fault in SILENT else FAR
    return await ask(model, server, catalogue, seconds=seconds, budget=budget, clock=clock)


@pytest.mark.parametrize(("model", "fault"), FAULTS_BY_MODEL, ids=str)
async def test_every_fault_is_its_own_failure_before_the_deadline(
    model: str, fault: Fault, server: ModelServer, catalogue: Catalogue
) -> None:
    server.script = [fault] * 20
    failed, events = await failure_of(model, fault, server, catalogue)
    assert isinstance(failed, DecisionFailed), failed
    assert failed.kind is KINDS[fault], failed
    asked = [event for event in events if isinstance(event, ModelAsked)]
    replied = [event for event in events if isinstance(event, ModelReplied)]
    assert len(asked) == len(replied)
    assert (
        len(asked) == len(server.asked) or fault in SILENT
    )  # one that came too late to be sent is recorded too
    assert fault not in AT_ONCE or len(asked) == 1
    assert fault not in PASSING or len(asked) == 2
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


async def test_request_that_may_have_been_billed_counts_against_the_limits(
    server: ModelServer, catalogue: Catalogue
) -> None:
    spent = {}
    for fault in (Fault.BROKEN, Fault.LATER, Fault.DROPPED, Fault.HANG):
        server.script, budget = [fault] * 9, Budget(max_tokens=1_000_000)
        await failure_of("gpt-4o", fault, server, catalogue, budget)
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
