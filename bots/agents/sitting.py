"""One trader at its pages: where it sits, and what it has begun there and not finished."""

from __future__ import annotations

from dataclasses import dataclass

from bots.agents.past import Unfinished
from bots.agents.seat_log import SeatLog, overall_round
from bots.agents.table import Table
from bots.domain.experiment import Seat
from bots.domain.market import Decision, MarketView
from bots.domain.pages import Act, Answer, Page
from bots.domain.ports import ParticipantSession

_LAST_MOMENT = 0.05  # seconds: a wait to the run's end may return so early


@dataclass(slots=True)
class Sitting:
    """What all parts of one trader share.

    Attributes:
        view: the market page seen last.
        unfinished: the decision whose page the trader has not left.
        interrupted: the last page was not left in order: what was begun on it is gone on with.
    """

    seat: Seat
    session: ParticipantSession
    table: Table
    log: SeatLog
    view: MarketView | None = None
    unfinished: Unfinished | None = None
    interrupted: bool = True

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self.table.clock.monotonic()

    @property
    def time_is_over(self) -> bool:
        return self.now >= self.table.until - _LAST_MOMENT

    def begun(self, view: MarketView) -> Unfinished | None:
        """Return what was decided for this very page before the run or the connection broke.

        Orders stand once they are placed, so a trade page that comes again is never traded on anew.
        """
        unfinished, self.unfinished = self.unfinished, None
        interrupted, self.interrupted = self.interrupted, False
        if unfinished is None or not unfinished.fits(view) or not (interrupted or view.page == "trade"):
            return None
        self.unfinished = unfinished
        return unfinished

    def decided(self, view: MarketView, decision: Decision) -> None:
        """Take in what was decided for the present page."""
        self.unfinished = Unfinished(view.page, overall_round(view), decision)

    def sent(self, page: Page, act: Act, ref: str, decision: str = "") -> None:
        """Record an act that is about to be sent; `decision` as for `SeatLog.sent`."""
        event = self.log.sent(page, act, ref, decision)
        self.unfinished = self.unfinished and self.unfinished.after_sent(event)

    def answered(self, ref: str, answer: Answer) -> None:
        """Record what the server said to an act."""
        self.log.answered(ref, answer)
        self.unfinished = self.unfinished and self.unfinished.after_answer(ref)
