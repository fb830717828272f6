"""What a trader carries from round to round: an immutable value that grows by what it does and is told.

Everything is kept; `remembered` is the window that a decision is given. The text of a plan or an answer is
the trader's or the server's own and is treated as data wherever it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from bots.agents.rules import order_text
from bots.domain.market import Decision, MarketView, OrderIntent, RoundRef
from bots.domain.pages import Answer
from bots.domain.ports import Remembered
from bots.domain.records import ActAnswered, ActSent, ActUnanswered, DecisionMade, Event, PageSeen

DEFAULT_WINDOW = 5  # rounds


@dataclass(frozen=True, slots=True)
class Memory:
    """Rounds of one trader, oldest first.

    Attributes:
        rounds: everything remembered.
        window: how many rounds a decision is given; 0 is a trader without memory, None gives all.
    """

    rounds: tuple[Remembered, ...] = ()
    window: int | None = DEFAULT_WINDOW

    @property
    def remembered(self) -> tuple[Remembered, ...]:
        """What the next decision is given, oldest first: all reflections and the latest `window` rounds."""
        if self.window is None:
            return self.rounds
        if self.window <= 0:
            return ()
        if not any(one.reflection for one in self.rounds):
            return self.rounds[-self.window :]
        rounds = [number for number, one in enumerate(self.rounds) if not one.reflection]
        recent = set(rounds[-self.window :])
        return tuple(one for number, one in enumerate(self.rounds) if one.reflection or number in recent)

    @property
    def keeps(self) -> bool:
        """Whether anything is remembered in later rounds."""
        return self.window is None or self.window > 0

    def after_decision(self, view: MarketView, decision: Decision) -> Memory:
        """Return the memory with a decision's plan, insight, reasoning and forecasts.

        A later page of the same round adds to it and overwrites only what it says anew. What is said on the
        last page of a phase is a reflection, which is kept apart and never falls out of the window.
        """
        if view.round is None:
            return self
        if view.page == "final":
            return self._reflected(view.round, decision)
        return self._noted(view.round, lambda old: _with_words(old, view, decision))

    def after_answer(self, view: MarketView, order: OrderIntent, answer: Answer) -> Memory:
        """Return the memory with an order and what the server said to it."""
        if view.round is None:
            return self
        outcome = (
            "accepted" if answer.accepted else "refused: " + (" ".join(answer.words) or "no reason given")
        )
        return self._with_order(view.round, f"{order_text(order)} ({outcome})")

    @classmethod
    def from_events(cls, events: Iterable[Event], *, window: int | None = DEFAULT_WINDOW) -> Memory:
        """Rebuild the memory of one seat from its events, in the journal's order."""
        return _Rebuilding(cls(window=window)).after(events)

    def _reflected(self, where: RoundRef, decision: Decision) -> Memory:
        if not (decision.plan or decision.insight):
            return self
        one = Remembered(
            phase=where.phase,
            round=where.number,
            plan=decision.plan,
            insight=decision.insight,
            market=where.market,
            reflection=True,
        )
        return replace(self, rounds=(*self.rounds, one))

    def _with_order(self, where: RoundRef, line: str) -> Memory:
        return self._noted(where, lambda old: replace(old, orders=(*old.orders, line)))

    def _noted(self, where: RoundRef, change: Callable[[Remembered], Remembered]) -> Memory:
        blank = Remembered(phase=where.phase, round=where.number, market=where.market)
        latest = self.rounds[-1] if self.rounds else None
        if latest is not None and not latest.reflection and _when(latest) == _when(blank):
            return replace(self, rounds=(*self.rounds[:-1], change(latest)))
        return replace(self, rounds=(*self.rounds, change(blank)))


class Recollection:
    """One trader's memory while it plays: it takes in what happened once somebody asks for it.

    Most strategies never do, and their rounds cost them nothing.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._changes: list[Callable[[Memory], Memory]] = []

    @property
    def keeps(self) -> bool:
        """Whether anything is remembered in later rounds."""
        return self._memory.keeps

    @property
    def remembered(self) -> tuple[Remembered, ...]:
        """What the next decision is given."""
        for change in self._changes:
            self._memory = change(self._memory)
        self._changes.clear()
        return self._memory.remembered

    def decided(self, view: MarketView, decision: Decision) -> None:
        """Take in a decision, as `Memory.after_decision`."""
        self._changes.append(lambda memory: memory.after_decision(view, decision))

    def answered(self, view: MarketView, order: OrderIntent, answer: Answer) -> None:
        """Take in what the server said to an order, as `Memory.after_answer`."""
        self._changes.append(lambda memory: memory.after_answer(view, order, answer))


def _when(one: Remembered) -> tuple[str, int, int]:
    return one.phase, one.market, one.round


def _with_words(old: Remembered, view: MarketView, decision: Decision) -> Remembered:
    rounds = {wanted.field: wanted.round for wanted in view.forecast_inputs}
    forecasts = tuple(
        f"round {rounds[one.field]}: {one.value:f}" for one in decision.forecasts if one.field in rounds
    )
    return replace(
        old,
        plan=decision.plan or old.plan,
        insight=decision.insight or old.insight,
        reasoning=decision.reasoning or old.reasoning,
        forecasts=forecasts or old.forecasts,
    )


class _Rebuilding:
    """Follows a seat's events; the only state is where the trader is and which orders await an answer."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._view: MarketView | None = None
        self._sent: dict[str, tuple[MarketView, OrderIntent]] = {}

    def after(self, events: Iterable[Event]) -> Memory:
        for event in events:
            self._follow(event)
        return self._memory

    def _follow(self, event: Event) -> None:
        match event:
            case PageSeen(view=MarketView() as view):
                self._view = view
            case DecisionMade(content=decision) if self._view is not None:
                self._memory = self._memory.after_decision(self._view, decision)
            case ActSent(act="live", content={"type": "place"} as message) if self._view is not None:
                self._sent[event.ref] = (self._view, _intent(message))
            case ActAnswered(ref=ref) if ref in self._sent:
                self._answered(ref, Answer(event.accepted, event.words))
            case ActUnanswered(ref=ref) if ref in self._sent:
                self._answered(ref, Answer(accepted=False, words=(event.reason,)))
            case _:
                pass

    def _answered(self, ref: str, answer: Answer) -> None:
        view, order = self._sent.pop(ref)
        self._memory = self._memory.after_answer(view, order, answer)


def _intent(message: dict[str, Any]) -> OrderIntent:
    return OrderIntent.model_validate({key: message[key] for key in ("side", "quantity", "limit")})
