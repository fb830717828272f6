"""Names that users give → who sits at each seat → decision makers that share clients, limits and budget."""

from __future__ import annotations

import difflib
import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import (
    Catalogue,
    ModelEntry,
    ProviderEntry,
    load_catalogue,
    parse_counts,
)
from bots.adapters.models.limits import Budget, Pace, Spent
from bots.adapters.models.local import LOCAL_MODEL, local_model_python
from bots.adapters.models.personas import PersonaEntry
from bots.adapters.models.scripted import ScriptedModel
from bots.agents.fallbacks import FALLBACKS
from bots.agents.llm import LlmTrader, Manner
from bots.agents.prompts import Wording, variants
from bots.agents.strategies import STRATEGIES
from bots.domain.chat import ChatModel
from bots.domain.errors import UserMustMend
from bots.domain.ports import Clock, DecisionMaker
from bots.domain.records import ModelUse, Usage
from bots.services.configuration import Settings, settings_file

if TYPE_CHECKING:
    from bots.adapters.models.providers import Line
    from bots.services.plan import RunPlan

__all__ = [
    "Budget",
    "TraderSpec",
    "Traders",
    "assign",
    "check_parameters",
    "check_priced",
    "check_ready",
    "configuration_of",
    "load_catalogue",
    "make_fallback",
    "resolve",
    "spent_on",
]

_MODEL_OPTION = "MODEL_NAME"


@dataclass(frozen=True, slots=True)
class TraderSpec:
    """Who sits at a seat: a strategy, or a model with its parameters.

    Attributes:
        asked: the name the user gave.
        name: for records: the strategy's name, or `provider:model`.
        model: None for strategies.
        persona: whom the model is told to be; None for nobody.
    """

    asked: str
    name: str
    model: ModelEntry | None = None
    persona: PersonaEntry | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is recorded of it beside its name."""
        return {} if self.model is None else self.model.parameters

    @property
    def persona_name(self) -> str:
        """The persona's name; empty for none."""
        return (self.model.persona or "") if self.model else ""

    def parameters_at(self, seed: int) -> Mapping[str, Any]:
        """Return what is recorded of it at the seat with this seed: with the persona's words as drawn."""
        if self.persona is None:
            return self.parameters
        return {**self.parameters, "about": self.persona.words(seed)}


def resolve(name: str, catalogue: Catalogue) -> TraderSpec:
    """Return what a name stands for: a strategy, a name of models.toml, or `provider:model`.

    Raises:
        UserMustMend: nobody has this name; lists the nearest ones.
    """
    if name in STRATEGIES:
        return TraderSpec(name, name)
    if name in catalogue.models:
        entry = catalogue.models[name]
        return styled(TraderSpec(name, f"{entry.provider}:{entry.model}", entry), {}, catalogue)
    provider, colon, model = name.partition(":")
    if colon and model and provider in catalogue.providers:
        return TraderSpec(name, name, ModelEntry(provider=provider, model=model))
    raise _unknown(name, catalogue)


def styled(spec: TraderSpec, changes: Mapping[str, Any], catalogue: Catalogue) -> TraderSpec:
    """Return a trader told in another manner: settings of its entry changed.

    Raises:
        UserMustMend: there is no such variant of the prompts, or no such persona.
    """
    if spec.model is None:
        return spec
    entry = spec.model.model_copy(update=changes)
    for key, value, known in (
        ("prompt", entry.prompt, variants()),
        ("persona", entry.persona, {None, *catalogue.personas}),
    ):
        if value not in known:
            raise UserMustMend(
                f"{key}: there is none named {value!r}",
                where=f'{catalogue.where}, table [models."{spec.asked}"]',
                mend=f"Use one of {', '.join(sorted(one for one in known if one)) or 'none'}.",
            )
    persona = None if entry.persona is None else catalogue.personas[entry.persona]
    return replace(spec, model=entry, persona=persona)


