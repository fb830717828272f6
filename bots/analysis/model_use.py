"""What a run's models used: requests, tokens and cost, by model, from the journal's events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from bots.domain.errors import FailureKind
from bots.domain.records import (
    DecisionMade,
    DecisionNotMade,
    Event,
    ModelAsked,
    ModelReplied,
    ModelUse,
    RunEnded,
    RunResumed,
    Usage,
)

# Failures of requests that their providers may have billed all the same: what they cost is not known.
_MAYBE_BILLED = (None, FailureKind.TIMEOUT, FailureKind.BAD_REPLY, FailureKind.REFUSAL)


LEFT_TO_FALLBACK: Final = (FailureKind.PAUSED, FailureKind.OVER_BUDGET)
"""Why a fallback acts where its user wants it to, so that the decision is none that failed."""


@dataclass(slots=True)
class _Tally:
    requests: int = 0
    unanswered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    uncounted: int = 0
    cost_usd: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0
    given_up: int = 0
    most_tokens: int = 0
    most_cost_usd: Decimal = Decimal(0)
    seconds: float = 0.0
    served: set[str] = field(default_factory=set)

    def lose(self, most: Usage, *, maybe_billed: bool = True) -> None:
        """Take in a request that brought no reply, of which `most` was set aside."""
        self.unanswered += 1
        if maybe_billed:
            self.uncounted += 1
            self.given_up += 1
            self.set_aside(most, Usage())

    def set_aside(self, most: Usage, known: Usage) -> None:
        """Count what may have been used at most for what is not known."""
        if known.input_tokens is None or known.output_tokens is None:
            self.most_tokens += (most.input_tokens or 0) + (most.output_tokens or 0)
        if known.cost_usd is None:
            self.most_cost_usd += most.cost_usd or 0

    def add(self, event: ModelReplied, most: Usage) -> None:
        if event.reply is None:
            self.lose(most, maybe_billed=event.failure in _MAYBE_BILLED)
            return
        usage = event.usage
        self.set_aside(most, usage)
        self.input_tokens += usage.input_tokens or 0
        self.output_tokens += usage.output_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.reasoning_tokens += usage.reasoning_tokens or 0
        self.uncounted += usage.input_tokens is None or usage.output_tokens is None
        self.cost_usd += usage.cost_usd or 0
        self.priced += usage.cost_usd is not None
        self.unpriced += usage.cost_usd is None
        self.seconds += event.seconds
        if event.served_model:
            self.served.add(event.served_model)

    def of(self, model: str) -> ModelUse:
        free = self.priced and not self.cost_usd
        unpriced = self.unpriced + (0 if free else self.given_up)
        return ModelUse(
            model=model,
            served=tuple(sorted(self.served)),
            requests=self.requests,
            unanswered=self.unanswered,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=self.reasoning_tokens,
            uncounted=self.uncounted,
            cost_usd=None if unpriced and not self.priced else self.cost_usd,
            unpriced=unpriced,
            most_tokens=self.most_tokens,
            most_cost_usd=self.most_cost_usd,
            seconds=round(self.seconds, 3),
        )


_COUNTED = frozenset(  # most events are none of these, and to match each against all takes time
    {"model_asked", "model_replied", "run_resumed", "run_ended", "decision_failed", "decision_made"}
)


class ModelMeter:
    """Counts what models use as a run's events come.

    A request that stands open when the run ends, or goes on after it was cut short, is one without a reply.

    Attributes:
        over_budget: decisions that the run's limit of money or tokens left to the fallback.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.over_budget = 0
        self._tallies: dict[str, _Tally] = {}
        self._open: dict[int, ModelAsked] = {}  # by seat, what has no reply yet
        self._decided: set[int] = set()
        self._failed: set[int] = set()
        for event in events:
            self.listen(event)

    def listen(self, event: Event) -> None:
        """Take in one event of the run."""
        if event.event not in _COUNTED:
            return
        match event:
            case ModelAsked():
                self._open[event.seat] = event
                self._tallies.setdefault(event.model, _Tally()).requests += 1
            case ModelReplied() if event.seat in self._open:
                asked = self._open.pop(event.seat)
                self._tallies[asked.model].add(event, asked.most)
            case RunResumed() | RunEnded():
                self.cut_short()
            case DecisionNotMade():
                self.over_budget += event.kind is FailureKind.OVER_BUDGET
                if event.kind not in LEFT_TO_FALLBACK:
                    self._failed.add(event.seat)
            case DecisionMade(fallback=False):
                self._decided.add(event.seat)
            case _:
                pass

    def cut_short(self) -> None:
        """Take in that the requests without a reply will have none."""
        for asked in self._open.values():
            self._tallies[asked.model].lose(asked.most)
        self._open.clear()

    @property
    def undecided(self) -> tuple[int, ...]:
        """The seats whose every decision failed."""
        return tuple(sorted(self._failed - self._decided))

    @property
    def uses(self) -> tuple[ModelUse, ...]:
        """One entry a model, by name."""
        return tuple(self._tallies[model].of(model) for model in sorted(self._tallies))

    def line(self) -> str:
        """Return what was used in a few words; empty where no model was asked."""
        if not self._tallies:
            return ""
        tokens = sum(tally.input_tokens + tally.output_tokens for tally in self._tallies.values())
        return f"{tokens:,} tokens · {cost_text(self.uses)}"


def cost_text(uses: Iterable[ModelUse]) -> str:
    """Return the cost of all, and of how many requests it is not known; never 0 for what is not known."""
    uses = tuple(uses)
    known = sum((one.cost_usd for one in uses if one.cost_usd is not None), Decimal(0))
    unpriced = sum(one.unpriced for one in uses)
    if not unpriced:
        return f"{known:.4f} USD"
    if all(one.cost_usd is None for one in uses):
        return "cost unknown"
    return f"{known:.4f} USD and {unpriced} {'request' if unpriced == 1 else 'requests'} of unknown cost"
