"""Parameters are sent or refused, never dropped; looked at without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bots.adapters.models.catalogue import Catalogue, ModelEntry, load_catalogue
from bots.domain.errors import UserMustMend
from bots.services.trader_checks import check_parameters
from bots.services.trader_specs import TraderSpec

CATALOGUE = load_catalogue(Path("bots/config/models.toml"))


def with_parameters(name: str, **parameters: Any) -> TraderSpec:
    entry = ModelEntry.model_validate({**CATALOGUE.models[name].model_dump(), **parameters})
    return TraderSpec(name, f"{entry.provider}:{entry.model}", entry)


async def check(name: str, catalogue: Catalogue = CATALOGUE, **parameters: Any) -> None:
    await check_parameters([with_parameters(name, **parameters)], catalogue)


@pytest.mark.parametrize("name", [name for name in CATALOGUE.models if name != "scripted"])
async def test_every_shipped_model_is_sent_what_its_entry_says(name: str) -> None:
    await check(name)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gpt-4o", {"temperature": 0, "top_p": 0.9, "seed": 7}),
        ("gpt-5", {"reasoning_effort": "high", "seed": 7}),
        ("claude-sonnet-4-5", {"temperature": 0.7}),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 8192}),
        ("mistral-large", {"temperature": 0.3, "top_p": 0.9, "seed": 7}),
        ("gemini-2.5-flash", {"temperature": 0.3, "top_p": 0.9, "seed": 7, "reasoning_effort": "low"}),
        ("grok-3-mini", {"temperature": 0.3, "seed": 7, "reasoning_effort": "low"}),
        ("gpt-5.2", {"reasoning_effort": "xhigh"}),
        ("claude-sonnet-5-5", {"reasoning_effort": "max"}),
        ("claude-sonnet-4-5", {"reasoning_effort": "minimal"}),
        ("mistral-medium", {"reasoning_effort": "high"}),
    ],
)
async def test_parameter_that_a_model_takes_is_sent(name: str, parameters: dict[str, Any]) -> None:
    await check(name, **parameters)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("gpt-4o", {"reasoning_effort": "low"}, "reasoning_effort = 'low' would not be sent"),
        ("gpt-5", {"temperature": 0.3}, "temperature = 0.3 would not be sent"),
        ("claude-sonnet-4-5", {"seed": 7}, "seed = 7 would not be sent"),
        ("mistral-large", {"reasoning_effort": "low"}, "would not be sent"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low"}, "max_tokens = 2048 leaves none for an answer"),
        ("gemini-2.5-flash", {"reasoning_effort": "low", "max_tokens": 1024}, "leaves none for an answer"),
        ("gpt-5", {"reasoning_effort": "max"}, "would be sent as 'high'"),
        ("claude-sonnet-4-6", {"reasoning_effort": "xhigh"}, "would be sent as 'max'"),
        ("mistral-medium", {"reasoning_effort": "low"}, "would be sent as 'high'"),
        ("gemini-2.5-pro", {"reasoning_effort": "max", "max_tokens": 50_000}, "would be sent as 'high'"),
        ("gemini-3.8-flash", {"reasoning_effort": "minimal"}, "would be sent as 'low'"),
        ("claude-sonnet-4-5", {"max_tokens": 100_000}, "max_tokens = 100000 would not be sent"),
        ("mistral-large", {"output": "native"}, "no request can be made"),
    ],
)
async def test_parameter_that_would_be_dropped_is_the_users_to_mend(
    name: str, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserMustMend, match=said) as error:
        await check(name, **parameters)
    assert f'[models."{name}"]' in error.value.where
