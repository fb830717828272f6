"""What is kept of a run: the journal's events and the manifest, both versioned.

The journal is append-only, one event a line, written through before the act it describes is sent. Every
other file of a run is derived from it. Events never hold keys; text of pages and replies is kept as data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from bots.domain.errors import FailureKind
from bots.domain.market import Decision, MarketView, Value
from bots.domain.pages import Control, Form, LiveMessage
from bots.domain.pages import Field as FormField

JOURNAL_VERSION = 1


class RunOutcome(StrEnum):
    """How a run ended; `running` in a manifest whose process is gone means it was killed."""

    RUNNING = "running"
    FINISHED = "finished"
    SEATS_FAILED = "seats-failed"
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"
    FAILED = "failed"  # a bug or a lost machine: no seat could go on


class SeatOutcome(StrEnum):
    """How one seat ended."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    INTERRUPTED = "interrupted"


class Usage(Value):
    """What one exchange with a model cost. None: not known, which is never 0."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None


class SeatRecord(Value):
    """One bot's seat in the manifest."""

    seat: int
    participant: str
    trader: str
    asked: str = ""  # the name the user gave, by which the trader is found again
    persona: str = ""  # name of the persona its model was given; empty for none
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: int
    outcome: SeatOutcome = SeatOutcome.RUNNING
    reason: str = ""


class ModelUse(Value):
    """What one model was asked and used in a run.

    Attributes:
        model: as asked for.
        served: models that answered, as their providers name them.
        unanswered: requests that brought no reply.
        uncounted: requests that were or may have been billed, whose tokens are not known and not in the sums.
        cost_usd: of the replies whose price is known; None where none is.
        unpriced: requests that were or may have been billed, whose cost is not known.
        most_tokens, most_cost_usd: the most that requests of unknown tokens and unknown cost may have used,
            as the run's limits count them; in no other sum.
        seconds: from request to reply, summed over replies.
    """

    model: str
    served: tuple[str, ...] = ()
    requests: int
    unanswered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    uncounted: int = 0
    cost_usd: Decimal | None = None
    unpriced: int = 0
    most_tokens: int = 0
    most_cost_usd: Decimal = Decimal(0)
    seconds: float = 0.0


class RunManifest(Value):
    """What was run, with what, and how it ended; `manifest.json` of a run folder."""

    version: int = JOURNAL_VERSION
    run: int
    run_id: str  # unique among all runs; part of every ref sent to the server
    production: bool
    notes: str
    url: str
    model: str
    command: tuple[str, ...]
    started: datetime
    resumed: tuple[datetime, ...] = ()
    ended: datetime | None = None
    outcome: RunOutcome = RunOutcome.RUNNING
    reason: str = ""
    subjects: int  # participant links of the session
    bots: int
    timeout_minutes: float
    wait_minutes: float | None = None  # longest stay on one wait page; None: to the run's end
    fallback: str
    period_decisions: int = 30  # most of one trader in a period of a double auction
    period_pause: float = 0.0  # least seconds between two of them
    form_fallback: str = "default"  # how forms outside markets are answered where nobody decides
    transport: str = "browser"
    seed: int
    seats: tuple[SeatRecord, ...]
    packages: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] = Field(default_factory=dict)  # commit, dirty
    machine: dict[str, Any] = Field(default_factory=dict)
    configuration: dict[str, Any] = Field(default_factory=dict)  # as resolved; never a key
    server: dict[str, Any] = Field(default_factory=dict)  # oTree's version, session and its configuration
    max_tokens: int | None = None  # limits of the whole run; None for none
    max_cost_usd: Decimal | None = None
    prices: str = ""  # name and version of the price table
    prompts: str = ""  # hash of the prompts' texts
    models: tuple[ModelUse, ...] = ()
    over_budget: int = 0  # decisions that a limit left to the fallback
    undecided: tuple[int, ...] = ()  # seats whose every decision failed


class _Event(Value):
    at: datetime  # UTC


class _SeatEvent(_Event):
    seat: int  # 1 is the first link of the run's bots


class RunDescribed(_Event):
    """The first event of a run: all that its other files say and the later events do not."""

    event: Literal["run_described"] = "run_described"
    version: int = JOURNAL_VERSION
    manifest: RunManifest  # as it was when the run began
    links: dict[int, str]  # of all participants of the session, by their number; none in process


class RunStarted(_Event):
    event: Literal["run_started"] = "run_started"
    version: int = JOURNAL_VERSION
    seats: int


class RunResumed(_Event):
    """A run that was cut short goes on in a new process."""

    event: Literal["run_resumed"] = "run_resumed"
    torn: bool  # the journal ended in half a line, which was cut off


class SeatOpened(_SeatEvent):
    event: Literal["seat_opened"] = "seat_opened"
    participant: str  # oTree's participant code
    trader: str  # name of the model or strategy
    seed: int


class WentToBrowser(_SeatEvent):
    """A trader without a browser goes on in one, as the page at `location` cannot be used without it."""

    event: Literal["went_to_browser"] = "went_to_browser"
    location: str
    reason: str


