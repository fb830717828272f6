"""People beside bots, as oTree's tables tell of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bots
from bots.analysis.otree_tables import OTreeRow, OTreeTables
from bots.analysis.runs import Run
from markets.presets import PRESETS
from tests.analysis.played_runs import play_run


def lived(overall: int, earnings: str) -> OTreeRow:
    """One round of a buyer, as oTree's table `traders` has it."""
    before = {"cash_before": "800", "shares_before": "0", "bought": "1", "sold": "0"}
    after = {"interest": "0", "dividends": "0", "cash_after": "700", "shares_after": "1"}
    named = {"market": "1", "overall": str(overall), "participant": "person01"}
    return {**named, **before, **after, "earnings": earnings, "unit_side": "buy", "units": "150 120"}


@pytest.mark.parametrize(
    ("markets_in_a_row", "earned", "wealth"), [(1, ("7", "-3"), 4), (1, ("2", "-3"), 0), (2, ("7", "3"), 3)]
)
def test_a_person_with_units_ends_with_what_the_last_market_earned_and_never_below_0(
    tmp_path: Path, markets_in_a_row: int, earned: tuple[str, str], wealth: float
) -> None:
    rounds = {"paid_rounds": 2 // markets_in_a_row, "paid_markets": markets_in_a_row}
    config: dict[str, Any] = {**PRESETS["gode-sunder"], **rounds}
    bot = bots.open_run(play_run(tmp_path / "run-1", ["hold"] * 12, **config)).played
    told = OTreeTables(traders=tuple(lived(overall, one) for overall, one in enumerate(earned, start=1)))

    (person,) = Run(replace(bot, otree=told)).traders.filter(trader_kind="person").to_dicts()

    assert person["final_wealth"] == wealth
