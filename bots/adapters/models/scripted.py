"""A model without a provider: answers by a rule of ours. For tests, rehearsals and benchmarks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bots.domain.chat import Message, Reply
from bots.domain.records import Usage

Answer = Callable[[Sequence[Message], Mapping[str, Any]], str]


def smallest_answer(messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
    """Return the smallest JSON that meets a schema: no orders, and 1 for each number."""
    del messages
    return json.dumps(_smallest(schema))


def _smallest(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: _smallest(part) for name, part in schema["properties"].items()}
    return {"array": [], "string": "", "number": 1, "integer": 1}[schema["type"]]


class ScriptedModel:
    """A chat model whose replies are computed; it costs and takes nothing."""

    def __init__(self, name: str = "scripted:smallest", answer: Answer = smallest_answer) -> None:
        self._name = name
        self._answer = answer

    @property
    def name(self) -> str:
        return self._name

    @property
    def parameters(self) -> Mapping[str, Any]:
        return {}

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        del messages, schema
        return Usage(input_tokens=0, output_tokens=0)

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        del deadline
        usage = Usage(input_tokens=0, output_tokens=0)
        return Reply(self._answer(messages, schema), self._name, usage, seconds=0.0)