def assign(name: str, seats: int, seed: int, catalogue: Catalogue) -> tuple[TraderSpec, ...]:
    """Return who sits at each of `seats`.

    `name` is anything `resolve` knows (everybody the same), a table of models.toml such as `mixed`, or counts
    such as `4 x gpt-4o, 4 x fundamentalist`. A mixed list shorter than the seats is repeated in turn;
    counts must add up. A mixed table with `shuffle` is seated by a draw with `seed`.

    Raises:
        UserMustMend: an unknown name, or counts that do not add up to the seats.
    """
    mixed = catalogue.mixed.get(name)
    if mixed is not None:
        where = f"{catalogue.where}, table [{name}]"
        names = _in_turn(mixed.names, seats) if mixed.seats else _exactly(mixed.names, seats, where)
        if mixed.shuffle:
            random.Random(f"seating of {seed}").shuffle(names)
    elif "," in name or " x " in name:
        names = _exactly(_counted(name), seats, _MODEL_OPTION)
    else:
        names = [name] * seats
    known = {one: resolve(one, catalogue) for one in set(names)}
    return tuple(known[one] for one in names)


def check_ready(specs: Iterable[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str]) -> None:
    """Check that every model's provider has its key and address.

    Raises:
        UserMustMend: names the setting that is missing and where to put it.
    """
    checked: set[str] = set()
    for spec in specs:
        if asks_shipped_model(spec, catalogue, environment):
            local_model_python(environment)
            continue
        if spec.model is None or spec.model.provider in checked:
            continue
        checked.add(spec.model.provider)
        provider = catalogue.providers[spec.model.provider]
        if provider.kind == "scripted":
            continue
        _base_url(spec.model.provider, provider, environment)
        if provider.api_key_env and provider.key_required and _key(provider, environment) is None:
            raise UserMustMend(
                f"{provider.api_key_env} is not set, and {spec.asked} ({spec.name}) needs it",
                where=str(settings_file()),
                mend=f"Add the line {provider.api_key_env}=your key there, or run `bots init` to be asked.",
            )


def asks_shipped_model(spec: TraderSpec, catalogue: Catalogue, environment: Mapping[str, str]) -> bool:
    """Tell whether a seat asks the shipped local model and no server of the user's takes its place."""
    if spec.model is None or spec.model.model != LOCAL_MODEL:
        return False
    provider = catalogue.providers[spec.model.provider]
    return provider.kind == "local" and not environment.get(provider.base_url_env or "")


def check_priced(specs: Iterable[TraderSpec], catalogue: Catalogue, where: str = "--max-cost") -> None:
    """Check that the price of every model is known, without which a limit of money cannot hold.

    Raises:
        UserMustMend: names the model and how to give its price.
    """
    from bots.adapters.models.prices import Price, cost_usd

    used = Usage(input_tokens=1, output_tokens=1)
    for spec in specs:
        if spec.model is None or catalogue.providers[spec.model.provider].kind == "scripted":
            continue
        own = Price(spec.model.price.input, spec.model.price.output) if spec.model.price else None
        provider = catalogue.providers[spec.model.provider].prices
        if cost_usd(used, own=own, provider=provider, model=spec.model.model) is None:
            raise UserMustMend(
                f"no price is known for {spec.name}, so a limit of money cannot hold",
                where=where,
                mend=f'Add price = {{ input = "2.50", output = "10.00" }} to it in {catalogue.where}, '
                "or limit the tokens instead.",
            )


