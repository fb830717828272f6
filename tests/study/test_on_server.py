"""Markets on a real oTree server have the draws and records of those in process, and the same prices."""

from __future__ import annotations

from pathlib import Path

import pytest

import bots
from bots.adapters.otree_server import OTreeServer
from bots.services.study_folder import cell_runs
from bots.services.study_report import read_treatments
from bots.services.study_run import Spread
from tests.study.plans import play, play_in_both_places, prices, study_of, the_folder

PLAN = """
name = "places"
repetitions = 2
seats = "2 x fundamentalist, 1 x momentum, 1 x zero-intelligence"

[market]
practice_rounds = 1
paid_rounds = 2
rationing = "pro_rata"
"""


@pytest.mark.server
@pytest.mark.slow
async def test_markets_on_a_server_have_the_prices_trades_and_wealth_of_those_in_process(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    here, there = await play_in_both_places(PLAN, tmp_path, market_server.url)

    assert prices(the_folder(here)) == prices(the_folder(there))
    runs = [cell_runs(the_folder(place)) for place in (here, there)]
    for key in runs[0]:
        ours, theirs = (bots.open_run(one[key].folder) for one in runs)
        columns = ["seat", "trader", "orders", "refused", "final_shares", "final_wealth", "forecast_earnings"]
        assert ours.traders.select(columns).rows() == theirs.traders.select(columns).rows()
    manifest = runs[1]["baseline", 1].manifest
    assert manifest.url.startswith(f"{market_server.url}/SessionStartLinks/")
    assert manifest.configuration["study"]["repetition"] == 1
    assert [len(one) for one in read_treatments(study_of(there / "study.toml"), the_folder(there))] == [2]
    again, _ = await play(there / "study.toml", there, spread=Spread(server="http://127.0.0.1:9"))
    assert again == 0  # all is done, so no server is asked
