"""People beside bots, as oTree's tables tell of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bots
from bots.analysis.otree_tables import OTreeRow, OTreeTables
from bots.analysis.played import PlayedRun
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


@pytest.mark.parametrize(("points", "paid"), [("43.00", 0.21), ("45.00", 0.23)])
def test_of_half_a_cent_a_person_is_paid_what_otree_makes_of_it(
    tmp_path: Path, points: str, paid: float
) -> None:
    config: dict[str, Any] = {**PRESETS["gode-sunder"], "paid_rounds": 1}
    bot = bots.open_run(play_run(tmp_path / "run-1", ["hold"] * 12, **config)).played
    told = OTreeTables(traders=({**lived(1, points), "payoff": points},))

    (person,) = Run(replace(bot, otree=told)).traders.filter(trader_kind="person").to_dicts()

    assert 200 * (person["payoff"] - paid) == pytest.approx(0)


ACCOUNTS = ("final_cash", "final_shares", "final_wealth", "forecast_earnings", "payoff")


@pytest.mark.parametrize("markets_in_a_row", [1, 2])
def test_accounts_of_a_person_are_those_of_a_bot_who_did_the_same(
    tmp_path: Path, markets_in_a_row: int
) -> None:
    traders = ["zero-intelligence"] * 3 + ["fundamentalist"]
    config = {"practice_rounds": 1, "paid_rounds": 3, "paid_markets": markets_in_a_row}
    whole = bots.open_run(play_run(tmp_path / "run-1", traders, seed=4, **config))
    bot = whole.traders.filter(seat=4).to_dicts()[0]
    without = {number: seat for number, seat in whole.played.seats.items() if number != 4}
    told = OTreeTables(traders=tuple(in_otree(whole.played, whole.trader_rounds.filter(seat=4).to_dicts())))

    (person,) = Run(replace(whole.played, seats=without, otree=told)).traders.filter(is_bot=False).to_dicts()

    assert bot["forecast_earnings"] > 0
    assert {name: person[name] for name in ACCOUNTS} == pytest.approx({name: bot[name] for name in ACCOUNTS})


def in_otree(run: PlayedRun, rounds: list[dict[str, Any]]) -> list[OTreeRow]:
    """A trader's rounds as oTree's table `traders` has them; the last of a paid market tells its payoff."""
    assert run.rules is not None
    rows: list[OTreeRow] = []
    earned = 0.0
    before = {"cash_before": "100", "shares_before": "4"}
    for one in rounds:
        reward = one["forecast_earnings"] or 0.0
        payoff, earned = 0.0, earned + reward if one["phase"] == "paid" else 0.0
        if one["phase"] == "paid" and one["round"] % run.rules.paid_rounds == 0:
            payoff, earned = round(one["cash"] + one["shares"] * float(run.rules.buy_back) + earned, 2), 0.0
        after = {"cash_after": one["cash"], "shares_after": one["shares"], "forecast_reward": reward}
        flows = {
            name: one[name] for name in ("overall", "participant", "bought", "sold", "interest", "dividends")
        }
        row = {"market": 1, **before, **flows, **after, "payoff": payoff}
        rows.append({name: str(value) for name, value in row.items()})
    return rows
