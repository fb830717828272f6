"""A trader that asks a language model: prompt → reply → validated decision, all before the page's deadline.

Every request is one attempt in the journal, whether it repeats one that failed or tells the model what was
wrong with its last answer. Nothing is guessed: an answer that stays unusable is a failed decision.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bots.agents.kept_replies import Recollecting
from bots.agents.page_replies import page_schema, read_page_reply
from bots.agents.prompts import (
    NumberForm,
    Wording,
    again,
    page_prompt,
    reflection_prompt,
    system_prompt,
)
from bots.agents.prompts.pages import any_page_prompt, participant_prompt
from bots.agents.replies import (
    UnusableReply,
    read_reflection,
    read_reply,
    reflection_schema,
    reply_schema,
    whole_text,
)
from bots.domain.chat import ChatModel, Finish, Message, ModelFailed, Reply, as_text, prompt_hash
from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.market import Decision
from bots.domain.ports import Clock, PageSituation, Record, Situation
from bots.domain.records import ModelAsked, ModelReplied

_LONGEST_PAUSE = 8.0
_MOST_SPREAD = 0.05  # of the time a decision has: its first request is never held back longer
_LONGEST_QUOTE = 8000  # characters of an unusable answer that go back to the model
_CUT = "The answer was cut off before its end. Answer in fewer words: one short sentence for each text."


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model is asked.

    Attributes:
        numbers: how it is asked to write prices.
        reasks: how often an unusable answer goes back to it with what is wrong.
        spread_seconds: a decision's first request is held back by a draw up to so long, so that not all
            traders of a round ask at one moment.
        first_pause: seconds before the first repeated request; doubles, with jitter.
        wording: how it is told what is so.
        reflects: it is asked on the last page of each phase what it has learnt and means to do.
    """

    numbers: NumberForm = "number"
    reasks: int = 2
    spread_seconds: float = 0.0
    first_pause: float = 0.25
    wording: Wording = field(default_factory=Wording)
    reflects: bool = False


@dataclass(slots=True)
class _Talk:
    """One decision on its way: what has been said, how often the model was asked."""

    situation: Situation | PageSituation
    deadline: float
    record: Record
    schema: Mapping[str, Any]
    messages: list[Message]
    read: Callable[[str], Decision]  # raises UnusableReply
    attempt: int = 0
    recorded: int = 0  # messages that stand in the journal already
    faults: tuple[str, ...] = field(default=())


