"""One seat's side of the journal: turns what a trader goes through into events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from bots.domain.errors import DecisionFailed
from bots.domain.experiment import Seat
from bots.domain.market import Decision, MarketView
from bots.domain.pages import Act, Answer, Page, SendLive, SubmitForm, UseControl
from bots.domain.ports import Clock, PageSituation, RunStore, Situation
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    PageMissed,
    PageSeen,
    SeatOpened,
)


@dataclass(frozen=True, slots=True)
class SeatLog:
    """Writes the events of one seat to the run's store, each as it happens.

    The commonest are made of what is valid already, without a second look (`Value.of_valid`).
    """

    seat: Seat
    store: RunStore
    clock: Clock

    def opened(self) -> None:
        """The trader takes its seat."""
        seat = self.seat
        self.store.append(
            SeatOpened(
                at=self.clock.now(),
                seat=seat.number,
                participant=seat.participant,
                trader=seat.trader,
                seed=seat.seed,
            )
        )

    def page_seen(self, page: Page, known_frames: int | None = None) -> None:
        """A page as it was when the trader saw it; text only where there is no market view.

        On a page that is seen again after news, the first `known_frames` frames are on record already.
        """
        told = page.market is None  # a view says all of a market's page, unless the page tells of it itself
        says_more = page.market is not None and page.market.market.stated_by == "readPage"
        left = None if page.expires_at is None else round(page.expires_at - self.clock.monotonic(), 3)
        fields = {
            "at": self.clock.now(),
            "seat": self.seat.number,
            "event": "page_seen",
            "page": page.name,
            "kind": page.kind.value,
            "location": page.location,
            "title": page.title if told else "",
            "seconds_left": left,
            "timer": page.seconds if told else None,
            "view": page.market,
            "text": page.text if told or says_more else "",
            "form": page.form if page.form and (page.form.fields or told) else None,
            "errors": page.errors,
            "live": page.live,
            "frames": tuple(map(dict, page.frames[known_frames or 0 :])) if told else (),
            "revision": page.revision if told else 0,
            "again": known_frames is not None,
            "controls": page.controls if told else (),
            "inputs": page.inputs if told else (),
            "messages": page.messages if told else (),
        }
        self.store.append(PageSeen.of_valid(fields))

    def frames_heard(self, page: Page, known: int) -> None:
        """A market page that is seen again after live frames; those after the `known` first are kept."""
        self.store.append(
            PageSeen(
                at=self.clock.now(),
                seat=self.seat.number,
                page=page.name,
                kind=page.kind.value,
                location=page.location,
                live=page.live,
                frames=tuple(dict(frame) for frame in page.frames[known:]),
                revision=page.revision,
                again=True,
            )
        )

    def page_missed(self, page: str, overall: int | None, reason: str) -> None:
        """A page the trader could not act on."""
        self.store.append(
            PageMissed(at=self.clock.now(), seat=self.seat.number, page=page, round=overall, reason=reason)
        )

    def decided(
        self,
        situation: Situation | PageSituation,
        decision: Decision,
        by: str,
        seconds: float,
        fallback: bool,
    ) -> None:
        """A decision as validated."""
        page, overall = _place(situation)
        fields = {
            "at": self.clock.now(),
            "seat": self.seat.number,
            "event": "decision_made",
            "decision": situation.decision,
            "page": page,
            "round": overall,
            "by": by,
            "fallback": fallback,
            "seconds": seconds,
            "content": decision,
        }
        self.store.append(DecisionMade.of_valid(fields))

    def not_decided(
        self, situation: Situation | PageSituation, error: DecisionFailed, seconds: float
    ) -> None:
        """A decision that failed, and how."""
        page, overall = _place(situation)
        self.store.append(
            DecisionNotMade(
                at=self.clock.now(),
                seat=self.seat.number,
                decision=situation.decision,
                page=page,
                round=overall,
                kind=error.kind,
                reason=error.reason,
                seconds=seconds,
            )
        )

    def sent(self, page: Page, act: Act, ref: str, decision: str = "") -> ActSent:
        """An act that is about to be sent; `decision` names what it carries out on a page outside markets."""
        fields = {
            "at": self.clock.now(),
            "seat": self.seat.number,
            "event": "act_sent",
            "act": _KINDS[type(act)],
            "page": page.name,
            "location": page.location,
            "round": overall_round(page.market),
            "ref": ref,
            "content": _content(page, act),
            "decision": decision,
        }
        event = ActSent.of_valid(fields)
        self.store.append(event)
        return event

    def answered(self, ref: str, answer: Answer) -> None:
        """What the server said to an act."""
        fields = {
            "at": self.clock.now(),
            "seat": self.seat.number,
            "event": "act_answered",
            "ref": ref,
            "accepted": answer.accepted,
            "words": answer.words,
            "content": dict(answer.frame) if answer.frame is not None else None,
        }
        self.store.append(ActAnswered.of_valid(fields))

    def unanswered(self, ref: str, reason: str) -> None:
        """No answer came; whether the act arrived is not known."""
        self.store.append(ActUnanswered(at=self.clock.now(), seat=self.seat.number, ref=ref, reason=reason))


def overall_round(view: MarketView | None) -> int | None:
    """Return the session's round a page belongs to, if it belongs to one."""
    return view.round.overall if view is not None and view.round is not None else None


def _place(situation: Situation | PageSituation) -> tuple[str, int | None]:
    if isinstance(situation, PageSituation):
        return situation.page.name, None
    return situation.view.page, overall_round(situation.view)


_KINDS: Final[Mapping[type[Act], Literal["form", "live", "use"]]] = {
    SubmitForm: "form",
    SendLive: "live",
    UseControl: "use",
}


def _content(page: Page, act: Act) -> dict[str, Any]:
    """Return an act as it is recorded; the button where there was a choice of them."""
    if isinstance(act, SendLive):
        return dict(act.message) if act.ref is not None else {"message": act.message}
    if isinstance(act, UseControl):
        return {"values": dict(act.values), "control": act.control.label}
    content: dict[str, Any] = {"values": dict(act.values)}
    if page.market is None and page.form is not None and len(page.form.buttons) > 1 and act.button:
        content["button"] = act.button.label
    return content
