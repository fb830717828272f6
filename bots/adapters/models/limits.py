"""What all bots of a process share when they ask one provider: pace, concurrency, and the run's budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal

from bots.domain.chat import ModelFailed
from bots.domain.errors import FailureKind
from bots.domain.ports import Clock
from bots.domain.records import Usage

# Seconds' worth of an allowance that may be used at once. Requests are spread, so that a round does not begin
# with all bots asking together; tokens are not, since providers count them by the minute.
_REQUEST_BURST = 1.0
_TOKEN_BURST = 20.0


@dataclass(slots=True)
class _Bucket:
    """Refills steadily; an amount larger than the bucket waits until it is full and owes the rest."""

    per_second: float
    capacity: float
    level: float
    at: float

    @classmethod
    def of(cls, per_minute: int, burst: float, now: float) -> _Bucket:
        capacity = max(1.0, per_minute / 60 * burst)
        return cls(per_minute / 60, capacity, capacity, now)

    def wait(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken."""
        self.level = min(self.capacity, self.level + (now - self.at) * self.per_second)
        self.at = now
        return max(0.0, (min(amount, self.capacity) - self.level) / self.per_second)


class Pace:
    """Requests and tokens a minute and requests at a time, first come, first served.

    Args:
        requests_per_minute, tokens_per_minute: None for no limit.
        concurrency: requests at a time.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        requests_per_minute: int | None,
        tokens_per_minute: int | None,
        concurrency: int,
    ) -> None:
        now = clock.monotonic()
        self._clock = clock
        self._requests = (
            None if requests_per_minute is None else _Bucket.of(requests_per_minute, _REQUEST_BURST, now)
        )
        self._tokens = None if tokens_per_minute is None else _Bucket.of(tokens_per_minute, _TOKEN_BURST, now)
        self._turn = asyncio.Lock()
        self._places = asyncio.Semaphore(concurrency)

    @asynccontextmanager
    async def place(self, tokens: int, deadline: float) -> AsyncIterator[None]:
        """Hold a place for one request of about `tokens`.

        Raises:
            ModelFailed: the limits leave no place before the deadline.
        """
        async with self._places:
            async with self._turn:
                await self._take(self._requests, 1, deadline)
                await self._take(self._tokens, tokens, deadline)
            yield

    def correct(self, estimated: int, used: int) -> None:
        """Give back, or take, the difference between tokens estimated and used."""
        if self._tokens is not None:
            self._tokens.level += estimated - used

    async def _take(self, bucket: _Bucket | None, amount: float, deadline: float) -> None:
        if bucket is None:
            return
        pause = bucket.wait(amount, self._clock.monotonic())
        if self._clock.monotonic() + pause >= deadline:
            raise ModelFailed(
                FailureKind.UNAVAILABLE,
                f"our own limit for this provider has no place for {pause:.1f} s, past the deadline",
            )
        await asyncio.sleep(pause)
        bucket.wait(amount, self._clock.monotonic())
        bucket.level -= amount


@dataclass(slots=True)
class Spent:
    """What a run has used so far; `unpriced` counts replies whose price nobody knows."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0


@dataclass(frozen=True, slots=True)
class Reservation:
    """The most that one request may use, set aside until its reply is there."""

    tokens: int
    cost_usd: Decimal | None


@dataclass(slots=True)
class Budget:
    """A run's hard limits. Each request sets aside the most it could use, so they hold under concurrency.

    Attributes:
        max_tokens, max_cost_usd: None for no limit.
    """

    max_tokens: int | None = None
    max_cost_usd: Decimal | None = None
    spent: Spent = field(default_factory=Spent)
    _reserved_tokens: int = 0
    _reserved_cost: Decimal = Decimal(0)

    def reserve(self, tokens: int, cost_usd: Decimal | None) -> Reservation:
        """Set aside what a request may use at most.

        Raises:
            ModelFailed: it does not fit, or a limit of money stands and the model's price is not known.
        """
        if (
            self.max_tokens is not None
            and self.spent.tokens + self._reserved_tokens + tokens > self.max_tokens
        ):
            raise _over(f"the run's limit of {self.max_tokens} tokens")
        if self.max_cost_usd is not None:
            if cost_usd is None:
                raise _over("no price is known for this model, so the run's limit of money")
            if self.spent.cost_usd + self._reserved_cost + cost_usd > self.max_cost_usd:
                raise _over(f"the run's limit of {self.max_cost_usd} USD")
        self._reserved_tokens += tokens
        self._reserved_cost += cost_usd or Decimal(0)
        return Reservation(tokens, cost_usd)

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Book what a request used: unknown usage counts as all that was set aside, None as nothing."""
        self._reserved_tokens -= reservation.tokens
        self._reserved_cost -= reservation.cost_usd or Decimal(0)
        if usage is None:
            return
        known = usage.input_tokens is not None and usage.output_tokens is not None
        self.spent.tokens += tokens_of(usage) if known else reservation.tokens
        cost = usage.cost_usd if usage.cost_usd is not None else reservation.cost_usd
        self.spent.cost_usd += cost or Decimal(0)
        self.spent.unpriced += cost is None


def tokens_of(usage: Usage) -> int:
    """Input and output tokens together; unknown ones count nothing."""
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _over(what: str) -> ModelFailed:
    return ModelFailed(FailureKind.OVER_BUDGET, f"{what} leaves no room for another request")
