"""A run's journal, read once and put in order: who sat where, what the market did, what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from bots.analysis.otree_tables import OTreeTables
from bots.analysis.period_fills import own_numbers
from bots.analysis.run_data import fundamental_path, rounds_before
from bots.domain.market import (
    FinalResult,
    ForecastInput,
    MarketRules,
    MarketView,
    OwnRound,
    PastRound,
    Period,
    Units,
)
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    Event,
    ModelAsked,
    ModelReplied,
    PageMissed,
    PageSeen,
    RunManifest,
    SeatEnded,
    SeatOpened,
    SeatRecord,
)
from markets.rounds import Phase

RoundKey = tuple[Phase, int]  # phase, number within it; paid markets in a row are numbered through


@dataclass(frozen=True, slots=True)
class Sent:
    """One act with the server's answer, or with why there is none."""

    act: ActSent
    answer: ActAnswered | None
    unanswered: ActUnanswered | None
    inputs: tuple[ForecastInput, ...] = ()  # what the page asked, on forecast pages
    after: str = ""  # the seat's latest decision before it


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a model with what came back; None where the run ended first."""

    asked: ModelAsked
    replied: ModelReplied | None


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: how the trader's own attempt failed, if it did, and what was decided in the end."""

    name: str
    page: str
    overall: int | None
    failed: DecisionNotMade | None
    made: DecisionMade | None


@dataclass(slots=True)
class PlayedSeat:
    """One bot's way through the session."""

    record: SeatRecord
    market: int = 1
    rules: MarketRules | None = None
    history: dict[RoundKey, PastRound] = field(default_factory=dict)
    own: dict[RoundKey, OwnRound] = field(default_factory=dict)
    periods: dict[RoundKey, Period] = field(default_factory=dict)  # of a double auction, once they are over
    steps: dict[int, dict[int, int]] = field(default_factory=dict)  # overall round → trade's number → step
    units: Units | None = None  # with induced values and costs
    final: FinalResult | None = None
    pages: list[PageSeen] = field(default_factory=list)
    missed: list[PageMissed] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    decisions: list[Decided] = field(default_factory=list)
    calls: dict[str, list[Call]] = field(default_factory=dict)  # by decision, in order
    ended: SeatEnded | None = None

    @property
    def kind(self) -> str:
        """`model` or `strategy`: models are named provider:model."""
        return "model" if ":" in self.record.trader or self.calls else "strategy"


@dataclass(frozen=True)
class PlayedRun:
    """What a run folder says.

    Attributes:
        name: of the folder, e.g. `run-3`.
        seats: by seat number.
        torn: whether the journal's last line was cut by a crash.
        otree: the server's own tables of the session, where people took part.
    """

    folder: Path
    name: str
    manifest: RunManifest
    seats: Mapping[int, PlayedSeat]
    torn: bool = False
    otree: OTreeTables | None = None

    @property
    def markets(self) -> tuple[int, ...]:
        """Numbers of the markets the bots traded in."""
        return tuple(sorted({seat.market for seat in self.seats.values()}))

    @cached_property
    def rules(self) -> MarketRules | None:
        """The session's parameters; None where no bot saw a page of the shipped market."""
        return next((seat.rules for seat in self.seats.values() if seat.rules), None)

    def seats_of(self, market: int) -> list[PlayedSeat]:
        """Return the bots of a market, by seat number."""
        return [seat for seat in self.seats.values() if seat.market == market]

    def history(self, market: int) -> dict[RoundKey, PastRound]:
        """Return the rounds any bot of the market has seen finished, practice first, in order."""
        rounds: dict[RoundKey, PastRound] = {}
        for seat in self.seats_of(market):
            rounds.update(seat.history)
        return {key: rounds[key] for key in sorted(rounds, key=_in_order)}

    def fundamental(self, key: RoundKey) -> Decimal | None:
        """Return the fundamental value of a paid round, cash per share; None in practice, and for units."""
        phase, number = key
        if phase == "practice" or self.rules is None or self.rules.induced:
            return None
        market, number = divmod(number - 1, self.rules.paid_rounds)
        return self._fundamentals[number] if market < self.rules.paid_markets else None

    def value_after(self, key: RoundKey) -> Decimal | None:
        """Return what a share is worth after a paid round: the next one's fundamental value, or buy-back."""
        phase, number = key
        if phase == "practice" or self.rules is None or self.rules.induced:
            return None
        last = number % self.rules.paid_rounds == 0
        return self.rules.buy_back if last else self.fundamental((phase, number + 1))

    @cached_property
    def _fundamentals(self) -> tuple[Decimal, ...]:
        return fundamental_path(self.rules) if self.rules else ()

    def round_of(self, overall: int | None) -> RoundKey | None:
        """Return phase and number of the session's `overall`-th round."""
        if overall is None or self.rules is None:
            return None
        practice = self.rules.practice_rounds
        return ("practice", overall) if overall <= practice else ("paid", overall - practice)

    def overall(self, key: RoundKey) -> int:
        """Return which round of the session a round is."""
        practice = self.rules.practice_rounds if self.rules else 0
        return key[1] if key[0] == "practice" else practice + key[1]


