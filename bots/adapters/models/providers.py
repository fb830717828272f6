"""Providers → `ChatModel`, through pydantic-ai's model classes; a provider's library is loaded when used."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx2
from pydantic import SecretStr
from pydantic_ai import exceptions as failures
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition

from bots.adapters.models.allowances import Allowance
from bots.adapters.models.catalogue import ModelEntry, ProviderEntry
from bots.adapters.models.prices import Price, cost_usd
from bots.adapters.models.transport import ReplyTooLarge, keep_libraries_quiet
from bots.domain.chat import Finish, Message, ModelFailed, Reply
from bots.domain.errors import FailureKind, UserMustMend
from bots.domain.ports import Clock
from bots.domain.records import Usage

if TYPE_CHECKING:
    from pydantic_ai.usage import RequestUsage

_TOOL = "decide"
_NO_KEY = "no-key"  # sent to servers that need none, and no secret
_CHARS_A_TOKEN = 3  # of such texts, about; what a request really took corrects the pace afterwards
_LONGEST_REASON = 300
_MOST_TOKENS = 100_000_000  # of one exchange; a count beyond it, or below 0, is no count
# What client libraries raise while they walk over a reply that has not the form of its protocol.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError)
_COMPATIBLE = ("openai-compatible", "local")
# How providers that send no code of their own say that an account is used up; waiting does not help.
_NO_CREDIT = re.compile(
    r"credit balance is too low|insufficient (credits?|balance|funds)|used all available credits|"
    r"out of credits|spending limit|payment required",
    re.IGNORECASE,
)
_UNBILLED = (FailureKind.UNAVAILABLE, FailureKind.REJECTED)


@dataclass(frozen=True, slots=True)
class Line:
    """What all models of one provider share: the client, the key, the room for requests."""

    name: str
    entry: ProviderEntry
    base_url: str
    key: SecretStr | None
    client: httpx2.AsyncClient
    allowance: Allowance


class ProviderModel:
    """One model of one provider.

    The key is held by the provider's client alone; it is cut out of every text that leaves here.
    """

    def __init__(self, line: Line, entry: ModelEntry, clock: Clock) -> None:
        self._line = line
        self._entry = entry
        self._clock = clock
        self._model = _open_model(line, entry.model)
        keep_libraries_quiet()  # loading one may turn its log on, where the environment says so
        native = self._model.profile.get("supports_json_schema_output", False)
        self._output = entry.output or ("native" if native else "tool")
        self._price = Price(entry.price.input, entry.price.output) if entry.price else None

    def __repr__(self) -> str:
        return f"ProviderModel({self.name})"

    @property
    def name(self) -> str:
        """`provider:model`."""
        return f"{self._line.name}:{self._entry.model}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is sent with each request, and how the reply's form is asked for."""
        return {**self._entry.parameters, "output": self._output}

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        """Return the most a request can use: no tokenizer makes more tokens of a text than it has bytes."""
        texts = (*(message.text for message in messages), json.dumps(schema))
        size = sum(len(text.encode("utf-8", "replace")) for text in texts)
        usage = Usage(input_tokens=size, output_tokens=self._entry.max_tokens)
        return usage.model_copy(update={"cost_usd": self._cost(usage)})

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        """Send one request within the provider's limits and the run's budget.

        Raises:
            ModelFailed: no reply.
        """
        most, expected = self.most(messages, schema), _expected_tokens(messages)
        async with self._line.allowance.hold(expected, most, deadline) as held:
            try:
                reply = await self._request(messages, schema, deadline)
            except ModelFailed as failed:
                if failed.kind in _UNBILLED and not _cut_off(failed.__context__):
                    held.usage = None
                raise
            held.usage = reply.usage
        return reply

    async def _request(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        started = self._clock.monotonic()
        conversation, form = _conversation(messages), self._form(schema)
        settings = self._settings(deadline - started)
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._model.request(conversation, settings, form)
            text = _text(response)
        except TimeoutError:
            raise ModelFailed(FailureKind.TIMEOUT, "no reply before the deadline") from None
        except (failures.AgentRunError, failures.UserError, httpx2.HTTPError, *_UNREADABLE) as error:
            raise self._failed(error) from None
        return self._reply(response, text, self._clock.monotonic() - started)

    def _settings(self, seconds: float) -> ModelSettings:
        entry = self._entry
        settings = ModelSettings(max_tokens=entry.max_tokens, max_retries=0, timeout=max(0.1, seconds))
        if entry.temperature is not None:
            settings["temperature"] = entry.temperature
        if entry.top_p is not None:
            settings["top_p"] = entry.top_p
        if entry.seed is not None:
            settings["seed"] = entry.seed
        if entry.reasoning_effort is not None:
            settings["thinking"] = entry.reasoning_effort
        return settings if self._line.entry.kind not in _COMPATIBLE else self._compatible(settings)

    def _compatible(self, settings: ModelSettings) -> ModelSettings:
        """What a compatible server's model takes is not known, so the effort is sent as it stands."""
        effort = settings.pop("thinking", None)
        return (
            settings
            if effort is None
            else cast(ModelSettings, {**settings, "openai_reasoning_effort": effort})
        )

    def _form(self, schema: Mapping[str, Any]) -> ModelRequestParameters:
        """How the reply's form is asked for: a native schema, a tool's arguments, or the prompt alone."""
        if self._output == "tool":
            tool = ToolDefinition(
                name=_TOOL,
                parameters_json_schema=dict(schema),
                description="Hand in your answer to the page.",
                kind="output",
            )
            return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
        if self._output == "prompted":
            return ModelRequestParameters(output_mode="text")
        # OpenAI's strict mode knows no limits of length or value, and its library cuts them out of the
        # schema; a local model's grammar is made from them.
        strict = self._line.entry.kind != "local"
        form = OutputObjectDefinition(json_schema=dict(schema), name=_TOOL, strict=strict)
        return ModelRequestParameters(output_mode="native", output_object=form)

    def _reply(self, response: ModelResponse, text: str, seconds: float) -> Reply:
        usage = _usage(response.usage)
        served = response.model_name
        served = self._clean(served) if isinstance(served, str) else None  # libraries pass on what came
        cost = self._cost(usage, served)
        return Reply(
            text=self._clean(text),
            served_model=served,
            usage=usage.model_copy(update={"cost_usd": cost}),
            seconds=seconds,
            finish=_finish(response),
        )

    def _failed(self, error: Exception) -> ModelFailed:
        kind, retry_after = _judge(error)
        status = error.status_code if isinstance(error, failures.ModelHTTPError) else None
        said = f"{self._line.name} answered {status}" if status else self._line.name
        words = self._clean(" ".join(_words(error).split()))[:_LONGEST_REASON]
        return ModelFailed(kind, f"{said}: {words}", retry_after=retry_after)

    def _clean(self, text: str) -> str:
        """Text without the key, and such as can be written: half a surrogate pair becomes a question mark."""
        key = self._line.key.get_secret_value() if self._line.key else ""
        whole = text.encode("utf-8", "replace").decode()
        return whole.replace(key, "[key]") if key else whole

    def _cost(self, usage: Usage, served: str | None = None) -> Any:
        provider = self._line.entry.prices
        for model in (served, self._entry.model):
            if model is not None:
                cost = cost_usd(usage, own=self._price, provider=provider, model=model)
                if cost is not None:
                    return cost
        return None


def _open_model(line: Line, model: str) -> Model:
    """Return pydantic-ai's model for a provider; imports that provider's library.

    Raises:
        UserMustMend: the library is not installed.
    """
    try:
        return _loaded_model(line, model)
    except ImportError as error:
        extra = line.entry.kind if line.entry.kind not in _COMPATIBLE else "openai"
        raise UserMustMend(
            "the library that asks its models is not installed",
            where=f"provider {line.name}",
            mend=f'Install it: pip install "llm-trading-agents[{extra}]" (or -r requirements/{extra}.txt).',
        ) from error


def _loaded_model(line: Line, model: str) -> Model:
    key = line.key.get_secret_value() if line.key else _NO_KEY
    match line.entry.kind:
        case "openai":
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.providers.openai import OpenAIProvider

            openai = OpenAIProvider(base_url=line.base_url, api_key=key, http_client=line.client)
            return OpenAIChatModel(model, provider=openai)
        case "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            anthropic = AnthropicProvider(base_url=line.base_url, api_key=key, http_client=line.client)
            return AnthropicModel(model, provider=anthropic)
        case "mistral":
            from pydantic_ai.models.mistral import MistralModel
            from pydantic_ai.providers.mistral import MistralProvider

            mistral = MistralProvider(base_url=line.base_url, api_key=key, http_client=line.client)
            return MistralModel(model, provider=mistral)
        case "google":
            from pydantic_ai.models.google import GoogleModel
            from pydantic_ai.providers.google import GoogleProvider

            google = GoogleProvider(base_url=line.base_url, api_key=key, http_client=line.client)
            return GoogleModel(model, provider=google)
        case _:
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

            compatible = OpenAICompatibleProvider(
                line.name, base_url=line.base_url, api_key=key, http_client=line.client
            )
            return OpenAIChatModel(model, provider=compatible)


def _expected_tokens(messages: Sequence[Message]) -> int:
    return math.ceil(sum(len(message.text) for message in messages) / _CHARS_A_TOKEN)


def _conversation(messages: Sequence[Message]) -> list[ModelMessage]:
    """Our messages as pydantic-ai's: the system's and the user's between two replies are one request."""
    conversation: list[ModelMessage] = []
    parts: list[SystemPromptPart | UserPromptPart] = []
    for message in messages:
        if message.role == "assistant":
            conversation += [ModelRequest(parts=parts), ModelResponse(parts=[TextPart(message.text)])]
            parts = []
        elif message.role == "system":
            parts.append(SystemPromptPart(message.text))
        else:
            parts.append(UserPromptPart(message.text))
    return [*conversation, ModelRequest(parts=parts)]


def _text(response: ModelResponse) -> str:
    """The raw reply: the tool's arguments where there are some, else the text, else a refusal's words."""
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            return part.args if isinstance(part.args, str) else part.args_as_json_str()
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    return text or str((response.provider_details or {}).get("refusal", ""))


def _finish(response: ModelResponse) -> Finish:
    if "refusal" in (response.provider_details or {}) or response.finish_reason == "content_filter":
        return Finish.REFUSED
    return Finish.CUT if response.finish_reason == "length" else Finish.COMPLETE


def _usage(usage: RequestUsage) -> Usage:
    """What the provider counted; what is no count is not known."""
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.output_reasoning_tokens)
    if usage.unmeasured_requests or not any(counts[:2]) or not all(map(_is_count, counts)):
        return Usage()
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cache_read_tokens,
        reasoning_tokens=usage.output_reasoning_tokens,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_TOKENS


