"""What the traders of a run share, and how they spend a page's time."""

from __future__ import annotations

from dataclasses import dataclass, field

from bots.agents.options import FormAnswers, Rhythm
from bots.agents.pauses import Pauses
from bots.domain.ports import Clock, RunStore


@dataclass(frozen=True, slots=True)
class Pace:
    """How an agent spends a page's time.

    Attributes:
        untimed_seconds: longest decision on a page without a timer.
        margin_seconds: least time kept for acting before the page's timer ends.
        act_seconds: longest wait for the server's answer to one act.
        wait_seconds: longest stay on one wait page; None: to the run's end.
        echo_seconds: longest wait for what an app pushes after a live message that it need not answer.
        period: how a period of a double auction is spent.
        broken_waits: seconds between looks at a server that is away or answers with errors. One that is
            away is waited for to the run's end, the last of these at a time; errors that stay end the seat.
        gone_looks: looks after which a participant that the server does not know was deleted.
    """

    untimed_seconds: float = 120.0
    margin_seconds: float = 1.0
    act_seconds: float = 30.0
    echo_seconds: float = 2.0
    wait_seconds: float | None = None
    broken_waits: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60, 60)
    gone_looks: int = 4
    period: Rhythm = field(default_factory=Rhythm)


@dataclass(frozen=True, slots=True)
class Table:
    """What all traders of a run share.

    Attributes:
        store: where everything is recorded, each act before it is sent.
        until: the run's deadline, monotonic seconds.
        run_id: makes the names of acts unique among all runs on one oTree session.
        forms: how forms outside markets are answered where nobody decides, or a decision fails.
        pauses: the seats whose fallback decides for now.
        with_people: people sit in the session too, who wait for a bot on a page without a timer.
    """

    store: RunStore
    clock: Clock
    until: float
    run_id: str
    pace: Pace = field(default_factory=Pace)
    forms: FormAnswers = FormAnswers.DEFAULT
    pauses: Pauses = field(default_factory=Pauses)
    with_people: bool = False
