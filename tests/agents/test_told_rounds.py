"""Rounds that a market counts anew in each phase are known for what they are to one who comes back."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from bots.agents.told_rounds import ToldRounds
from bots.domain.market import MarketView
from tests.market_pages import view as shipped_view

PAGES = ("trade", "forecast", "results")
VIEW = shipped_view()


def view(page: str, phase: str, number: int, overall: int, rounds: int) -> MarketView:
    """What a reader makes of a page that has seen the session up to it, or nothing but it."""
    earlier = overall - number
    practice = earlier if phase == "paid" else number
    assert VIEW.round is not None
    ref = {"phase": phase, "number": number, "of": max(number, rounds - earlier), "overall": overall}
    rules = {"stated_by": "readPage", "practice_rounds": practice, "paid_rounds": max(1, rounds - practice)}
    return VIEW.model_copy(
        update={
            "page": page,
            "market": VIEW.market.model_copy(update=rules),
            "round": VIEW.round.model_copy(update=ref),
            "history": (),
            "own": (),
        }
    )


def session(practice: int, paid: int, apart: int) -> Iterator[tuple[str, str, int, int, str]]:
    """Yield page, phase, number, overall round and place in oTree's sequence."""
    for overall in range(1, practice + paid + 1):
        phase = "practice" if overall <= practice else "paid"
        number = overall if phase == "practice" else overall - practice
        for place, page in enumerate(PAGES):
            yield page, phase, number, overall, f"/p/abc/calls/Page/{(overall - 1) * apart + place + 2}"


@given(st.integers(0, 4), st.integers(1, 5), st.integers(3, 12), st.data())
def test_who_comes_back_counts_on_from_the_pages_it_saw(
    practice: int, paid: int, apart: int, data: st.DataObject
) -> None:
    pages = list(session(practice, paid, apart))
    left = data.draw(st.integers(0, len(pages) - 1))
    back = data.draw(st.integers(left, len(pages) - 1))
    rounds, before = ToldRounds(), None
    for page, phase, number, overall, location in pages[: left + 1]:
        known = view(page, phase, number, overall, practice + paid)
        assert rounds.placed(known, location, before).round == known.round
        rounds, before = rounds.after(known, location), known
    page, phase, number, overall, location = pages[back]
    placed = rounds.placed(view(page, "paid", number, number, practice + paid), location, before)
    assert rounds.placed(placed, location, before) == placed
    if rounds.apart is not None or back - left < len(PAGES):  # else a whole round may have been missed
        assert placed.round is not None
        assert (placed.round.phase, placed.round.number, placed.round.overall) == (phase, number, overall)
        told = (placed.market.practice_rounds, placed.market.paid_rounds, placed.round.of)
        assert phase == "practice" or told == (practice, paid, paid)


def test_rounds_of_the_shipped_market_are_left_as_they_are() -> None:
    assert ToldRounds().placed(VIEW, "/p/abc/calls/Page/7", VIEW) is VIEW
