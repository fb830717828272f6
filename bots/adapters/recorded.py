"""A seat's recording as the world around a trader: its pages, its model, the ends its time ran into.

What the world did is taken from the journal: pages, the server's answers, a model's raw replies and failures,
and where time was over. What the trader does with it (prompts, decisions, acts) is done anew. Nothing waits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import Any, NoReturn, TypeGuard

from bots.domain.chat import Finish, Message, ModelFailed, Reply
from bots.domain.errors import DecisionFailed, FailureKind, SeatError
from bots.domain.market import Decision
from bots.domain.pages import Act, Answer, Page, PageKind, SendLive, SubmitForm, UseControl
from bots.domain.period import follow
from bots.domain.ports import DecisionMaker, PageDecider, PageSituation, Record, Reflecting, Situation
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    Event,
    ModelAsked,
    ModelReplied,
    PageSeen,
    SeatEnded,
    SeatOpened,
    SeatPaused,
    SeatUnpaused,
    Usage,
)

_ACTS: Mapping[type[Act], str] = {SubmitForm: "form", SendLive: "live", UseControl: "use"}
_Deciding = Callable[[Record], Coroutine[Any, Any, Decision]]
_CUT = (FailureKind.TIMEOUT, FailureKind.PAUSED)  # ends that came from outside a decision
_FROM_OUTSIDE = (SeatEnded, SeatPaused, SeatUnpaused)  # what no trader does


class RecordingOver(SeatError):
    """The recording holds nothing that could follow what the trader just did."""


class _NoTimeLeft(Exception):
    """The recording's time was over before this request."""


class SeatRecording:
    """One sitting of a seat, as each part of its replay asks for it.

    Args:
        events: in the journal's order, from a `SeatOpened` to before the next.
        before: the seat's events of earlier sittings, in a run that was resumed.
    """

    def __init__(self, events: Sequence[Event], before: Sequence[Event] = ()) -> None:
        self.before = tuple(before)
        self.opened = next(event for event in events if isinstance(event, SeatOpened))
        self.ended = next((event for event in events if isinstance(event, SeatEnded)), None)
        self.events = tuple(event for event in events if not isinstance(event, _FROM_OUTSIDE))
        self.pages_and_acts = [event for event in events if isinstance(event, PageSeen | ActSent)]
        self.answers = {
            event.ref: event for event in events if isinstance(event, ActAnswered | ActUnanswered)
        }
        self._outcomes: dict[str, DecisionMade | DecisionNotMade] = {}
        self._asked: dict[tuple[str, int], ModelAsked] = {}
        self._replied: dict[tuple[str, int], ModelReplied] = {}
        for event in events:
            self._sort(event)

    def _sort(self, event: Event) -> None:
        match event:
            case ModelAsked():
                self._asked[event.decision, event.attempt] = event
            case ModelReplied():
                self._replied[event.decision, event.attempt] = event
            case DecisionMade() | DecisionNotMade():
                self._outcomes.setdefault(event.decision, event)
            case _:
                pass

    @property
    def model(self) -> ModelAsked | None:
        """The seat's first request to a model; None where no model was asked."""
        return next(iter(self._asked.values()), None)

    def outcome(self, decision: str) -> DecisionMade | DecisionNotMade | None:
        """Return what first came of a decision; None where its page went, or the recording ends, before."""
        return self._outcomes.get(decision)

    def reply(self, decision: str, attempt: int) -> ModelReplied | None:
        """Return what came back on a request; None where nothing did."""
        return self._replied.get((decision, attempt))

    def asked(self, decision: str, attempt: int) -> ModelAsked | None:
        """Return a request; None where it was not made."""
        return self._asked.get((decision, attempt))

    def asked_again(self, decision: str, attempt: int) -> bool:
        """Tell whether another request of the decision follows this one."""
        return (decision, attempt + 1) in self._asked


def recordings(events: Iterable[Event]) -> Sequence[SeatRecording]:
    """Return every sitting of every seat, by seat number; a run that was resumed has several of a seat."""
    seats: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        seat = getattr(event, "seat", None)
        if seat is not None:
            seats[seat].append(event)
    return [sitting for seat in sorted(seats) for sitting in _sittings(seats[seat])]


def _sittings(events: Sequence[Event]) -> Iterator[SeatRecording]:
    starts = [at for at, event in enumerate(events) if isinstance(event, SeatOpened)]
    for start, end in pairwise([*starts, len(events)]):
        yield SeatRecording(events[start:end], events[:start])


