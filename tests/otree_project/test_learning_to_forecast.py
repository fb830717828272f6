"""Learning to forecast on a real server: people and strategies, prices by the rules, rewards, exports."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import aiohttp
import pytest
from selenium import webdriver

from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.money import parse_money
from tests.end_to_end.command import run
from tests.otree_project.otree_walker import Room, Walker, create
from tests.otree_project.test_in_browser import WINDOWS, assert_page_is_sound, complaints, visit

pytestmark = pytest.mark.server

CONFIG = {
    "preset": "ltf_positive",
    "paid_rounds": 3,
    "traders_per_market": 2,
    "forecast_seconds": 0,
    "results_seconds": 0,
    "noise_seed": "7",
}


async def test_forecasts_make_the_price_and_are_paid_by_their_errors(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **CONFIG)
    rules = ForecastingParameters.from_config(FORECASTING_PRESETS["ltf-positive"]).rules
    assert "<strong>higher</strong> the price" in " ".join(room.walkers[0].page.text.split())
    assert (await room.walkers[0].submit()).refused
    await room.everybody(lambda walker: walker.submit(consent="True"))
    forecasts = [("70", "50"), ("64.5", "58"), ("", "61")]
    texts = [("70", "50"), ("64.5", "58"), ("64.5", "61")]  # who sends none is taken at the last one
    taken = [[Fraction(text) for text in both] for both in texts]
    earned = [Fraction(0), Fraction(0)]
    for number, ((one, two), used) in enumerate(zip(forecasts, taken, strict=True), start=1):
        assert [walker.page.view.page for walker in room.walkers] == ["forecast"] * 2
        assert (await room.walkers[0].submit(f0="a lot")).refused
        assert "from 0 to 100" in room.walkers[0].page.errors()[0]
        await room.walkers[0].submit(f0=one)
        await room.walkers[1].submit(f0=two)
        await room.walkers[0].wait()
        price = rules.price(used, rules.noise("7/1", number))
        for seat, (walker, text) in enumerate(zip(room.walkers, (one, two), strict=True)):
            result = walker.page.view.result
            assert result is not None
            assert Fraction(result.price or 0) == price
            reward = rules.reward(Fraction(text), price) if text else Fraction(0)
            assert sum((Fraction(scored.reward) for scored in result.forecasts), Fraction(0)) == reward
            earned[seat] += reward
        await room.everybody(Walker.submit)
    finals = [walker.page.view.final for walker in room.walkers]
    assert [Fraction(final.forecast_earnings or 0) for final in finals if final] == earned
    points = [parse_money(row["payoff_points"]) for row in await room.export("custom_export_payments", APP)]
    assert points == earned
    rows = await room.export("custom_export_forecasts", APP)
    assert [row["forecast"] for row in rows if row["seat"] == "1"] == ["70", "64.5", ""]
    async with http.get(f"{otree_server}/AdminReport/{room.code}") as response:
        assert response.status == 200
        assert "3 of 3" in await response.text()


APP = "learning_to_forecast"


async def test_a_session_that_cannot_be_played_is_told_of_at_once(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    config = {"preset": "ltf_bubbles", "feedback": "up", "paid_rounds": 0, "noise_sd": "-1", "quiz": True}
    async with create(http, otree_server, 5, config) as response:
        told = await response.text()
        assert response.status == 400
    wrong = ("feedback", "paid_rounds", "noise_sd", "quiz")
    assert all(f"{key} must be " in told for key in wrong)
    async with create(http, otree_server, 5, {"preset": "ltf_bubbles"}) as response:
        assert "must be a multiple of 6, was 5." in await response.text()


async def test_strategies_play_it_through_the_documented_command(
    otree_server: str, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with create(http, otree_server, 2, CONFIG) as response:
        code = (await response.json())["code"]
    link = f"{otree_server}/SessionStartLinks/{code}"
    ended = await run(tmp_path, link, "1 x fundamentalist, 1 x momentum", "--transport", "http")
    assert ended.code == 0, ended.output
    room = Room(http, otree_server, code, ())
    rows = await room.export("custom_export_forecasts", APP)
    own = [Decimal(row["forecast"]) for row in rows if row["forecast"] == "60"]
    assert len(own) >= 3  # the fundamentalist's, in every round
    assert all(row["forecast"] for row in rows)


@pytest.mark.browser
async def test_every_page_is_drawn_as_told_and_breaks_no_rule_of_axe(
    chromium: webdriver.Chrome, otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **{**CONFIG, "paid_rounds": 1})
    me, other = room.walkers
    await other.submit(consent="True")
    await other.submit(f0="60")
    complaints(chromium)  # of earlier tests
    answers = {"Introduction": {"consent": "True"}, "Forecast": {"f0": "58.5"}}
    seen: list[str] = []
    try:
        while not seen or seen[-1] != "Final":
            seen.append(me.page.name)
            visit(chromium, room)
            for window in WINDOWS:
                assert_page_is_sound(chromium, otree_server, window)
            if me.page.name != "Final":
                await me.submit(**answers.get(me.page.name, {}))
    finally:
        chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert seen == ["Introduction", "Forecast", "Results", "Final"]
