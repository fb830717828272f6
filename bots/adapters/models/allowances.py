"""What requests to models are allowed: room within a provider's pace and the budget, while one is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from bots.adapters.models.catalogue import Catalogue
from bots.adapters.models.limits import Budget, Pace, tokens_of
from bots.domain.ports import Clock
from bots.domain.records import Usage


@dataclass(slots=True)
class Held:
    """Room for one request.

    Attributes:
        usage: what it used, once that is known: what stays unknown counts as all that was set aside, since a
            request that is given up may have been billed; None counts as nothing.
    """

    usage: Usage | None = field(default_factory=Usage)


class Allowance(Protocol):
    """Room for the requests to one provider."""

    def hold(self, tokens: int, most: Usage, deadline: float) -> AbstractAsyncContextManager[Held]:
        """Hold room for one request until it is over.

        Args:
            tokens: it takes about.
            most: it may use.
            deadline: monotonic seconds.

        Raises:
            ModelFailed: there is no room before the deadline.
        """


class Allowances(Protocol):
    """Where room for requests is had."""

    def of(self, provider: str) -> Allowance:
        """Return the allowance of a provider; always the same one."""


@dataclass(frozen=True, slots=True)
class SharedAllowance:
    """Room that all who ask one provider in this process share."""

    pace: Pace
    budget: Budget

    @asynccontextmanager
    async def hold(self, tokens: int, most: Usage, deadline: float) -> AsyncIterator[Held]:
        async with self.pace.place(tokens, deadline) as taken:
            reservation = await self.budget.reserve(tokens_of(most), most.cost_usd, deadline)
            held = Held()
            try:
                yield held
            finally:
                self.budget.settle(reservation, held.usage)
        if held.usage is not None and held.usage.input_tokens is not None:
            self.pace.correct(taken, tokens_of(held.usage))


@dataclass(slots=True)
class SharedAllowances:
    """One pace a provider, and one budget over all of them."""

    catalogue: Catalogue
    clock: Clock
    budget: Budget
    _made: dict[str, SharedAllowance] = field(default_factory=dict)

    def of(self, provider: str) -> SharedAllowance:
        """Return the allowance of a provider; always the same one."""
        if provider not in self._made:
            entry = self.catalogue.providers[provider]
            pace = Pace(
                self.clock,
                requests_per_minute=entry.requests_per_minute,
                tokens_per_minute=entry.tokens_per_minute,
                concurrency=entry.concurrency,
            )
            self._made[provider] = SharedAllowance(pace, self.budget)
        return self._made[provider]