class PageSeen(_SeatEvent):
    """A page as the trader saw it; `view` on pages of the shipped market, `text` on others.

    `form` is kept where the page asks for something. `again`: the same loading of the page, seen once more
    after live frames or after its own script changed it.
    """

    event: Literal["page_seen"] = "page_seen"
    page: str
    kind: str
    location: str
    title: str = ""
    seconds_left: float | None = None
    timer: float | None = None  # seconds that the page's timer ran when it was opened; outside markets
    view: MarketView | None = None
    text: str = ""
    form: Form | None = None
    errors: tuple[str, ...] = ()
    live: bool = False
    frames: tuple[dict[str, Any], ...] = ()  # since the page was seen last
    revision: int = 0
    again: bool = False
    controls: tuple[Control, ...] = ()
    inputs: tuple[FormField, ...] = ()
    messages: tuple[LiveMessage, ...] = ()

    @property
    def is_news(self) -> bool:
        """Whether it tells only what a market page, recorded before, has heard since: its `frames`."""
        return self.again and self.kind == "market"


class ModelAsked(_SeatEvent):
    """One request to a model, written before it is sent."""

    event: Literal["model_asked"] = "model_asked"
    decision: str  # names the decision this call belongs to, unique in a run
    attempt: int  # from 1; a re-ask or retry is the next attempt
    model: str  # as asked for: provider:model
    parameters: dict[str, Any] = Field(default_factory=dict)
    prompt: str  # all messages of this request that no earlier attempt of the decision holds
    prompt_hash: str
    most: Usage = Usage()  # the most it may use, as the run's limits set it aside


class ModelReplied(_SeatEvent):
    """What came back, raw; `error` instead where nothing usable came, and of which kind the failure was.

    A request that the trader itself gave up has an error of no kind.
    """

    event: Literal["model_replied"] = "model_replied"
    decision: str
    attempt: int
    served_model: str | None = None
    reply: str | None = None
    finish: Literal["complete", "cut", "refused"] = "complete"
    error: str | None = None
    failure: FailureKind | None = None
    seconds: float
    usage: Usage = Usage()


class DecisionMade(_SeatEvent):
    """A decision as validated; `by` says who made it: the trader itself or the declared fallback."""

    event: Literal["decision_made"] = "decision_made"
    decision: str
    page: str
    round: int | None  # overall number
    by: str
    fallback: bool = False
    seconds: float
    content: Decision


class DecisionNotMade(_SeatEvent):
    """A decision that failed; a fallback's `decision_made` follows, except where a trader was to reflect."""

    event: Literal["decision_failed"] = "decision_failed"
    decision: str
    page: str
    round: int | None
    kind: FailureKind
    reason: str
    seconds: float


class ActSent(_SeatEvent):
    """An act, written before it is sent: a live message (`ref` names it) or a form's values."""

    event: Literal["act_sent"] = "act_sent"
    act: Literal["form", "live", "use"]
    page: str
    location: str
    round: int | None
    ref: str  # unique in a run
    content: dict[str, Any]
    decision: str = ""  # that it carries out; empty on pages of the market, where page and round tell


class ActAnswered(_SeatEvent):
    event: Literal["act_answered"] = "act_answered"
    ref: str
    accepted: bool
    words: tuple[str, ...] = ()
    content: dict[str, Any] | None = None


class ActUnanswered(_SeatEvent):
    """No answer came in time: the act may or may not have reached the server."""

    event: Literal["act_unanswered"] = "act_unanswered"
    ref: str
    reason: str


class PageMissed(_SeatEvent):
    """The page's time was over, or the server moved on, before the trader had acted."""

    event: Literal["page_missed"] = "page_missed"
    page: str
    round: int | None
    reason: str


class SeatPaused(_SeatEvent):
    """Whoever watches the run paused the trader: its fallback decides until `seat_unpaused`, or a resume."""

    event: Literal["seat_paused"] = "seat_paused"


class SeatUnpaused(_SeatEvent):
    """The trader decides again, from its next page on."""

    event: Literal["seat_unpaused"] = "seat_unpaused"


class SeatEnded(_SeatEvent):
    event: Literal["seat_ended"] = "seat_ended"
    outcome: SeatOutcome
    reason: str = ""


class RunEnded(_Event):
    event: Literal["run_ended"] = "run_ended"
    outcome: RunOutcome
    reason: str = ""


Event = Annotated[
    RunDescribed
    | RunStarted
    | RunResumed
    | SeatOpened
    | WentToBrowser
    | PageSeen
    | ModelAsked
    | ModelReplied
    | DecisionMade
    | DecisionNotMade
    | ActSent
    | ActAnswered
    | ActUnanswered
    | PageMissed
    | SeatPaused
    | SeatUnpaused
    | SeatEnded
    | RunEnded,
    Field(discriminator="event"),
]

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)


@dataclass(frozen=True, slots=True)
class Journal:
    """A journal as read: its events in order, and whether its last line was torn by a crash."""

    events: tuple[Event, ...]
    torn: bool


def parse_journal(text: str, read: Callable[[str], Event] = EVENTS.validate_json) -> Journal:
    """Read a journal's text; a last line that a crash cut short is left out and reported.

    Args:
        read: a line's event; raises ValueError where it is none.

    Raises:
        ValueError: a line that is not the last one is no event of this version; the message names it.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    events: list[Event] = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(read(line))
        except ValueError as error:
            if number == len(lines) and not text.endswith("\n"):
                return Journal(tuple(events), torn=True)
            raise ValueError(
                f"journal line {number} is no event of version {JOURNAL_VERSION}: {error}"
            ) from error
    return Journal(tuple(events), torn=False)
