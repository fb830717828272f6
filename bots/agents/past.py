"""What a trader did before its run was cut short, read from the journal, so that it goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from bots.agents.memory import DEFAULT_WINDOW, Memory
from bots.agents.page_notes import PageNotes
from bots.agents.told_rounds import ToldRounds
from bots.domain.market import Decision, MarketView
from bots.domain.period import follow
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    Event,
    PageSeen,
    SeatEnded,
    SeatOutcome,
)
from markets.values import often_made


@often_made(frozen=True, slots=True)
class Unfinished:
    """A decision whose page the trader had not left, as far as it was carried out.

    Attributes:
        page: name of the page it was made for.
        round: overall number of the round.
        sent: live messages sent for it, oldest first.
        answered: refs of those messages that the server answered.
        left: the form that leaves the page was sent.
    """

    page: str
    round: int | None
    decision: Decision
    sent: tuple[ActSent, ...] = ()
    answered: frozenset[str] = frozenset()
    left: bool = False

    def fits(self, view: MarketView) -> bool:
        """Tell whether `view` is the very page the decision was made for."""
        overall = view.round.overall if view.round else None
        return (view.page, overall) == (self.page, self.round)

    def after_sent(self, act: ActSent) -> Unfinished:
        """Return it with one more act sent."""
        form = act.act == "form"
        if form and self.left:
            return self
        sent = self.sent if form else (*self.sent, act)
        return Unfinished(self.page, self.round, self.decision, sent, self.answered, self.left or form)

    def after_answer(self, ref: str) -> Unfinished:
        """Return it with the answer to a live message known; nobody asks for those to forms."""
        if not self.sent or all(act.ref != ref for act in self.sent):
            return self
        answered = self.answered | {ref}
        return Unfinished(self.page, self.round, self.decision, self.sent, answered, self.left)


@dataclass(frozen=True, slots=True)
class Past:
    """One seat's past; the empty one is a trader that has not played yet.

    Attributes:
        view: the market page seen last.
        acts: how many names of acts are used up.
        decisions: how many names of decisions are used up.
        finished: the seat had come to its end.
        notes: what it remembers of pages outside markets.
        rounds: where the pages of a market stand that does not tell how many rounds went before.
    """

    memory: Memory = field(default_factory=Memory)
    view: MarketView | None = None
    acts: int = 0
    decisions: int = 0
    unfinished: Unfinished | None = None
    unanswered: tuple[str, ...] = ()  # refs of acts of which nothing more is on record
    finished: bool = False
    notes: PageNotes = field(default_factory=PageNotes)
    rounds: ToldRounds = field(default_factory=ToldRounds)

    @property
    def left_open(self) -> tuple[str, int] | None:
        """The decision page on which the run was cut short before the trader had left it."""
        if self.view is None or self.view.round is None or self.view.page not in ("trade", "forecast"):
            return None
        left = self.unfinished is not None and self.unfinished.left
        return None if left else (self.view.page, self.view.round.overall)

    @classmethod
    def of_seat(cls, events: Iterable[Event], seat: int, *, window: int | None = DEFAULT_WINDOW) -> Past:
        """Read one seat's past from a run's events, in the journal's order; `window` is its memory's."""
        own = [event for event in events if getattr(event, "seat", None) == seat]
        past = cls(memory=Memory.from_events(own, window=window), notes=PageNotes.from_events(own))
        for event in own:
            past = _after(past, event)
        return past


def _after(past: Past, event: Event) -> Past:
    match event:
        case PageSeen():
            return _seen(past, event)
        case DecisionMade():
            counted = past.decisions if event.fallback else past.decisions + 1
            if event.content.move is not None:
                return replace(past, decisions=counted)
            unfinished = Unfinished(event.page, event.round, event.content)
            return replace(past, decisions=counted, unfinished=unfinished)
        case DecisionNotMade():
            return replace(past, decisions=past.decisions + 1)
        case ActSent():
            sent = past.unfinished and past.unfinished.after_sent(event)
            waiting = (*past.unanswered, event.ref)
            return replace(past, acts=past.acts + 1, unfinished=sent, unanswered=waiting)
        case ActAnswered() | ActUnanswered():
            known = past.unfinished
            if known and isinstance(event, ActAnswered):
                known = known.after_answer(event.ref)
            return replace(past, unfinished=known, unanswered=_without(past.unanswered, event.ref))
        case SeatEnded():
            return replace(past, finished=event.outcome is SeatOutcome.FINISHED)
        case _:
            return past


def _seen(past: Past, event: PageSeen) -> Past:
    if event.is_news and past.view is not None:
        return replace(past, view=reduce(follow, event.frames, past.view))
    if event.view is None:
        return past
    kept = past.unfinished if past.unfinished and past.unfinished.fits(event.view) else None
    rounds = past.rounds.after(event.view, event.location)
    return replace(past, view=event.view, unfinished=kept, rounds=rounds)


def _without(refs: tuple[str, ...], ref: str) -> tuple[str, ...]:
    return tuple(one for one in refs if one != ref)


def decision_pages_between(before: MarketView, after: MarketView) -> Sequence[tuple[str, int]]:
    """Return (page, overall round) of the trade and forecast pages that lie between two pages.

    Both ends are left out. Forecast pages are counted where the round asks for a forecast.
    """
    if before.round is None or after.round is None:
        return ()
    first, last = before.round.overall, after.round.overall
    if 0 <= last - first <= 1 and (before.page, after.page) in _NEXT_TO_EACH_OTHER[last - first]:
        return ()
    pages = [
        (page, overall)
        for overall in range(first, last + 1)
        for page in ("trade", "forecast")
        if page == "trade" or _asks_forecasts(after, overall)
    ]
    low, high = _place(before.page, first), _place(after.page, last)
    return tuple(one for one in pages if low < _place(*one) < high)


_ORDER = ("phase_start", "trade", "forecast", "results", "final")
_SAME_ROUND = frozenset(
    {("phase_start", "trade"), ("trade", "forecast"), ("forecast", "results"), ("results", "final")}
)
_NEXT_TO_EACH_OTHER = (_SAME_ROUND, frozenset({("results", "trade"), ("final", "phase_start")}))


def _place(page: str, overall: int) -> tuple[int, int]:
    return overall, _ORDER.index(page) if page in _ORDER else -1


def _asks_forecasts(view: MarketView, overall: int) -> bool:
    practice = view.market.practice_rounds
    of = practice if overall <= practice else view.market.paid_rounds
    number = overall if overall <= practice else (overall - practice - 1) % of + 1
    return any(number + horizon <= of for horizon in view.market.forecast_horizons)
