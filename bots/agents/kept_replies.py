"""Replies of a market that was cut short: the model is not asked again for what it has answered already."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bots.domain.chat import ChatModel, Finish, Message, Reply, prompt_hash
from bots.domain.records import Event, ModelAsked, ModelReplied, Usage

PAID: Final = Usage(input_tokens=0, output_tokens=0, cost_usd=Decimal(0))
"""What a reply costs that an earlier part of the study has paid."""

KeptReplies = Mapping[tuple[int, str], Sequence[Reply]]
"""By seat and hash of the whole prompt, in the sequence in which they came."""


def kept_replies(events: Iterable[Event]) -> KeptReplies:
    """Return the replies that a journal holds; requests that failed brought none."""
    asked: dict[int, ModelAsked] = {}
    kept: dict[tuple[int, str], list[Reply]] = {}
    for event in events:
        if isinstance(event, ModelAsked):
            asked[event.seat] = event
        elif isinstance(event, ModelReplied) and event.reply is not None and event.seat in asked:
            reply = Reply(event.reply, event.served_model, PAID, event.seconds, Finish(event.finish))
            kept.setdefault((event.seat, asked.pop(event.seat).prompt_hash), []).append(reply)
    return kept


@dataclass(slots=True)
class Recollecting:
    """A model that is asked only where no reply to the same prompt is kept; each is given once.

    Args:
        kept: by hash of the prompt.
    """

    model: ChatModel
    kept: Mapping[str, deque[Reply]]

    @property
    def name(self) -> str:
        """The model's own."""
        return self.model.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The model's own."""
        return self.model.parameters

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        """Return the most that such a request may use: nothing where its reply is kept."""
        return PAID if self.kept.get(prompt_hash(messages)) else self.model.most(messages, schema)

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        """Return the reply that is kept, or the model's."""
        if kept := self.kept.get(prompt_hash(messages)):
            return kept.popleft()
        return await self.model.complete(messages, schema, deadline)


def of_seat(kept: KeptReplies, seat: int) -> Mapping[str, deque[Reply]]:
    """Return the replies of one seat, by prompt, to be used up."""
    return {prompt: deque(replies) for (number, prompt), replies in kept.items() if number == seat}
