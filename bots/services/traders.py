"""Who sits at each seat → decision makers that share clients, limits and budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from bots.adapters.models.allowances import Allowances, SharedAllowances
from bots.adapters.models.catalogue import Catalogue, ModelEntry, ProviderEntry
from bots.adapters.models.limits import Budget
from bots.adapters.models.scripted import ScriptedModel
from bots.agents.fallbacks import FALLBACKS
from bots.agents.llm import LlmTrader, Manner
from bots.agents.prompts import Wording
from bots.agents.strategies import STRATEGIES
from bots.domain.chat import ChatModel
from bots.domain.errors import UserMustMend
from bots.domain.ports import Clock, DecisionMaker
from bots.services.configuration import Settings
from bots.services.provider_reach import reach
from bots.services.trader_specs import TraderSpec

if TYPE_CHECKING:
    from bots.adapters.models.providers import Line


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
        allowances: room for requests that somebody else keeps; None keeps it here, within `budget`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        environment: Mapping[str, str],
        clock: Clock,
        budget: Budget | None = None,
        allowances: Allowances | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._settings = Settings(environment)
        self._clock = clock
        self.budget = budget or Budget()
        self.allowances = allowances or SharedAllowances(catalogue, clock, self.budget)
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

        return ProviderModel(self._line(entry.provider, provider), entry, self._clock)

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
                self.allowances.of(name),
            )
        return self._lines[name]
