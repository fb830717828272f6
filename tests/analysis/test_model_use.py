from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bots.adapters.models.limits import spent_on
from bots.analysis.model_use import ModelMeter, cost_text
from bots.domain.errors import FailureKind
from bots.domain.records import Event, ModelAsked, ModelReplied, RunResumed, Usage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICED = {"reply": "{}", "usage": Usage(input_tokens=900, output_tokens=60, cost_usd=Decimal("0.0042"))}
MOST = Usage(input_tokens=4000, output_tokens=400, cost_usd=Decimal("0.05"))


def exchange(**replied: Any) -> list[Event]:
    where = {"at": NOW, "seat": 1, "decision": "d", "attempt": 1}
    asked = ModelAsked(**where, model="openai:m", parameters={}, prompt="p", prompt_hash="h", most=MOST)
    return [asked, ModelReplied(**where, seconds=1.0, **replied)]


@pytest.mark.parametrize("failure", [None, FailureKind.TIMEOUT, FailureKind.BAD_REPLY, FailureKind.REFUSAL])
def test_cost_of_a_request_that_was_given_up_is_unknown_and_not_nothing(failure: FailureKind | None) -> None:
    given_up = exchange(error="given up", failure=failure)
    assert cost_text(ModelMeter(given_up).uses) == "cost unknown"
    (use,) = ModelMeter([*given_up, *exchange(**PRICED)]).uses
    assert (use.cost_usd, use.unpriced, use.uncounted, use.unanswered) == (Decimal("0.0042"), 1, 1, 1)
    assert cost_text([use]) == "0.0042 USD and 1 request of unknown cost"


@pytest.mark.parametrize("failure", [FailureKind.REJECTED, FailureKind.UNAVAILABLE, FailureKind.OVER_BUDGET])
def test_request_that_was_refused_cost_nothing(failure: FailureKind) -> None:
    refused = exchange(error="no", failure=failure)
    assert cost_text(ModelMeter(refused).uses) == "0.0000 USD"


def test_request_to_a_model_that_is_free_costs_nothing_even_where_it_was_given_up() -> None:
    free = {"reply": "{}", "usage": Usage(input_tokens=900, output_tokens=60, cost_usd=Decimal(0))}
    events = [*exchange(error="given up", failure=FailureKind.TIMEOUT), *exchange(**free)]
    assert cost_text(ModelMeter(events).uses) == "0.0000 USD"


def test_reply_of_unknown_price_is_told_beside_what_is_known() -> None:
    unknown = exchange(reply="{}", usage=Usage(input_tokens=1, output_tokens=1))
    assert cost_text(ModelMeter(unknown).uses) == "cost unknown"
    assert cost_text(ModelMeter([*unknown, *unknown, *exchange(**PRICED)]).uses) == (
        "0.0042 USD and 2 requests of unknown cost"
    )


def test_request_that_was_cut_short_with_its_run_counts_as_the_most_it_may_have_used() -> None:
    cut_short = [*exchange(**PRICED), exchange(**PRICED)[0]]
    meter = ModelMeter(cut_short)
    assert cost_text(meter.uses) == "0.0042 USD"  # it may still be answered
    meter.listen(RunResumed(at=NOW, torn=False))
    spent = spent_on(meter.uses)
    assert (spent.tokens, spent.cost_usd, spent.unpriced) == (960 + 4400, Decimal("0.0542"), 1)
    assert cost_text(meter.uses) == "0.0042 USD and 1 request of unknown cost"


@pytest.mark.parametrize(
    ("replied", "tokens", "cost"),
    [
        ({"error": "given up", "failure": None}, 4400, "0.05"),
        ({"error": "no", "failure": FailureKind.TIMEOUT}, 4400, "0.05"),
        ({"error": "no", "failure": FailureKind.REJECTED}, 0, "0"),
        ({"reply": "{}", "usage": Usage()}, 4400, "0.05"),
        ({"reply": "{}", "usage": Usage(input_tokens=900, output_tokens=60)}, 960, "0.05"),
    ],
)
def test_what_is_not_known_counts_against_the_limits_as_it_was_set_aside(
    replied: dict[str, Any], tokens: int, cost: str
) -> None:
    spent = spent_on(ModelMeter(exchange(**replied)).uses)
    assert (spent.tokens, spent.cost_usd) == (tokens, Decimal(cost))