class LlmTrader:
    """A decision maker behind which a model answers.

    Args:
        model: who is asked.
        clock: for records, and for what is left until the deadline.
        seed: of the draws that spread requests over time.
    """

    def __init__(self, model: ChatModel, clock: Clock, seed: int, manner: Manner | None = None) -> None:
        self._model = model
        self._clock = clock
        self._seed = seed
        self._draw = random.Random(f"pauses of {seed}")
        self._manner = manner or Manner()

    def recollecting(self, kept: Mapping[str, deque[Reply]]) -> LlmTrader:
        """Return the same trader, whose model is not asked where its reply to the same prompt is kept.

        Args:
            kept: by hash of the prompt; each is used once.
        """
        return LlmTrader(Recollecting(self._model, kept), self._clock, self._seed, self._manner)

    @property
    def name(self) -> str:
        """The model as asked for: `provider:model`."""
        return self._model.name

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Ask until an answer can be used, at most `reasks` times again, never past the deadline.

        Raises:
            DecisionFailed: of the kind that ended it.
        """
        numbers, wording = self._manner.numbers, self._manner.wording
        rules = system_prompt(situation.view.market, wording, notes_kept=situation.notes_kept)
        talk = _Talk(
            situation,
            deadline,
            record,
            reply_schema(situation.view, numbers, reasoning=wording.reasoning),
            [Message("system", rules), Message("user", page_prompt(situation, numbers, wording))],
            lambda text: read_reply(text, situation.view),
        )
        return await self._in_time(talk)

    @property
    def reflects(self) -> bool:
        """Whether it is asked to look back at the end of each phase."""
        return self._manner.reflects

    async def reflect(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Ask what was learnt in the phase that is over, and for a plan; otherwise as `decide`."""
        wording = self._manner.wording
        rules = system_prompt(situation.view.market, wording, notes_kept=situation.notes_kept)
        talk = _Talk(
            situation,
            deadline,
            record,
            reflection_schema(self._manner.numbers),
            [Message("system", rules), Message("user", reflection_prompt(situation, wording))],
            read_reflection,
        )
        return await self._in_time(talk)

    async def answer(self, situation: PageSituation, deadline: float, record: Record) -> Decision:
        """Decide on a page outside markets; otherwise as `decide`."""
        numbers, wording = self._manner.numbers, self._manner.wording
        asked = any_page_prompt(situation, wording)
        talk = _Talk(
            situation,
            deadline,
            record,
            page_schema(situation.page, numbers, reasoning=wording.reasoning),
            [Message("system", participant_prompt(wording)), Message("user", asked)],
            lambda text: read_page_reply(text, situation.page),
        )
        return await self._in_time(talk)

    async def _in_time(self, talk: _Talk) -> Decision:
        try:
            async with asyncio.timeout_at(talk.deadline):
                await asyncio.sleep(self._held_back(talk.deadline))
                return await self._until_usable(talk)
        except TimeoutError:
            unusable = f"; its last answer could not be used: {talk.faults[0]}" if talk.faults else ""
            raise DecisionFailed(
                FailureKind.TIMEOUT, f"{self.name} gave no usable answer in time{unusable}"
            ) from None

    def _held_back(self, deadline: float) -> float:
        left = max(0.0, deadline - self._clock.monotonic())
        return self._draw.uniform(0.0, min(self._manner.spread_seconds, _MOST_SPREAD * left))

    async def _until_usable(self, talk: _Talk) -> Decision:
        for _ in range(1 + self._manner.reasks):
            reply = await self._reply(talk)
            try:
                return _decision(reply, talk.read)
            except UnusableReply as unusable:
                talk.faults = unusable.faults
                talk.messages += [
                    Message("assistant", reply.text[:_LONGEST_QUOTE] or "-"),
                    Message("user", again(unusable.faults, self._manner.wording)),
                ]
                talk.recorded += 1  # the reply itself stands in the journal as a reply
        raise DecisionFailed(
            FailureKind.BAD_REPLY,
            f"no usable answer in {1 + self._manner.reasks} attempts: {' '.join(talk.faults)}",
        )

    async def _reply(self, talk: _Talk) -> Reply:
        """Return the model's next reply; a failure that may pass is waited out, if the time allows it."""
        failures = 0
        while True:
            try:
                return await self._ask(talk)
            except ModelFailed as failed:
                failures += 1
                await asyncio.sleep(self._pause(failed, failures, talk.deadline))

    def _pause(self, failed: ModelFailed, failures: int, deadline: float) -> float:
        """Seconds to wait before the same request is sent again.

        Raises:
            ModelFailed: asking again cannot help, or not before the deadline.
        """
        if failed.retry_after is None or (
            failed.kind is FailureKind.BAD_REPLY and failures > self._manner.reasks
        ):
            raise failed
        doubled = self._manner.first_pause * 2.0 ** min(failures - 1, 16)
        backoff = min(_LONGEST_PAUSE, doubled) * self._draw.uniform(0.5, 1.0)
        pause = failed.retry_after + backoff  # traders that were told the same time do not come back together
        left = deadline - self._clock.monotonic()
        if pause >= left:
            raise ModelFailed(
                failed.kind, f"{failed.reason}; the next try in {pause:.1f} s, {left:.1f} s left"
            )
        return pause

    async def _ask(self, talk: _Talk) -> Reply:
        """Record the request, send it, record what came back."""
        talk.attempt += 1
        self._asked(talk)
        started = self._clock.monotonic()
        try:
            reply = await self._model.complete(tuple(talk.messages), talk.schema, talk.deadline)
        except ModelFailed as failed:
            self._replied(talk, started, error=failed.reason, failure=failed.kind)
            raise
        except asyncio.CancelledError:
            self._replied(talk, started, error="given up: the deadline came, or the page went on")
            raise
        reply = replace(reply, text=whole_text(reply.text))
        self._replied(talk, started, reply=reply)
        return reply

    def _asked(self, talk: _Talk) -> None:
        talk.record(
            ModelAsked(
                at=self._clock.now(),
                seat=talk.situation.seat,
                decision=talk.situation.decision,
                attempt=talk.attempt,
                model=self.name,
                parameters=dict(self._model.parameters),
                prompt=as_text(talk.messages[talk.recorded :]),
                prompt_hash=prompt_hash(talk.messages),
                most=self._model.most(tuple(talk.messages), talk.schema),
            )
        )
        talk.recorded = len(talk.messages)

    def _replied(
        self,
        talk: _Talk,
        started: float,
        *,
        reply: Reply | None = None,
        error: str | None = None,
        failure: FailureKind | None = None,
    ) -> None:
        event = ModelReplied(
            at=self._clock.now(),
            seat=talk.situation.seat,
            decision=talk.situation.decision,
            attempt=talk.attempt,
            error=error,
            failure=failure,
            seconds=self._clock.monotonic() - started,
        )
        if reply is not None:
            event = event.model_copy(
                update={
                    "served_model": reply.served_model,
                    "reply": reply.text,
                    "finish": reply.finish.value,
                    "seconds": reply.seconds,
                    "usage": reply.usage,
                }
            )
        talk.record(event)


def _decision(reply: Reply, read: Callable[[str], Decision]) -> Decision:
    """The decision a reply holds.

    Raises:
        DecisionFailed: the model declined.
        UnusableReply: what to tell the model.
    """
    if reply.finish is Finish.REFUSED:
        raise DecisionFailed(FailureKind.REFUSAL, f"the model declined to answer: {reply.text[:200]}")
    try:
        return read(reply.text)
    except UnusableReply as unusable:
        if reply.finish is Finish.CUT:
            raise UnusableReply(_CUT) from None
        raise unusable from None
