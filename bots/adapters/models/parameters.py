"""Whether a model is really sent the parameters its entry sets: told before a run, by looking at a request.

Client libraries leave out, silently, what they believe a model does not take. A run whose temperature was
never sent is not the run that was asked for.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

import httpx2
from pydantic import SecretStr

from bots.adapters.models.allowances import SharedAllowance
from bots.adapters.models.catalogue import Effort, ModelEntry, ProviderEntry
from bots.adapters.models.limits import Budget, Pace
from bots.adapters.models.providers import Line, ProviderModel
from bots.domain.chat import Message, ModelFailed
from bots.domain.errors import UserMustMend
from bots.domain.ports import Clock

_NOWHERE = "http://127.0.0.1:9/v1"  # never reached: the request is looked at and answered here
_TEXTS = {"messages", "contents", "system", "systemInstruction", "tools", "response_format"}
_SENT_AS: Mapping[str, frozenset[str]] = {
    "temperature": frozenset({"temperature"}),
    "top_p": frozenset({"top_p", "topP"}),
    "seed": frozenset({"seed", "random_seed"}),
    "max_tokens": frozenset({"max_tokens", "max_completion_tokens", "maxOutputTokens"}),
    "reasoning_effort": frozenset(
        {"reasoning_effort", "effort", "budget_tokens", "thinking_budget", "thinking_level"}
    ),
}
_THINKING = (
    "budget_tokens",
    "thinking_budget",
)  # how many tokens a model may think, where efforts are sent so
_SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


async def check_parameters(
    asked: str,
    entry: ModelEntry,
    provider: ProviderEntry,
    clock: Clock,
    where: str,
    set_in: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Check a model's parameters against a request as it would be sent; nothing leaves this process.

    Args:
        asked: the model's name as the user gave it, for the message.
        where: models.toml, for the message.
        set_in: by parameter, where else it was set, for the message.

    Raises:
        UserMustMend: a parameter would not be sent, or leaves no room for an answer.
    """
    table = f'{where}, table [models."{asked}"]'
    sent = await _sent(entry, provider, clock, table)
    for parameter, names in _SENT_AS.items():
        wanted = getattr(entry, parameter)
        if wanted is not None and not any(
            name in sent and _same(parameter, wanted, sent[name]) for name in names
        ):
            raise UserMustMend(
                f"{parameter} = {wanted!r} would not be sent: "
                f"{entry.provider}:{entry.model} is known not to take it",
                where=set_in.get(parameter, table),
                mend="Take it out, or use a model that takes it.",
            )
    budget = _thinking(sent)
    if budget is not None and budget >= entry.max_tokens:
        raise UserMustMend(
            f"reasoning_effort = {entry.reasoning_effort!r} lets the model think for {budget} tokens, "
            f"and max_tokens = {entry.max_tokens} leaves none for an answer",
            where=set_in.get("reasoning_effort") or set_in.get("max_tokens") or table,
            mend=f"Set max_tokens to {budget + 2048} or more, or a lower reasoning_effort.",
        )
    await _check_effort(entry, provider, clock, set_in.get("reasoning_effort", table))


async def _check_effort(entry: ModelEntry, provider: ProviderEntry, clock: Clock, table: str) -> None:
    """Libraries send the nearest effort a model knows: two of one meaning are one treatment under two names.

    Raises:
        UserMustMend: the effort would be sent as another one.
    """
    wanted, meanings = entry.reasoning_effort, dict[Effort, object]()
    if wanted is None:
        return
    for effort in get_args(Effort):
        # So many tokens that no effort's thinking is cut to fit.
        roomy = entry.model_copy(update={"reasoning_effort": effort, "max_tokens": 60_000})
        meanings[effort] = _effort(await _sent(roomy, provider, clock, table))
    meant = _meant(meanings, wanted)
    if meant != wanted:
        known = dict.fromkeys(_meant(meanings, effort) for effort in meanings)
        raise UserMustMend(
            f"reasoning_effort = {wanted!r} would be sent as {meant!r}: "
            f"{entry.provider}:{entry.model} is not known to take it",
            where=table,
            mend=f"Set {' or '.join(map(repr, known))}.",
        )


def _meant(meanings: Mapping[Effort, object], effort: Effort) -> str:
    """The effort that is really sent: by the provider's own word, else the least one of the same meaning."""
    said = str(meanings[effort]).lower()
    same = (one for one, meaning in meanings.items() if meaning == meanings[effort])
    return said if said in meanings else next(same)


def _effort(sent: Mapping[str, Any]) -> object:
    """An effort in the provider's words, or the tokens that stand for it."""
    words = (sent.get(name) for name in ("reasoning_effort", "effort", "thinking_level"))
    return next((word for word in words if word is not None), _thinking(sent))


def _thinking(sent: Mapping[str, Any]) -> int | None:
    return next((sent[name] for name in _THINKING if isinstance(sent.get(name), int)), None)


def _same(parameter: str, wanted: object, sent: object) -> bool:
    """Efforts are sent in each provider's own words; numbers have to be the same."""
    if parameter == "reasoning_effort":
        return sent is not None
    return isinstance(wanted, int | float) and isinstance(sent, int | float) and math.isclose(wanted, sent)


async def _sent(entry: ModelEntry, provider: ProviderEntry, clock: Clock, table: str) -> Mapping[str, Any]:
    return dict(_settings(await _request_body(entry, provider, clock, table)))


async def _request_body(entry: ModelEntry, provider: ProviderEntry, clock: Clock, table: str) -> Any:
    seen: list[Any] = []

    def look(request: httpx2.Request) -> httpx2.Response:
        seen.append(json.loads(request.content))
        return httpx2.Response(400, json={"error": {"message": "looked at"}})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(look), timeout=None) as client:
        pace = Pace(clock, requests_per_minute=None, tokens_per_minute=None, concurrency=1)
        allowance = SharedAllowance(pace, Budget())
        line = Line(entry.provider, provider, _NOWHERE, SecretStr("no-key"), client, allowance)
        model = ProviderModel(line, entry, clock)
        messages = (Message("system", "-"), Message("user", "-"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                await model.complete(messages, _SCHEMA, time.monotonic() + 60)
            except ModelFailed as failed:
                if not seen:
                    raise UserMustMend(
                        f"no request can be made: {failed.reason}",
                        where=table,
                        mend="Change this entry, or use another model.",
                    ) from None
    return seen[0]


def _settings(body: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a request's body with its value, at any depth, outside the texts."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key not in _TEXTS:
                yield key, value
                yield from _settings(value)
