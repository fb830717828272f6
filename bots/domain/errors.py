"""The tree of errors: who has to do something about each.

    BotsError
    ├── UserMustMend          the user must fix this before the run can start     exit code 2
    │   └── RecordLost        … or can go on: its journal can no longer be written
    ├── SeatError             one seat failed; the others trade on                exit code 3
    │   ├── UnexpectedPage    a page the page flow does not allow there
    │   ├── PageOverdue       a page that never came, or never went on
    │   ├── PageTooLong       a page of more bytes than a page can have
    │   ├── LedAway           a page that leads off the experiment's host
    │   ├── WaitedTooLong     a wait page stayed longer than it may
    │   ├── TimeIsOver        a wait page stayed to the end of the run's time
    │   ├── NeedsBrowser      a page that cannot be used without a browser
    │   └── SessionLost       browser, driver or server went away for good
    └── DecisionFailed        one decision failed; the declared fallback acts
        └── ModelFailed       … because a request brought no reply (bots.domain.chat)

Anything else that is raised is a bug and keeps its traceback.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Any, Final


class BotsError(Exception):
    """Base of every error this package raises on purpose."""


class UserMustMend(BotsError):
    """Something the user gave cannot be used: what it is, where it stands and how to mend it.

    Args:
        what: what is wrong, as a clause without a full stop.
        where: file, option, address or variable in which it stands.
        mend: what to do about it, as an imperative.
    """

    def __init__(self, what: str, *, where: str, mend: str) -> None:
        super().__init__(f"{where}: {what}. {mend}")
        self.what = what
        self.where = where
        self.mend = mend

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel whole from a process of a study's pool to the one that tells it."""
        return partial(type(self), where=self.where, mend=self.mend), (self.what,)


class RecordLost(UserMustMend):
    """An event cannot be kept. What is not on record is not sent, so the run ends here and can be resumed."""


class SeatError(BotsError):
    """One seat cannot go on; its siblings do."""


class UnexpectedPage(SeatError):
    """The server showed a page that the page flow does not allow after the last one."""

    def __init__(self, *, was_on: str, saw: str, allowed: str, change: str) -> None:
        super().__init__(
            f"After {was_on} the trader saw {saw}; allowed there: {allowed}. "
            f"If this page is right, add it in {change}."
        )


class PageOverdue(SeatError):
    """A page did not come, or did not go on, before its deadline."""


MOST_PAGE_BYTES: Final = 16_000_000
"""Of a page that is read, unless settings say otherwise; oTree's have some 100 kB."""


class PageTooLong(SeatError):
    """The server sends a page without end, or of more bytes than a page can have; it is not read further.

    Args:
        where: path of the page.
        most: bytes that were read.
    """

    def __init__(self, where: str, most: int) -> None:
        super().__init__(
            f"{where} has more than {most / 1e6:g} MB and was not read to its end. "
            "Open the link by hand to see what the server sends"
        )


# Where services that recruit participants have them sent at the end, to be paid.
_COMPLETIONS: Final = (
    (("prolific.com", "prolific.co"), "/submissions/complete"),
    (("sona-systems.com",), "/webstudy_credit.aspx"),
)


class LedAway(SeatError):
    """A page leads to another host. It is not followed: its address could carry who the participant is.

    Args:
        where: path of the page.
        host: where it leads.
        path: of the address there, without its query.

    Attributes:
        completes: whether that is where a recruiting service has participants sent at the end.
    """

    def __init__(self, where: str, host: str, path: str = "") -> None:
        super().__init__(
            f"{where} leads to another host ({host}), where nothing is done in the participant's name. "
            "Open the link by hand if it is meant"
        )
        self.where = where
        self.host = host
        self.path = path
        self.completes = any(
            path.rstrip("/") == ends and any(host == one or host.endswith(f".{one}") for one in hosts)
            for hosts, ends in _COMPLETIONS
        )


class WaitedTooLong(SeatError):
    """A wait page did not go on within the time that the user gave it."""


class TimeIsOver(SeatError):
    """A wait page did not go on before the run's time was over: the seat has not failed, it has timed out."""


class NeedsBrowser(SeatError):
    """The page that is due cannot be used without a browser; the link, opened in one, leads to it.

    Args:
        where: path of the page.
        reason: why, as a clause.
        left: path of the page whose form was sent and led here; None where nothing was sent.
    """

    def __init__(self, where: str, reason: str, left: str | None = None) -> None:
        super().__init__(
            f"{where} needs a browser: {reason}. Play with --transport auto, with Chromium installed"
        )
        self.where = where
        self.reason = reason
        self.left = left


class SessionLost(SeatError):
    """The browser, its driver or the server went away and did not come back."""


class FailureKind(StrEnum):
    """Why a decision failed; each is its own outcome in the records."""

    TIMEOUT = "timeout"  # the page's deadline came first
    UNAVAILABLE = "unavailable"  # network, 5xx, overloaded, rate limit past the deadline
    REJECTED = "rejected"  # key, model name or parameter refused by the provider
    REFUSAL = "refusal"  # the model declined to answer
    BAD_REPLY = "bad-reply"  # not a valid decision, even after asking again
    OVER_BUDGET = "over-budget"  # the run's limit of money or tokens is reached
    PAUSED = "paused"  # whoever watches the run paused the trader


class DecisionFailed(BotsError):
    """A decision maker could not decide; never the same as deciding not to trade."""

    def __init__(self, kind: FailureKind, reason: str) -> None:
        super().__init__(f"{kind.value}: {reason}")
        self.kind = kind
        self.reason = reason
