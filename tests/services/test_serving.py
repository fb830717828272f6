"""A server for people is closed to everybody but its experimenter, or does not start."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from bots.adapters.otree_server import OTreeServer, ServerPlan
from bots.domain.errors import UserMustMend
from bots.services.serving import otree_settings
from tests.end_to_end.command import run
from tests.fixtures_server import NEUTRAL

SET = {"OTREE_ADMIN_PASSWORD": "open sesame", "OTREE_SECRET_KEY": "0123abcd"}


def test_a_server_for_people_names_each_setting_that_it_lacks() -> None:
    with pytest.raises(UserMustMend) as caught:
        otree_settings({"OTREE_ADMIN_PASSWORD": ""}, production=True)
    told = caught.value
    assert "OTREE_ADMIN_PASSWORD and OTREE_SECRET_KEY must be set to serve people" in str(told)
    assert "token_hex" in told.mend


def test_settings_of_others_do_not_reach_the_server() -> None:
    given = {**SET, "DATABASE_URL": "postgresql://x", "OPENAI_API_KEY": "sk"}
    told = otree_settings(given, production=True)
    assert told == {
        **SET,
        "DATABASE_URL": "postgresql://x",
        "OTREE_AUTH_LEVEL": "STUDY",
        "OTREE_PRODUCTION": "1",
    }
    assert otree_settings({}, production=False) == {"OTREE_PRODUCTION": "1"}


@pytest.mark.server
async def test_a_server_for_people_asks_for_a_login_and_lets_labels_in(tmp_path: Path) -> None:
    settings = otree_settings({**SET, "OTREE_REST_KEY": "key"}, production=True)
    async with OTreeServer.start(ServerPlan(env={**NEUTRAL, **settings}, log=tmp_path / "log")) as server:
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{server.url}/sessions") as response:
                assert str(response.url).endswith("/login")
            async with http.post(f"{server.url}/api/sessions", json={}) as response:
                assert response.status == 403
        session = await server.rest.create_session("demo", 3, room="seats")
        async with aiohttp.ClientSession() as http:
            address = f"{server.url}/room/seats?participant_label=S02&welcome_page_ok=1"
            async with http.get(address) as response:
                assert "/p/" in str(response.url)
            async with http.get(f"{server.url}/room/seats?participant_label=nobody") as response:
                assert "/p/" not in str(response.url)
        told = await server.rest.get_session(session["code"])
        assert sorted(str(one["label"]) for one in told["participants"])[-1] == "S02"


@pytest.mark.server
async def test_bots_in_a_room_that_is_closed_to_them_take_the_next_free_seats_and_say_so(
    tmp_path: Path,
) -> None:
    settings = otree_settings({**SET, "OTREE_REST_KEY": "key"}, production=True)
    async with OTreeServer.start(ServerPlan(env={**NEUTRAL, **settings}, log=tmp_path / "log")) as server:
        short = {"practice_rounds": 0, "paid_rounds": 1, "phase_start_seconds": 1}
        session = await server.rest.create_session("demo", 2, room="lab", modified=short)
        ended = await run(
            tmp_path, f"{server.url}/room/lab", "hold", "--num-bots", "2", "--transport", "http"
        )
        told = await server.rest.get_session(session["code"])
    assert ended.code == 0, ended.output
    assert "on the next free seats instead of the last ones" in " ".join(ended.output.split())
    assert {seat.participant for seat in ended.manifest.seats} == {
        one["code"] for one in told["participants"]
    }
