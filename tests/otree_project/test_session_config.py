"""A session that cannot be played is not created, and whoever asked for it is told why, in sentences."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from markets.forecasting_parameters import LEARNING_TO_FORECAST, LTF_POSITIVE
from tests.otree_project.otree_walker import create

pytestmark = pytest.mark.server

EXPORT = {"app": "call_market", "function_name": "custom_export_traders"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"paid_rounds": 0}, "paid_rounds must be a whole number"),
        ({"practice_rounds": 10, "paid_rounds": 51}, "must together be at most 60, were 61."),
        (
            {"practice_rounds": 0, "paid_rounds": 31, "paid_markets": 2},
            "must together be at most 60, were 62.",
        ),
        ({"endowment_cash": "10, 20", "endowment_shares": "2, 1"}, "must be a multiple of 2, was 3."),
        ({"interest_rate": "0.05; 0.10"}, "interest_rate must be the same for all rounds, or have 5 parts"),
        ({"endowment_cash": "a lot"}, "endowment_cash must be a"),
        ({"dividends": "0.40", "dividend_weights": "1, 1"}, "dividend_weights must be one weight for each"),
        ({"price_selection": "auctioneer"}, "price_selection must be one of midpoint"),
        (
            {"forecast_horizons": ", ".join(map(str, range(16)))},
            "forecast_horizons must be at most 15 numbers",
        ),
        ({"institution": "double_auction"}, "institution must be call_market in this session's apps"),
        ({"traders_per_market": 2}, "must be a multiple of 2, was 3."),
        (
            {"real_world_currency_per_point": "0.005"},
            "real_world_currency_per_point must be a number above 0",
        ),
        ({"real_world_currency_per_point": 0}, "real_world_currency_per_point must be a number above 0"),
    ],
)
async def test_unusable_session_is_refused_over_rest_with_a_sentence(
    otree_server: str, http: aiohttp.ClientSession, config: dict[str, Any], told: str
) -> None:
    before = await sessions(http, otree_server)
    async with create(http, otree_server, 3, config) as response:
        assert response.status == 400
        assert told in await response.text()
    assert await sessions(http, otree_server) == before


async def test_every_problem_is_told_at_once(otree_server: str, http: aiohttp.ClientSession) -> None:
    async with create(
        http, otree_server, 3, {"paid_rounds": 0, "tick": "0", "rationing": "luck"}
    ) as response:
        words = await response.text()
    assert all(key in words for key in ("paid_rounds", "tick", "rationing"))


async def test_admin_is_told_the_same_sentence_and_finds_no_session_to_start(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    form = {"session_config": "demo", "num_participants": "3", "demo.buy_back": "many"}
    async with http.ws_connect(f"{otree_server}/create_session") as socket:
        await socket.send_json(form)
        told: dict[str, Any] = {}
        while "error" not in told:
            told = await socket.receive_json(timeout=20)
    assert "buy_back must be a" in told["error"]
    async with http.get(f"{otree_server}/sessions") as response:
        listed = await response.text()
    assert "not created" not in listed
    async with http.get(f"{otree_server}/api/export_app_custom", params=EXPORT) as response:
        assert response.status == 200, "what was refused must not spoil the export of all sessions"


async def test_every_parameter_is_in_the_admins_form(otree_server: str, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{otree_server}/create_session") as response:
        page = await response.text()
    async with http.get(f"{otree_server}/api/session_configs") as response:
        configs = await response.json(content_type=None)
    for config in configs:
        if config["institution"] == LEARNING_TO_FORECAST:
            assert all(f"name='{config['name']}.{key}'" in page for key in LTF_POSITIVE)
            continue
        parameters = [key for key in config if key.endswith(("_seconds", "_rounds"))]
        assert len(parameters) == 11
        for key in (
            *parameters,
            "endowment_cash",
            "dividends",
            "price_selection",
            "computer_traders",
            "quiz",
            "completion_url",
        ):
            assert f"name='{config['name']}.{key}'" in page


async def sessions(http: aiohttp.ClientSession, base: str) -> list[str]:
    """Return the codes of the sessions there are."""
    async with http.get(f"{base}/api/sessions") as response:
        return [one["code"] for one in await response.json()]
