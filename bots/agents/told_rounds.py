"""The rounds of a market that counts them anew in each phase and does not tell how many went before.

A trader that was there counts for itself. One that comes back, after its run was cut short, knows from its
record on which page it was: oTree repeats an app's pages in every round, so equal ones are equally far apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bots.domain.market import MarketView, OwnRound
from markets.rounds import Phase

_PAGES = ("trade", "forecast", "results", "final")


@dataclass(frozen=True, slots=True)
class ToldRounds:
    """Pages of such a market that a trader has seen.

    Attributes:
        seen: by name, the latest page's overall round and its index in oTree's sequence.
        apart: pages from a round to the next; None before two rounds were seen.
    """

    seen: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    apart: int | None = None

    def after(self, view: MarketView, location: str) -> ToldRounds:
        """Return it with one more page, whose round is counted from the session's first."""
        if not is_told(view) or view.round is None or view.page == "final":
            return self
        index = _index(location)
        if index is None:
            return self
        overall, apart = view.round.overall, self.apart
        if view.page in self.seen:
            rounds, pages = overall - self.seen[view.page][0], index - self.seen[view.page][1]
            apart = pages // rounds if rounds > 0 and pages > 0 and pages % rounds == 0 else apart
        return ToldRounds({**self.seen, view.page: (overall, index)}, apart)

    def placed(self, view: MarketView, location: str, before: MarketView | None) -> MarketView:
        """Return a view with its round counted from the session's first, as far as it is known.

        Args:
            before: the market page that was seen last.
        """
        if not is_told(view) or before is None or before.round is None:
            return view
        if view.round is None or view.round.overall > view.round.number:
            return view
        overall = self._by_pages(view, location, before) or self._by_number(view, location, before)
        return _counted(view, overall - view.round.number, before)

    def _by_pages(self, view: MarketView, location: str, before: MarketView) -> int | None:
        """Return the overall round by the page's distance from the last one of its name."""
        index, last = _index(location), self.seen.get(view.page)
        if self.apart is None or index is None or last is None or (index - last[1]) % self.apart:
            return None
        overall = last[0] + (index - last[1]) // self.apart
        assert view.round is not None
        assert before.round is not None
        return overall if overall >= max(view.round.number, before.round.overall) else None

    def _by_number(self, view: MarketView, location: str, before: MarketView) -> int:
        """Return the overall round if no round was missed: a number that does not grow begins a phase."""
        assert view.round is not None
        assert before.round is not None
        number, last = view.round.number, before.round.number
        if before.round.phase == "paid":
            return before.round.overall - last + number
        index, seen = _index(location), self.seen.get(view.page)
        again = seen is not None and index is not None and seen[1] < index and seen[0] == number
        anew = number < last or again or (number == last and _order(view.page) < _order(before.page))
        return last + number if anew else number


def _counted(view: MarketView, earlier: int, before: MarketView) -> MarketView:
    """Return a view with its round, rules and past as after so many rounds of an earlier phase."""
    assert view.round is not None
    assert before.round is not None
    phase: Phase = "paid" if earlier else before.round.phase
    number, rounds = view.round.number, view.market.practice_rounds + view.market.paid_rounds
    practice = earlier if phase == "paid" else number
    same = before.round.phase == phase and before.round.overall - before.round.number == earlier
    own: dict[int, OwnRound] = {one.number: one for one in before.own} if same else {}
    own |= {one.number: one.model_copy(update={"phase": phase}) for one in view.own}
    return view.model_copy(
        update={
            "round": view.round.model_copy(
                update={"phase": phase, "overall": earlier + number, "of": max(number, rounds - earlier)}
            ),
            "market": view.market.model_copy(
                update={"practice_rounds": practice, "paid_rounds": max(1, rounds - practice)}
            ),
            "history": tuple(one.model_copy(update={"phase": phase}) for one in view.history),
            "own": tuple(one for at, one in sorted(own.items()) if at < number or view.page == "final"),
        }
    )


def is_told(view: MarketView) -> bool:
    """Tell whether a page is of such a market."""
    return view.market.stated_by == "readPage"


def _order(page: str) -> int:
    return _PAGES.index(page) if page in _PAGES else -1


def _index(location: str) -> int | None:
    last = location.rstrip("/").rpartition("/")[2]
    return int(last) if last.isdecimal() else None
