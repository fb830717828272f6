"""What all bots of a process share when they ask one provider: pace, concurrency, and the run's budget."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal

from bots.domain.chat import ModelFailed
from bots.domain.errors import FailureKind
from bots.domain.ports import Clock
from bots.domain.records import ModelUse, Usage

_MINUTE = 60.0
_TICK = 0.001  # seconds; clocks tell no smaller steps apart reliably
_LAST_MOMENT = 0.05  # seconds before the deadline at which waiting for room in the budget ends


class _Requests:
    """Refills steadily and holds a second's worth, so that a round does not begin with all bots at once.

    The rate is what a full bucket leaves of the allowance: no 60 seconds pass more than it.
    """

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = max(1.0, per_minute / _MINUTE)
        self._rate = max(per_minute - self._capacity, per_minute / 2) / _MINUTE
        self._level, self._at = self._capacity, now

    def wait(self, now: float) -> float:
        """Seconds until one may be sent."""
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        return max(0.0, (1 - self._level) / self._rate)

    def take(self, now: float) -> None:
        self.wait(now)
        self._level -= 1


@dataclass(slots=True)
class Taken:
    """Tokens taken from a minute's allowance: an estimate until the reply tells how many it were."""

    at: float
    tokens: int


class _Tokens:
    """Those of the last 60 seconds, as providers count; more than the allowance waits until none are left."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._taken: deque[Taken] = deque()

    def wait(self, tokens: int, now: float) -> float:
        """Seconds until `tokens` may be taken."""
        while self._taken and self._taken[0].at <= now - _MINUTE:
            self._taken.popleft()
        left, room = sum(one.tokens for one in self._taken), self._most - min(tokens, self._most)
        pause = 0.0
        for one in self._taken:
            if left <= room:
                break
            left -= one.tokens
            pause = one.at + _MINUTE - now
        return max(0.0, pause)

    def take(self, tokens: int, now: float) -> Taken:
        taken = Taken(now, tokens)
        self._taken.append(taken)
        return taken


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
        self._clock = clock
        self._requests = (
            None if requests_per_minute is None else _Requests(requests_per_minute, clock.monotonic())
        )
        self._tokens = None if tokens_per_minute is None else _Tokens(tokens_per_minute)
        self._turn = asyncio.Lock()
        self._places = asyncio.Semaphore(concurrency)
        self._corrected = asyncio.Event()

    @asynccontextmanager
    async def place(self, tokens: int, deadline: float) -> AsyncIterator[Taken]:
        """Hold a place for one request of about `tokens`.

        Raises:
            ModelFailed: the limits leave no place before the deadline.
        """
        async with self._places:
            async with self._turn:
                if (requests := self._requests) is not None:
                    await self._until_free(requests.wait, deadline)
                    requests.take(self._clock.monotonic())
                taken = await self._take(tokens, deadline)
            yield taken

    def correct(self, taken: Taken, used: int) -> None:
        """Put the tokens a request really used in the place of its estimate."""
        taken.tokens = used
        self._corrected.set()

    async def _take(self, tokens: int, deadline: float) -> Taken:
        limit = self._tokens
        if limit is None:
            return Taken(self._clock.monotonic(), tokens)
        await self._until_free(lambda now: limit.wait(tokens, now), deadline)
        return limit.take(tokens, self._clock.monotonic())

    async def _until_free(self, wait: Callable[[float], float], deadline: float) -> None:
        """Wait as long as `wait` says, which a correction may shorten."""
        while (pause := wait(now := self._clock.monotonic())) > 0:
            if now + pause >= deadline:
                raise ModelFailed(
                    FailureKind.UNAVAILABLE,
                    f"our own limit for this provider has no place for {pause:.1f} s, past the deadline",
                )
            self._corrected.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(pause, _TICK)):
                    await self._corrected.wait()


@dataclass(slots=True)
class Spent:
    """What a run has used so far; `unpriced` counts replies whose price nobody knows."""

    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    unpriced: int = 0

    def add(self, other: Spent) -> None:
        """Count what another has used, too."""
        self.tokens += other.tokens
        self.cost_usd += other.cost_usd
        self.unpriced += other.unpriced


def spent_on(uses: Iterable[ModelUse]) -> Spent:
    """Return what earlier parts of a run used, as its budget counts it: the unknown at its most."""
    spent = Spent()
    for use in uses:
        spent.tokens += use.input_tokens + use.output_tokens + use.most_tokens
        spent.cost_usd += (use.cost_usd or 0) + use.most_cost_usd
        spent.unpriced += use.unpriced
    return spent


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
    _settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, tokens: int, cost_usd: Decimal | None, deadline: float) -> Reservation:
        """Set aside what a request may use at most.

        Where only what others have set aside leaves no room, wait for their replies, which mostly use less.

        Raises:
            ModelFailed: it does not fit beside what is spent, or found no room before `deadline`, or a limit
                of money stands and the model's price is not known.
        """
        if self.max_cost_usd is not None and cost_usd is None:
            raise _over("no price is known for this model, so the run's limit of money")
        wanted = Reservation(tokens, cost_usd)
        try:
            async with asyncio.timeout_at(deadline - _LAST_MOMENT):
                while self._limit_without_room(wanted, self._reserved_tokens, self._reserved_cost):
                    if limit := self._limit_without_room(wanted, 0, Decimal(0)):
                        raise _over(limit)
                    self._settled.clear()
                    await self._settled.wait()
        except TimeoutError:
            raise _over(
                "until the deadline, the run's limit, of which others have set the rest aside,"
            ) from None
        self._reserved_tokens += tokens
        self._reserved_cost += cost_usd or Decimal(0)
        return wanted

    def _limit_without_room(self, wanted: Reservation, tokens: int, cost_usd: Decimal) -> str | None:
        """Name the limit that `wanted` would pass beside what is spent and `tokens` and `cost_usd`."""
        if self.max_tokens is not None and self.spent.tokens + tokens + wanted.tokens > self.max_tokens:
            return f"the run's limit of {self.max_tokens} tokens"
        cost = wanted.cost_usd or Decimal(0)
        if self.max_cost_usd is not None and self.spent.cost_usd + cost_usd + cost > self.max_cost_usd:
            return f"the run's limit of {self.max_cost_usd} USD"
        return None

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Book what a request used: unknown usage counts as all that was set aside, None as nothing."""
        self._reserved_tokens -= reservation.tokens
        self._reserved_cost -= reservation.cost_usd or Decimal(0)
        self._settled.set()
        self.spent.add(_booked(reservation, usage))


def booked(most: Usage, usage: Usage | None) -> Spent:
    """Return what a request used that might have used `most`, as budgets count it; `usage` as in `settle`."""
    return _booked(Reservation(tokens_of(most), most.cost_usd), usage)


def _booked(reservation: Reservation, usage: Usage | None) -> Spent:
    if usage is None:
        return Spent()
    known = usage.input_tokens is not None and usage.output_tokens is not None
    cost = usage.cost_usd if usage.cost_usd is not None else reservation.cost_usd
    return Spent(tokens_of(usage) if known else reservation.tokens, cost or Decimal(0), int(cost is None))


def tokens_of(usage: Usage) -> int:
    """Input and output tokens together; unknown ones count nothing."""
    return (usage.input_tokens or 0) + (usage.output_tokens or 0)


def _over(what: str) -> ModelFailed:
    return ModelFailed(FailureKind.OVER_BUDGET, f"{what} leaves no room for another request")
