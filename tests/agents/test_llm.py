from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from bots.adapters.models.scripted import ScriptedModel
from bots.agents.llm import LlmTrader
from bots.domain.chat import Finish, Message, ModelFailed, Reply
from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.market import Decision
from bots.domain.records import Event, ModelAsked, ModelReplied, Usage
from tests.agents.sights import sight, situation
from tests.virtual_time import clock, in_virtual_time

HOLD = json.dumps({"reasoning": "r", "insight": "", "plan": "p", "orders": []})
SHORT = json.dumps({"orders": [{"side": "sell", "quantity": 9, "price": 14}]})
USAGE = Usage(input_tokens=900, output_tokens=60, cost_usd=Decimal("0.01"))
MOST = Usage(input_tokens=4000, output_tokens=400, cost_usd=Decimal("0.05"))

Step = str | Reply | Exception | Callable[[], Awaitable[Reply]]


class FakeModel:
    """Answers from a list; the last step is repeated."""

    name = "fake:model-1"

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.asked: list[tuple[Message, ...]] = []
        self.parameters: Mapping[str, Any] = {"temperature": 0.5}

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        return MOST

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        self.asked.append(tuple(messages))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        if isinstance(step, str):
            return Reply(step, "model-1-served", USAGE, seconds=0.5)
        return step if isinstance(step, Reply) else await step()


async def decide(model: FakeModel, seconds: float = 2.0) -> tuple[Decision | DecisionFailed, list[Event]]:
    events: list[Event] = []
    trader = LlmTrader(model, clock(), seed=1)
    try:
        made = await trader.decide(situation(sight()), clock().monotonic() + seconds, events.append)
    except DecisionFailed as failed:
        return failed, events
    return made, events


def kind(outcome: Decision | DecisionFailed) -> FailureKind:
    assert isinstance(outcome, DecisionFailed)
    return outcome.kind


def failure(retry_after: float | None, kind: FailureKind = FailureKind.UNAVAILABLE) -> ModelFailed:
    return ModelFailed(kind, "no", retry_after=retry_after)


@in_virtual_time
async def test_decision_keeps_prompt_raw_reply_served_model_and_cost() -> None:
    made, events = await decide(FakeModel(HOLD))
    assert made == Decision(plan="p", reasoning="r")
    asked, replied = events
    assert isinstance(asked, ModelAsked)
    assert isinstance(replied, ModelReplied)
    assert asked.model == "fake:model-1"
    assert asked.parameters == {"temperature": 0.5}
    assert "[system]\nYou are a trader" in asked.prompt
    assert "[user]\nTRADE PAGE: paid round 1 of 30" in asked.prompt
    assert (replied.reply, replied.served_model, replied.seconds) == (HOLD, "model-1-served", 0.5)
    assert replied.usage == USAGE


@in_virtual_time
async def test_request_is_recorded_before_it_is_sent() -> None:
    events: list[Event] = []

    async def look() -> Reply:
        assert [type(event) for event in events] == [ModelAsked]
        return Reply(HOLD, None, USAGE, 0.1)

    await LlmTrader(FakeModel(look), clock(), 1).decide(
        situation(sight()), clock().monotonic() + 1, events.append
    )
    assert len(events) == 2


@in_virtual_time
async def test_model_is_told_what_is_wrong_and_its_repair_is_taken() -> None:
    model = FakeModel(SHORT, HOLD)
    made, events = await decide(model)
    assert isinstance(made, Decision)
    assert [message.role for message in model.asked[1]] == ["system", "user", "assistant", "user"]
    assert "short sales are not allowed" in model.asked[1][-1].text
    asked = [event for event in events if isinstance(event, ModelAsked)]
    assert [event.attempt for event in asked] == [1, 2]
    assert asked[1].prompt == "[user]\n" + model.asked[1][-1].text
    assert asked[0].prompt_hash != asked[1].prompt_hash


@in_virtual_time
async def test_answers_that_stay_unusable_fail_the_decision_after_two_more_attempts() -> None:
    model = FakeModel(SHORT)
    failed, events = await decide(model)
    assert kind(failed) is FailureKind.BAD_REPLY
    assert "short sales" in str(failed)
    assert len(model.asked) == 3
    assert len(events) == 6


@in_virtual_time
async def test_cut_answer_is_asked_for_in_fewer_words() -> None:
    model = FakeModel(Reply(HOLD[:20], None, USAGE, 0.1, Finish.CUT), HOLD)
    assert isinstance((await decide(model))[0], Decision)
    assert "fewer words" in model.asked[1][-1].text


@in_virtual_time
async def test_refusal_is_its_own_outcome_and_is_not_argued_with() -> None:
    model = FakeModel(Reply("I cannot.", None, USAGE, 0.1, Finish.REFUSED))
    assert kind((await decide(model))[0]) is FailureKind.REFUSAL
    assert len(model.asked) == 1


@in_virtual_time
async def test_passing_failure_is_waited_out_and_every_attempt_is_recorded() -> None:
    made, events = await decide(FakeModel(failure(0.0), failure(0.0), HOLD))
    assert isinstance(made, Decision)
    asked = [event for event in events if isinstance(event, ModelAsked)]
    assert [event.attempt for event in asked] == [1, 2, 3]
    assert [event.prompt for event in asked][1:] == ["", ""]
    assert [event.error is None for event in events if isinstance(event, ModelReplied)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("wait", [None, 3600.0])
@in_virtual_time
async def test_failure_that_outlasts_the_deadline_fails_at_once(wait: float | None) -> None:
    started = clock().monotonic()
    failed, events = await decide(FakeModel(failure(wait)), seconds=60)
    assert kind(failed) is FailureKind.UNAVAILABLE
    assert clock().monotonic() == started
    assert len(events) == 2


@in_virtual_time
async def test_rejected_key_is_not_tried_again() -> None:
    model = FakeModel(failure(None, FailureKind.REJECTED))
    assert kind((await decide(model))[0]) is FailureKind.REJECTED
    assert len(model.asked) == 1


@in_virtual_time
async def test_model_that_stalls_fails_its_decision_at_the_deadline_and_says_so_in_the_journal() -> None:
    async def stall() -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    started = clock().monotonic()
    failed, events = await decide(FakeModel(stall), seconds=20)
    assert kind(failed) is FailureKind.TIMEOUT
    assert clock().monotonic() - started == pytest.approx(20)
    assert isinstance(events[-1], ModelReplied)
    assert "deadline" in str(events[-1].error)


@in_virtual_time
async def test_scripted_model_trades_without_a_provider() -> None:
    trader = LlmTrader(ScriptedModel(), clock(), 1)
    for page in (sight(), sight("forecast")):
        made = await trader.decide(situation(page), clock().monotonic() + 1, lambda event: None)
        assert [one.value for one in made.forecasts] == [Decimal(1)] * len(page.forecast_inputs)
