"""Studies of learning to forecast: the same prices and rewards in process and on a real oTree server."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

import bots
from bots.adapters.otree_server import OTreeServer
from bots.analysis.comparison import comparison_page
from bots.analysis.report import run_page
from bots.domain.errors import UserMustMend
from bots.services.study_cost import cost
from bots.services.study_folder import cell_runs
from tests.study.plans import plan_file, play, play_in_both_places, prices, study_of, the_folder

PLAN = """
name = "forecasters"
repetitions = 1
seats = "2 x fundamentalist, 1 x momentum, 1 x zero-intelligence"

[market]
preset = "ltf-positive"
paid_rounds = 4

[treatments.positive]
[treatments.negative.market]
preset = "ltf-negative"
[treatments.ahead.market]
preset = "ltf-bubbles"
"""


@pytest.mark.server
async def test_the_same_forecasts_make_the_same_prices_and_rewards_on_a_server_and_in_process(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    here, there = await play_in_both_places(PLAN, tmp_path, market_server.url)

    assert prices(the_folder(here)) == prices(the_folder(there))
    runs = [cell_runs(the_folder(place)) for place in (here, there)]
    assert len(runs[0]) == 3
    for key in runs[0]:
        ours, theirs = (bots.open_run(one[key].folder) for one in runs)
        assert ours.prices["price"].null_count() == 0
        columns = ["seat", "trader", "forecast_earnings"]
        assert ours.traders.select(columns).rows() == theirs.traders.select(columns).rows()
        columns = ["seat", "round", "target_round", "forecast", "price"]
        assert len(ours.forecasts) == 16
        assert ours.forecasts.select(columns).rows() == theirs.forecasts.select(columns).rows()


NOISE = """
name = "noise"
repetitions = 2
seats = "2 x fundamentalist"

[market]
preset = "ltf-positive"
paid_rounds = 4

[treatments.one]
[treatments.other]
fallback = "momentum"
"""


async def test_shocks_are_the_same_in_every_treatment_and_others_in_every_repetition(tmp_path: Path) -> None:
    code, told = await play(plan_file(tmp_path, NOISE), tmp_path)
    assert code == 0, told
    found = prices(the_folder(tmp_path))
    assert found["one", 1] == found["other", 1]
    assert found["one", 1] != found["one", 2]


async def test_nothing_is_told_per_share_where_nothing_is_traded(tmp_path: Path) -> None:
    code, told = await play(plan_file(tmp_path, NOISE), tmp_path)
    assert code == 0, told
    runs = [bots.open_run(one.folder) for one in cell_runs(the_folder(tmp_path)).values()]
    assert runs[0].measures.filter(measure="mean_price")["unit"].to_list() == ["cash"]
    for page in (run_page(runs[0])[0], comparison_page(runs)[0]):
        assert "per share" not in page
        assert "Mean price" in page


def test_market_that_forecasts_make_is_checked_by_its_own_rules(tmp_path: Path) -> None:
    for wrong, said in (
        ('feedback = "up"', "feedback"),
        ('dividends = "1"', "dividends"),
        ("paid_rounds = 0", "paid_rounds"),
    ):
        text = PLAN.replace("paid_rounds = 4", wrong)
        with pytest.raises(UserMustMend) as caught:
            study_of(plan_file(tmp_path, text))
        assert caught.value.where.endswith(f"table [market], key {said}")


def test_cost_is_told_of_a_market_that_forecasts_make(tmp_path: Path) -> None:
    study, out = study_of(plan_file(tmp_path, PLAN.replace("zero-intelligence", "gpt-4o"))), io.StringIO()
    cost(study, study.cells[:1], Console(file=out, width=200))
    row = next(line for line in out.getvalue().splitlines() if "12 words" in line)
    assert row.split()[3] == "4"  # one model, four rounds, one forecast in each