def _in_order(key: RoundKey) -> tuple[bool, int]:
    return key[0] != "practice", key[1]


def played(
    folder: Path,
    manifest: RunManifest,
    events: Sequence[Event],
    *,
    torn: bool = False,
    otree: OTreeTables | None = None,
) -> PlayedRun:
    """Put a journal's events in order, beside oTree's own tables where the run has them."""
    seats = {record.seat: PlayedSeat(record) for record in manifest.seats}
    by_seat: dict[int, list[Event]] = {}
    for event in events:
        number = getattr(event, "seat", None)
        if number is None:
            continue
        by_seat.setdefault(number, []).append(event)
        if number not in seats and isinstance(event, SeatOpened):
            record = SeatRecord(
                seat=number, participant=event.participant, trader=event.trader, seed=event.seed
            )
            seats[number] = PlayedSeat(record)
    for number, own in by_seat.items():
        if number in seats:
            _follow(seats[number], own)
    _tell_markets_apart(seats.values(), otree)
    return PlayedRun(folder, folder.resolve().name, manifest, dict(sorted(seats.items())), torn, otree)


def _follow(seat: PlayedSeat, events: Iterable[Event]) -> None:
    """Go through one seat's events in order."""
    events = list(events)
    answers = {event.ref: event for event in events if isinstance(event, ActAnswered)}
    unanswered = {event.ref: event for event in events if isinstance(event, ActUnanswered)}
    replies = {(e.decision, e.attempt): e for e in events if isinstance(e, ModelReplied)}
    inputs: tuple[ForecastInput, ...] = ()
    overall: int | None = None
    latest = ""
    for event in events:
        match event:
            case PageSeen(is_news=True):  # the same page, with what it has been told since
                for frame in event.frames:
                    _hear(seat, overall, frame)
            case PageSeen():
                seat.pages.append(event)
                if event.view is not None:
                    overall = event.view.round.overall if event.view.round else None
                    inputs = event.view.forecast_inputs
                    _learn(seat, event.view)
            case PageMissed():
                seat.missed.append(event)
            case ActAnswered():
                _hear(seat, overall, event.content)
            case ActSent():
                told = answers.get(event.ref), unanswered.get(event.ref)
                seat.sent.append(Sent(event, *told, inputs, latest))
            case DecisionMade():
                latest = event.decision
            case ModelAsked():
                reply = replies.get((event.decision, event.attempt))
                seat.calls.setdefault(event.decision, []).append(Call(event, reply))
            case SeatEnded():
                seat.ended = event
            case _:
                pass
    seat.decisions.extend(_decided(events))


def _hear(seat: PlayedSeat, overall: int | None, frame: Mapping[str, Any] | None) -> None:
    """Note at which step of a double auction's period the trader's own trades were made."""
    if overall is not None and frame and "seq" in frame and frame.get("own_trades"):
        steps = seat.steps.setdefault(overall, {})
        steps.update((number, int(frame["seq"])) for number in own_numbers(frame))


def _learn(seat: PlayedSeat, view: MarketView) -> None:
    seat.rules, before = view.market, rounds_before(view)
    seat.units = view.units or seat.units
    for past in view.history:
        seat.history[past.phase, before + past.number] = past
    for own in view.own:
        seat.own[own.phase, before + own.number] = own
    if view.page == "results" and view.round is not None and view.period is not None:
        seat.periods[view.round.phase, before + view.round.number] = view.period
    if view.final is not None and view.final.phase == "paid":
        seat.final = view.final


def _decided(events: Iterable[Event]) -> Iterator[Decided]:
    """Return decisions in the order they were begun; a failed one is joined to what the fallback made."""
    failed: dict[str, DecisionNotMade] = {}
    made: dict[str, DecisionMade] = {}
    order: dict[str, None] = {}
    for event in events:
        if isinstance(event, DecisionNotMade):
            failed[event.decision] = event
        elif isinstance(event, DecisionMade):
            made[event.decision] = event
        elif not isinstance(event, ModelAsked):
            continue
        order.setdefault(event.decision)
    for name in order:
        outcome = made.get(name) or failed.get(name)
        if outcome is not None:
            yield Decided(name, outcome.page, outcome.round, failed.get(name), made.get(name))


def _tell_markets_apart(seats: Iterable[PlayedSeat], otree: OTreeTables | None) -> None:
    """Number the markets as oTree does; without its tables by what their traders saw.

    Pages do not name a trader's market, but what everybody in it knows does: seats that saw different prices,
    volumes or dividends are in different ones.
    """
    named = otree.market_of if otree else {}
    seats = list(seats)
    if all(seat.record.participant in named for seat in seats):
        for seat in seats:
            seat.market = named[seat.record.participant]
        return
    markets: list[dict[RoundKey, PastRound]] = []
    for seat in seats:
        for number, known in enumerate(markets, start=1):
            if all(known[key] == past for key, past in seat.history.items() if key in known):
                known.update(seat.history)
                seat.market = number
                break
        else:
            markets.append(dict(seat.history))
            seat.market = len(markets)
