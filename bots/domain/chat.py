"""What a decision needs of a language model: messages in, one reply out, before a deadline.

The traders that ask models are the port's only consumers; adapters for providers implement it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

from bots.domain.errors import DecisionFailed, FailureKind
from bots.domain.records import Usage


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; the first one is the system's."""

    role: Literal["system", "user", "assistant"]
    text: str


def as_text(messages: Sequence[Message]) -> str:
    """Return messages as one text, as journals keep them."""
    return "\n\n".join(f"[{message.role}]\n{message.text}" for message in messages)


def prompt_hash(messages: Sequence[Message]) -> str:
    """Return the SHA-256 of a whole conversation, as journals name it."""
    return hashlib.sha256(as_text(messages).encode()).hexdigest()


class Finish(StrEnum):
    """Why a reply ended where it does."""

    COMPLETE = "complete"
    CUT = "cut"  # the limit of output tokens came first
    REFUSED = "refused"  # the model, or its provider's filter, declined


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's raw reply.

    Attributes:
        served_model: the model that answered, as its provider names it.
        seconds: from sending the request to having the whole reply; time in our own queue left out.
    """

    text: str
    served_model: str | None
    usage: Usage
    seconds: float
    finish: Finish = Finish.COMPLETE


class ModelFailed(DecisionFailed):
    """A request that brought no reply.

    Args:
        retry_after: seconds after which the same request may succeed; None where it never will.
    """

    def __init__(self, kind: FailureKind, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(kind, reason)
        self.retry_after = retry_after


class ChatModel(Protocol):
    """One model of one provider with its parameters."""

    @property
    def name(self) -> str:
        """What is asked for: `provider:model`."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What is sent with each request; never a key."""

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        """Return the most that such a request may use; None in it for what is not known."""

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        """Send one request and return its reply; `schema` is the JSON schema the reply should meet.

        Raises:
            ModelFailed: no reply, or none by `deadline` (monotonic seconds).
        """