def _judge(error: Exception) -> tuple[FailureKind, float | None]:
    """What kind of failure this is, and after how many seconds the same request may succeed (None: never)."""
    if _cause(error, ReplyTooLarge) is not None:
        return FailureKind.BAD_REPLY, None
    if getattr(error, "provider_error_code", None) == "insufficient_quota" or _NO_CREDIT.search(
        _words(error)
    ):
        return FailureKind.REJECTED, None
    match error:
        case failures.ContentFilterError():
            return FailureKind.REFUSAL, None
        case (
            failures.ModelQuotaExceededError()
            | failures.ModelRequestRejectedError()
            | failures.UserError()  # the library will not send such a request
        ):
            return FailureKind.REJECTED, None
        case (
            failures.ModelRateLimitError()
            | failures.ModelUnavailableError()
            | failures.ModelServerError()
            | failures.ModelConnectionError()
        ):
            return FailureKind.UNAVAILABLE, error.retry_after or 0.0
        case failures.ModelHTTPError():
            passing = error.status_code in {408, 409, 425, 429} or error.status_code >= 500
            kind = FailureKind.UNAVAILABLE if passing else FailureKind.REJECTED
            return kind, (error.retry_after or 0.0) if passing else None
        case httpx2.HTTPError():
            return FailureKind.UNAVAILABLE, 0.0
        case _:
            return FailureKind.BAD_REPLY, 0.0


def _cut_off(error: BaseException | None) -> bool:
    """Tell whether a connection ended after a request may have gone out, so that it may have been billed."""
    return _cause(error, httpx2.TransportError) is not None and _cause(error, httpx2.ConnectError) is None


def _words(error: Exception) -> str:
    """What the provider itself said, else what the library says."""
    too_large = _cause(error, ReplyTooLarge)
    if too_large is not None:
        return str(too_large)
    said = getattr(error, "body", None)
    if isinstance(said, str):
        with contextlib.suppress(ValueError, RecursionError):
            said = json.loads(said)
    if isinstance(said, dict) and isinstance(said.get("error"), dict):
        said = said["error"]
    if isinstance(said, dict) and isinstance(said.get("message"), str):
        return str(said["message"])
    if isinstance(error, _UNREADABLE):
        return f"the reply has not the form of its protocol ({type(error).__name__}: {error})"
    return str(error) or type(error).__name__


def _cause(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
