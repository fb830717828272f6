"""What each trader saw, was asked, answered, did and was told: decision by decision, for reading."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from bots.analysis.played import Call, Decided, PlayedRun, PlayedSeat, Sent

_SYSTEM, _USER = "[system]", "\n\n[user]"
_FEW = 4


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a model and its reply. `prompt` leaves out what `Reading.instructions` holds."""

    attempt: int
    model: str
    served_model: str
    prompt: str
    reply: str
    error: str
    seconds: float | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: str


@dataclass(frozen=True, slots=True)
class Acted:
    """One thing done on a page, and the server's answer."""

    what: str
    status: str  # accepted, refused or unanswered
    words: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One decision: `anchor` names it in the report's address."""

    anchor: str
    name: str
    phase: str
    round: int | None
    overall: int | None
    page: str
    by: str
    fallback: bool
    failure: str
    failure_reason: str
    seconds: float
    plan: str
    insight: str
    reasoning: str
    acts: tuple[Acted, ...]
    exchanges: tuple[Exchange, ...]

    @property
    def title(self) -> str:
        """Round and page, e.g. `Round 12 · trade`."""
        if self.round is None:
            return self.page
        what = "reflection" if self._is_reflection else self.page
        return f"{'Practice' if self.phase == 'practice' else 'Round'} {self.round} · {what}"

    @property
    def summary(self) -> str:
        """What was done in one line."""
        nothing = "looked back" if self._is_reflection and not self.failure else "nothing sent"
        return "; ".join(act.what for act in self.acts) or nothing

    @property
    def _is_reflection(self) -> bool:
        """The last page of a phase asks for nothing else."""
        return self.page == "final"


@dataclass(frozen=True, slots=True)
class Reading:
    """One trader's session. `instructions` is what its model was told in every decision."""

    seat: int
    trader: str
    participant: str
    instructions: str
    moments: tuple[Moment, ...]

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """The decisions by round."""
        parts = groupby(self.moments, key=lambda one: one.overall)
        return tuple(Chapter(self.seat, tuple(own)) for _, own in parts)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One trader's decisions of one round, or of pages between rounds; there is one at least."""

    seat: int
    moments: tuple[Moment, ...]

    @property
    def overall(self) -> int | None:
        """Round of the session."""
        return self.moments[0].overall

    @property
    def anchor(self) -> str:
        """Its name in the report's address."""
        return f"c-s{self.seat}-{self.moments[0].name}"

    @property
    def is_long(self) -> bool:
        """Whether there are more decisions than a line of letters can show, as in a double auction."""
        return self.overall is not None and len(self.moments) > _FEW

    @property
    def title(self) -> str:
        """Round and how many decisions it has."""
        first = self.moments[0]
        return f"{'Practice' if first.phase == 'practice' else 'Round'} {first.round}"

    @property
    def failed(self) -> bool:
        """Whether any decision failed or was the fallback's."""
        return any(one.failure or one.fallback for one in self.moments)


def readings(run: PlayedRun) -> tuple[Reading, ...]:
    """Return every trader's decisions in order, by seat."""
    return tuple(_reading(run, seat) for seat in run.seats.values())


def _reading(run: PlayedRun, seat: PlayedSeat) -> Reading:
    instructions = _instructions(seat)
    sent: dict[str, list[Sent]] = {}
    for act in seat.sent:
        sent.setdefault(act.act.decision or act.after, []).append(act)
    moments = tuple(_moment(run, seat, one, instructions, sent.get(one.name, ())) for one in seat.decisions)
    return Reading(seat.record.seat, seat.record.trader, seat.record.participant, instructions, moments)


def _instructions(seat: PlayedSeat) -> str:
    """Return the system message of the trader's first request; empty where it has none."""
    first = next((calls[0].asked.prompt for calls in seat.calls.values() if calls), "")
    head, found, _ = first.partition(_USER)
    return head if found and head.startswith(_SYSTEM) else ""


def _moment(
    run: PlayedRun, seat: PlayedSeat, one: Decided, instructions: str, sent: Sequence[Sent]
) -> Moment:
    key, made, failed = run.round_of(one.overall), one.made, one.failed
    content = made.content if made else None
    return Moment(
        anchor=f"d-{one.name}",
        name=one.name,
        phase=key[0] if key else "",
        round=key[1] if key else None,
        overall=one.overall,
        page=one.page,
        by=made.by if made else "nobody",
        fallback=bool(made and made.fallback),
        failure=failed.kind.value if failed else "",
        failure_reason=failed.reason if failed else "",
        seconds=next((event.seconds for event in (failed, made) if event), 0.0),
        plan=(content.plan if content else None) or "",
        insight=(content.insight if content else None) or "",
        reasoning=(content.reasoning if content else None) or "",
        acts=tuple(_acts(sent, one)),
        exchanges=tuple(_exchange(call, instructions) for call in seat.calls.get(one.name, [])),
    )


def _acts(sent: Sequence[Sent], one: Decided) -> Iterable[Acted]:
    for act in sent:
        if not _carries_out(act, one):
            continue
        what = _what(act)
        if what:
            words = " ".join(act.answer.words) if act.answer else ""
            yield Acted(what, _status(act), words or (act.unanswered.reason if act.unanswered else ""))


def _carries_out(act: Sent, one: Decided) -> bool:
    if one.made is not None and one.made.content.move is not None:
        return act.act.decision == one.name
    return not act.act.decision and (act.act.round, act.act.page) == (one.overall, one.page)


def _status(act: Sent) -> str:
    if act.answer is None:
        return "unanswered"
    return "accepted" if act.answer.accepted else "refused"


def _what(act: Sent) -> str:
    content = act.act.content
    if content.get("type") == "place":
        return f"{content.get('side')} {content.get('quantity')} at {content.get('limit')}"
    if content.get("type") == "cancel":
        return f"take back order {content.get('order_id')}"
    if act.act.decision:
        return _what_on_page(content)
    values = content.get("values") or {}
    asked = {one.field: one.round for one in act.inputs}
    told = [f"round {asked.get(name, name)}: {value}" for name, value in values.items()]
    return f"forecast {', '.join(told)}" if told else ""


def _what_on_page(content: Mapping[str, Any]) -> str:
    values = (content.get("values") or {}).items()
    told = [f"{name} = {', '.join(one) if isinstance(one, list | tuple) else one}" for name, one in values]
    if pressed := content.get("button") or content.get("control"):
        told.append(f"press {pressed}")
    if "message" in content:
        told.append(f"send {json.dumps(content['message'], ensure_ascii=False)}")
    return "; ".join(told) or "go on"


def _exchange(call: Call, instructions: str) -> Exchange:
    asked, replied = call.asked, call.replied
    prompt = asked.prompt
    if instructions and prompt.startswith(instructions):
        prompt = prompt[len(instructions) :].lstrip("\n")
    usage = replied.usage if replied else None
    cost = usage.cost_usd if usage else None
    return Exchange(
        attempt=asked.attempt,
        model=asked.model,
        served_model=(replied.served_model if replied else None) or "",
        prompt=prompt,
        reply=(replied.reply if replied else None) or "",
        error=(replied.error if replied else "no reply is recorded") or "",
        seconds=replied.seconds if replied else None,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        cost_usd="" if cost is None else f"{cost:f}",
    )