class RecordedSession:
    """A participant's pages and the server's answers; a `bots.domain.ports.ParticipantSession`.

    Args:
        maker: the seat's decision maker: a page that went before its decision goes once the maker is so far.
    """

    def __init__(self, recording: SeatRecording, maker: RecordedMaker) -> None:
        self._left = list(reversed(recording.pages_and_acts))
        self._answers = recording.answers
        self._maker = maker
        self._page: Page | None = None
        self._visits = 0

    async def look(self) -> Page:
        """Return the page the trader saw next, or the present one where it saw no other before it acted.

        Raises:
            RecordingOver: there is none.
        """
        return self._turned() or self._page or self._over("no page")

    async def act(self, act: Act, until: float) -> Answer:
        """Return what the server answered.

        Raises:
            TimeoutError: it did not, and the trader went on.
            RecordingOver: no act was recorded here, or nothing after it.
        """
        del until
        self._maker.deciding = False
        sent = self._left.pop() if self._left else None
        if not isinstance(sent, ActSent) or sent.act != _ACTS[type(act)]:
            self._over("no such act")
        answer = self._answers.get(sent.ref) or self._over("no answer to the last act")
        if isinstance(answer, ActUnanswered):
            raise TimeoutError(answer.reason)
        page = None if self._hears_next else self._turned()
        return Answer(answer.accepted, answer.words, page=page, frame=answer.content)

    async def wait(self, seen: Page, until: float) -> Page | None:
        """Return the page that took the place of `seen` while the trader waited or decided.

        A trader that listens on a page is told what it heard next; None where that was nothing.
        """
        del until
        if seen.kind is not PageKind.WAIT and not self._maker.deciding:
            if seen.market is None and not self._left:
                self._over("no later page")
            return self._turned()
        if seen.kind is not PageKind.WAIT:
            await self._maker.stuck.wait()
        return self._turned() or self._over("no later page")

    async def close(self) -> None:
        """Nothing is open."""

    def _turned(self) -> Page | None:
        """Turn to the next page, if it comes before another act."""
        if not self._left or not isinstance(self._left[-1], PageSeen):
            return None
        event = self._left.pop()
        assert isinstance(event, PageSeen)
        if event.is_news and self._page is not None:
            self._page = self._told(self._page, event)
            return self._page
        earlier = self._page.frames if self._page is not None and event.again else ()
        self._visits += not event.again
        self._page = Page(
            visit=str(self._visits),
            kind=PageKind(event.kind),
            location=event.location,
            title=event.title,
            text=event.text,
            form=event.form,
            market=event.view,
            errors=event.errors,
            live=event.live,
            seconds=event.timer,
            frames=(*earlier, *event.frames),
            revision=event.revision,
            controls=event.controls,
            inputs=event.inputs,
            messages=event.messages,
        )
        return self._page

    @property
    def _hears_next(self) -> bool:
        """Whether the trader saw the present page again next, after frames."""
        following = self._left[-1] if self._left else None
        return isinstance(following, PageSeen) and following.is_news

    def _told(self, page: Page, event: PageSeen) -> Page:
        """Return the present page after the frames that it was told."""
        assert page.market is not None
        frames = (*page.frames, *event.frames)
        market = reduce(follow, event.frames, page.market)
        return replace(page, market=market, frames=frames, revision=event.revision)

    def _over(self, what: str) -> NoReturn:
        raise RecordingOver(f"the recording has {what} here")


class RecordedModel:
    """A chat model that answers from the recording, request by request.

    Attributes:
        decision: the one whose requests come next.
        stuck: set when a request comes that the trader gave up, or that was never made.
        failed: whether the last request failed, which is the world's doing.
    """

    def __init__(self, recording: SeatRecording) -> None:
        self._recording = recording
        self._first = recording.model
        self._attempt = 0
        self._decision = ""
        self.stuck = asyncio.Event()
        self.failed = False

    def begin(self, decision: str) -> None:
        """Start answering the requests of another decision."""
        self._decision, self._attempt, self.failed = decision, 0, False

    @property
    def name(self) -> str:
        return self._first.model if self._first else "none"

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self._first.parameters if self._first else {}

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        """Return what was recorded of the request that comes next."""
        del messages, schema
        asked = self._recording.asked(self._decision, self._attempt + 1)
        return Usage() if asked is None else asked.most

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        """Return the recorded reply.

        Raises:
            ModelFailed: as recorded; it is asked again at once where it was asked again.
        """
        del messages, schema, deadline
        self._attempt += 1
        event = self._recording.reply(self._decision, self._attempt)
        if event is None or (event.reply is None and event.failure is None):
            self.stuck.set()
            await asyncio.Event().wait()
        assert event is not None
        self.failed = event.failure is not None
        if event.failure is not None:
            again = self._recording.asked_again(self._decision, self._attempt)
            raise ModelFailed(event.failure, event.error or "", retry_after=0.0 if again else None)
        return Reply(event.reply or "", event.served_model, event.usage, event.seconds, Finish(event.finish))


