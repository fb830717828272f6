"""`models.toml`: which names users may give, what each stands for, and how each provider is reached."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bots.adapters.models.personas import PersonaEntry
from bots.domain.errors import UserMustMend

ProviderKind = Literal["openai", "anthropic", "mistral", "google", "openai-compatible", "local", "scripted"]
Output = Literal["native", "tool", "prompted"]
Effort = Literal["minimal", "low", "medium", "high", "xhigh", "max"]

DEFAULT_MAX_TOKENS = 2048
STANDARD_PROMPT = "standard"


def _money(value: object) -> object:
    """Amounts are text or whole numbers in the file: a float is not exact."""
    if isinstance(value, float):
        raise ValueError(f'must be written in quotes, as "{value}"')  # noqa: TRY004 - told as a fault of the file
    return value


_Usd = Annotated[Decimal, BeforeValidator(_money), Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProviderEntry(_Entry):
    """How a provider is reached and how fast it may be asked.

    Attributes:
        kind: which protocol it speaks; `local` is openai-compatible, and the shipped local model is served
            where no address is set.
        base_url: its address; `base_url_env` names a setting that takes its place.
        api_key_env: the setting that holds the key; None for servers that need none.
        prices: the provider's name in the price table; None where it is not listed.
        spread_seconds: the first requests of a page are spread over so long, at most a twentieth of its time.
    """

    kind: ProviderKind
    base_url: str | None = None
    base_url_env: str | None = None
    api_key_env: str | None = None
    key_required: bool = True
    prices: str | None = None
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    concurrency: int = Field(default=64, gt=0)
    spread_seconds: float = Field(default=0.5, ge=0, le=30)


class PriceEntry(_Entry):
    """The user's own price of a model: USD for a million tokens."""

    input: _Usd
    output: _Usd


class ModelEntry(_Entry):
    """A model and the parameters sent with every request to it; what is None is not sent.

    Attributes:
        model: the provider's identifier, dated where the provider dates its models.
        output: how the reply's form is asked for; None takes the best the provider offers.
        numbers: how the model is asked to write prices.
        reasks: how often an unusable answer goes back to the model.
        prompt: the variant of the prompts it is told in.
        reasoning_text: it is asked for its reasons in words with each decision.
        reflection: it is asked at the end of each phase what it has learnt, and told so later.
        persona: a table [personas.…] of the file.
    """

    provider: str
    model: str = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    max_tokens: int = Field(default=DEFAULT_MAX_TOKENS, gt=0)
    reasoning_effort: Effort | None = None
    output: Output | None = None
    numbers: Literal["number", "text", "integer"] = "number"
    reasks: int = Field(default=2, ge=0, le=10)
    prompt: str = Field(default=STANDARD_PROMPT, min_length=1)
    reasoning_text: bool = True
    reflection: bool = False
    persona: str | None = None
    price: PriceEntry | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is sent, and how the answer is asked for; for records."""
        names = (
            "temperature",
            "top_p",
            "seed",
            "max_tokens",
            "reasoning_effort",
            "output",
            "numbers",
            "reasks",
        )
        told = {
            **({} if self.prompt == STANDARD_PROMPT else {"prompt": self.prompt}),
            **({} if self.reasoning_text else {"reasoning_text": False}),
            **({"reflection": True} if self.reflection else {}),
            **({} if self.persona is None else {"persona": self.persona}),
        }
        return {name: value for name in names if (value := getattr(self, name)) is not None} | told


class MixedEntry(_Entry):
    """Traders of a market with several kinds: each seat's name in turn, or counts such as `4 x gpt-4o`."""

    seats: tuple[str, ...] = ()
    counts: str = ""
    shuffle: bool = False  # draw who sits where with the run's seed

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if bool(self.seats) == bool(self.counts):
            raise ValueError("needs either seats or counts")
        if self.counts:
            parse_counts(self.counts)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """One name a seat, before shuffling."""
        return self.seats or parse_counts(self.counts)


class Catalogue(_Entry):
    """All of models.toml.

    Attributes:
        where: the file, for messages.
    """

    providers: Mapping[str, ProviderEntry]
    models: Mapping[str, ModelEntry]
    mixed: Mapping[str, MixedEntry] = Field(default_factory=dict)
    personas: Mapping[str, PersonaEntry] = Field(default_factory=dict)
    where: str = "models.toml"


def load_catalogue(path: Path) -> Catalogue:
    """Read and check models.toml.

    Raises:
        UserMustMend: names the file, the table, the key and what to do.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserMustMend(
            f"cannot be read ({error.strerror})", where=str(path), mend="Restore it from the project."
        ) from error
    except ValueError as error:
        raise UserMustMend(
            f"is no TOML file: {error}", where=str(path), mend="Mend the line it names."
        ) from error
    mixed = raw.pop("mixed", {})
    named = mixed if all(isinstance(entry, dict) for entry in mixed.values()) else {"mixed": mixed}
    try:
        catalogue = Catalogue.model_validate({**raw, "mixed": named, "where": str(path)})
    except ValidationError as error:
        raise _unusable(error, path) from None
    _check_providers(catalogue)
    return catalogue


def parse_counts(text: str) -> tuple[str, ...]:
    """Return one name a seat for counts such as `4 x gpt-4o, 4 x fundamentalist`; a bare name counts once.

    Raises:
        ValueError: a part that is no count.
    """
    names: list[str] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(?:(\d{1,4})\s*x\s+)?(\S+)\s*", part)
        if match is None or match[1] == "0":
            raise ValueError(f"{part.strip()!r} is no count such as '4 x gpt-4o'")
        names += [match[2]] * int(match[1] or 1)
    return tuple(names)


def _unusable(error: ValidationError, path: Path) -> UserMustMend:
    fault = error.errors(include_url=False, include_input=False)[0]
    table = ".".join(str(part) for part in fault["loc"][:2])
    key = ".".join(str(part) for part in fault["loc"][2:])
    what = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        what = "is no setting that is known here"
    return UserMustMend(
        f"{key + ': ' if key else ''}{what}",
        where=f"{path}, table [{table}]",
        mend="Mend this key, or take it out; the comments of the file name every setting.",
    )


def _check_providers(catalogue: Catalogue) -> None:
    for name, entry in catalogue.models.items():
        if entry.provider not in catalogue.providers:
            raise UserMustMend(
                f"provider: there is no provider {entry.provider!r}",
                where=f'{catalogue.where}, table [models."{name}"]',
                mend=f"Use one of {', '.join(catalogue.providers)}, or add [providers.{entry.provider}].",
            )
        if entry.persona is not None and entry.persona not in catalogue.personas:
            raise UserMustMend(
                f"persona: there is no persona {entry.persona!r}",
                where=f'{catalogue.where}, table [models."{name}"]',
                mend=f"Add [personas.{entry.persona}], or use {' or '.join(catalogue.personas) or 'none'}.",
            )
    for name, provider in catalogue.providers.items():
        if provider.kind != "scripted" and not (provider.base_url or provider.base_url_env):
            raise UserMustMend(
                "base_url is missing",
                where=f"{catalogue.where}, table [providers.{name}]",
                mend="Give base_url, or base_url_env with the name of the setting that holds it.",
            )