async def check_parameters(
    specs: Iterable[TraderSpec], catalogue: Catalogue, set_in: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check that each model would be sent the parameters it has, and asked in the form its entry names.

    Args:
        set_in: by parameter, where it was set in the place of the entry, such as a plan.

    Raises:
        UserMustMend: names where the parameter was set, and the parameter.
    """
    for spec in set(specs):
        if spec.model is None:
            continue
        provider = catalogue.providers[spec.model.provider]
        if provider.kind != "scripted":
            from bots.adapters.models.parameters import (
                check_parameters as check,  # loads providers' libraries
            )

            await check(spec.asked, spec.model, provider, SystemClock(), catalogue.where, set_in)


def configuration_of(
    plan: RunPlan, specs: Iterable[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the configuration as it was resolved, for the record: options, providers, models; no key.

    Of settings that may be secret only the names of those that are set are told.
    """
    entries = {spec.asked: spec.model for spec in specs if spec.model is not None}
    providers = {}
    for name in sorted({entry.provider for entry in entries.values()}):
        provider = catalogue.providers[name]
        address = environment.get(provider.base_url_env or "") or provider.base_url
        told = provider.model_dump(mode="json", exclude_none=True)
        providers[name] = told | {
            "base_url": without_user(address or ""),
            "key_given": _key(provider, environment) is not None,
        }
    return {
        "options": {
            name: str(value) if isinstance(value, Path | Decimal) else value
            for name, value in asdict(plan).items()
        },
        "models": {
            asked: entry.model_dump(mode="json", exclude_none=True) for asked, entry in entries.items()
        },
        "providers": providers,
        "proxy": without_user(environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""),
    }


def without_user(address: str) -> str:
    """Return an address without the user and password that may stand in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def spent_on(uses: Iterable[ModelUse]) -> Spent:
    """Return what earlier parts of a run used, as its budget counts it: the unknown at its most."""
    spent = Spent()
    for use in uses:
        spent.tokens += use.input_tokens + use.output_tokens + use.most_tokens
        spent.cost_usd += (use.cost_usd or 0) + use.most_cost_usd
        spent.unpriced += use.unpriced
    return spent


def make_fallback(name: str, seed: int) -> DecisionMaker:
    """Return what acts where a decision failed: a strategy, or `last-plan`; never a model, which may fail.

    Raises:
        UserMustMend: no fallback has this name.
    """
    if name not in FALLBACKS:
        raise UserMustMend(
            f"{name!r} cannot act where a decision fails",
            where="--fallback",
            mend=f"Name one of {', '.join(sorted(FALLBACKS))}.",
        )
    return FALLBACKS[name](seed)


def manner_of(spec: TraderSpec, entry: ModelEntry, seed: int) -> Manner:
    """Return how the model of one seat is asked; its requests are not held back."""
    about = "" if spec.persona is None else spec.persona.words(seed)
    wording = Wording(entry.prompt, entry.reasoning_text, about)
    return Manner(entry.numbers, entry.reasks, wording=wording, reflects=entry.reflection)


class Traders:
    """Makes the decision makers of a run; what they share is opened once and closed with it.

    Args:
        environment: settings of `.env` and the process, as read by the composition root; held as secrets.
        budget: the run's limits; without one there are none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        environment: Mapping[str, str],
        clock: Clock,
        budget: Budget | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._settings = Settings(environment)
        self._clock = clock
        self.budget = budget or Budget()
        self._lines: dict[str, Line] = {}
        self._models: dict[TraderSpec, ChatModel] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for line in self._lines.values():
            await line.client.aclose()

    def build(self, spec: TraderSpec, seed: int) -> DecisionMaker:
        """Return the decision maker of one seat; `seed` is the seat's own.

        Raises:
            UserMustMend: the provider's address or key is missing.
        """
        if spec.model is None:
            return STRATEGIES[spec.name].make(seed)
        spread = self._catalogue.providers[spec.model.provider].spread_seconds
        manner = replace(manner_of(spec, spec.model, seed), spread_seconds=spread)
        return LlmTrader(self._model(spec, spec.model), self._clock, seed, manner)

    def _model(self, spec: TraderSpec, entry: ModelEntry) -> ChatModel:
        if spec not in self._models:
            self._models[spec] = self._open(spec, entry)
        return self._models[spec]

    def _open(self, spec: TraderSpec, entry: ModelEntry) -> ChatModel:
        provider = self._catalogue.providers[entry.provider]
        if provider.kind == "scripted":
            return ScriptedModel(spec.name)
        from bots.adapters.models.providers import ProviderModel

        return ProviderModel(self._line(entry.provider, provider), entry, self._clock, self.budget)

    def _line(self, name: str, provider: ProviderEntry) -> Line:
        from bots.adapters.models.providers import Line
        from bots.adapters.models.transport import keep_libraries_quiet, open_client

        if name not in self._lines:
            keep_libraries_quiet()
            reached = reach(name, provider, self._settings)
            self._lines[name] = Line(
                name,
                provider,
                reached.base_url,
                reached.key,
                open_client(provider.concurrency, reached.proxy),
                Pace(
                    self._clock,
                    requests_per_minute=provider.requests_per_minute,
                    tokens_per_minute=provider.tokens_per_minute,
                    concurrency=provider.concurrency,
                ),
            )
        return self._lines[name]


@dataclass(frozen=True, slots=True)
class Reach:
    """How a provider is reached from here."""

    base_url: str
    key: SecretStr | None
    proxy: str | None = field(repr=False)  # its address may hold a password


def reach(name: str, provider: ProviderEntry, environment: Mapping[str, str]) -> Reach:
    """Return how the settings say a provider is reached.

    Raises:
        UserMustMend: its address is missing, or is none.
    """
    base_url = _base_url(name, provider, environment)
    return Reach(base_url, _key(provider, environment), _proxy(base_url, environment))


def _base_url(name: str, provider: ProviderEntry, environment: Mapping[str, str]) -> str:
    base_url = environment.get(provider.base_url_env or "", "") or provider.base_url or ""
    setting = provider.base_url_env or "base_url"
    if not base_url:
        raise UserMustMend(
            f"{setting} is not set, and the provider {name!r} is reached by it",
            where=str(settings_file()),
            mend=f"Add the line {setting}=http://127.0.0.1:8080/v1 with your server's address.",
        )
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserMustMend(
            f"the address of the provider {name!r} is no http or https address",
            where=f"{setting} in {settings_file()}",
            mend="Write it with its scheme, such as https://api.example.org/v1.",
        )
    if parts.username is not None or parts.query:
        raise UserMustMend(
            f"the address of the provider {name!r} holds a user name, a password or a query",
            where=f"{setting} in {settings_file()}",
            mend=f"Write the address alone; a key belongs into {provider.api_key_env or 'api_key_env'}.",
        )
    return base_url


def _key(provider: ProviderEntry, environment: Mapping[str, str]) -> SecretStr | None:
    key = environment.get(provider.api_key_env or "", "").strip()
    return SecretStr(key) if key else None


def _proxy(base_url: str, environment: Mapping[str, str]) -> str | None:
    if urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        return None
    return environment.get("HTTPS_PROXY") or environment.get("https_proxy")


def _in_turn(names: tuple[str, ...], seats: int) -> list[str]:
    return [names[seat % len(names)] for seat in range(seats)]


def _counted(text: str) -> tuple[str, ...]:
    try:
        return parse_counts(text)
    except ValueError as error:
        raise UserMustMend(
            str(error), where=_MODEL_OPTION, mend='Write counts as "4 x gpt-4o, 4 x fundamentalist".'
        ) from None


def _exactly(names: tuple[str, ...], seats: int, where: str) -> list[str]:
    if len(names) != seats:
        raise UserMustMend(
            f"the counts add up to {len(names)} traders, the run has {seats} seats",
            where=where,
            mend="Change the counts, or --num-bots, so that they agree.",
        )
    return list(names)


def _unknown(name: str, catalogue: Catalogue) -> UserMustMend:
    known = [*catalogue.models, *catalogue.mixed, *STRATEGIES]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return UserMustMend(
        f"there is no trader named {name!r}",
        where=_MODEL_OPTION,
        mend=(f"Did you mean {' or '.join(near)}? " if near else "")
        + f"Names stand in {catalogue.where}; for a model that is not listed write provider:model.",
    )