class RecordedMaker:
    """Lets a trader's own decision maker decide anew, and ends its time where the recording's time ended.

    Args:
        maker: what decides; its model, if it asks one, is `model`.
        live: the pages are those of another session, which does not wait: a decision that the recording does
            not hold fails at once.

    Attributes:
        stuck: set while a decision can come no further: its page goes now, or the recording ends.
        deciding: whether the trader has not acted since it began to decide.
    """

    def __init__(
        self, recording: SeatRecording, maker: DecisionMaker, model: RecordedModel, *, live: bool = False
    ) -> None:
        self._recording = recording
        self._maker = maker
        self._model = model
        self._live = live
        self.stuck = asyncio.Event()
        self.deciding = False

    @property
    def name(self) -> str:
        return self._maker.name

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Decide on the recorded replies.

        Raises:
            DecisionFailed: by what the replies hold, or as recorded where time or the provider ended it.
        """
        return await self._on_recording(
            situation.decision, lambda told: self._maker.decide(situation, deadline, told), record
        )

    @property
    def reflects(self) -> bool:
        return isinstance(self._maker, Reflecting) and self._maker.reflects

    async def reflect(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Look back on the recorded replies; otherwise as `decide`."""
        maker = self._maker
        assert isinstance(maker, Reflecting)
        return await self._on_recording(
            situation.decision, lambda told: maker.reflect(situation, deadline, told), record
        )

    async def _on_recording(self, name: str, decide: _Deciding, record: Record) -> Decision:
        self.stuck.clear()
        self.deciding = True
        self._model.begin(name)
        recorded = self._recording.outcome(name)
        if self._was_paused_before(recorded):
            raise DecisionFailed(FailureKind.PAUSED, recorded.reason)
        decision, failed = await self._anew(decide, self._while_there_was_time(recorded, record))
        if recorded is None and self._live:
            raise DecisionFailed(FailureKind.UNAVAILABLE, "the recording holds no decision here")
        if recorded is None:
            self.stuck.set()
            await asyncio.Event().wait()
        if isinstance(recorded, DecisionNotMade) and self._by_the_world(recorded, decision, failed):
            raise DecisionFailed(recorded.kind, recorded.reason)
        if decision is not None:
            return decision
        no_reply = f"the recording has no reply for {name}"
        if self._live:
            raise failed or DecisionFailed(FailureKind.UNAVAILABLE, no_reply)
        raise failed or RecordingOver(no_reply)

    def _was_paused_before(
        self, recorded: DecisionMade | DecisionNotMade | None
    ) -> TypeGuard[DecisionNotMade]:
        """Tell whether the trader was paused when its page came, so that nobody was asked."""
        return (
            isinstance(recorded, DecisionNotMade)
            and recorded.kind is FailureKind.PAUSED
            and self._recording.asked(recorded.decision, 1) is None
        )

    def _while_there_was_time(
        self, recorded: DecisionMade | DecisionNotMade | None, record: Record
    ) -> Record:
        """Return a record that ends a decision before a request for which the recording had no time left."""
        cut = isinstance(recorded, DecisionNotMade) and recorded.kind in _CUT
        if recorded is not None and not cut:
            return record

        def until_then(event: Event) -> None:
            if isinstance(event, ModelAsked) and self._recording.asked(event.decision, event.attempt) is None:
                raise _NoTimeLeft
            record(event)

        return until_then

    async def _anew(self, decide: _Deciding, record: Record) -> tuple[Decision | None, DecisionFailed | None]:
        """Return the decision, or its failure, or neither where the model's replies end before."""
        self._model.stuck.clear()
        deciding = asyncio.create_task(decide(record))
        stuck = asyncio.create_task(self._model.stuck.wait())
        try:
            await asyncio.wait({deciding, stuck}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stuck.cancel()
            deciding.cancel()
            await asyncio.wait({deciding, stuck})
        if deciding.cancelled():
            return None, None
        error = deciding.exception()
        if isinstance(error, DecisionFailed | _NoTimeLeft):
            return None, error if isinstance(error, DecisionFailed) else None
        return deciding.result(), None

    def _by_the_world(
        self, recorded: DecisionNotMade, decision: Decision | None, failed: DecisionFailed | None
    ) -> bool:
        cut_short = decision is None and failed is None
        return cut_short or self._model.failed or recorded.kind in _CUT


class RecordedPageMaker(RecordedMaker):
    """The same for a maker that also decides on pages outside markets."""

    def __init__(
        self,
        recording: SeatRecording,
        maker: DecisionMaker,
        model: RecordedModel,
        *,
        pages: PageDecider,
        live: bool = False,
    ) -> None:
        super().__init__(recording, maker, model, live=live)
        self._pages = pages

    async def answer(self, situation: PageSituation, deadline: float, record: Record) -> Decision:
        """Decide on the recorded replies; otherwise as `decide`. What is decided may be to wait for news."""
        try:
            return await self._on_recording(
                situation.decision, lambda told: self._pages.answer(situation, deadline, told), record
            )
        finally:
            self.deciding = False


def recorded_maker(
    recording: SeatRecording, maker: DecisionMaker, model: RecordedModel, *, live: bool = False
) -> RecordedMaker:
    """Return a maker that decides on a recording, on the pages on which `maker` does."""
    if isinstance(maker, PageDecider):
        return RecordedPageMaker(recording, maker, model, pages=maker, live=live)
    return RecordedMaker(recording, maker, model, live=live)
