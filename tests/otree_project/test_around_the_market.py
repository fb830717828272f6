"""What surrounds the market: consent, quiz, debriefing, completion, the table of payments."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.otree_project.otree_walker import Room, Walker, create

pytestmark = pytest.mark.server

ONE_ROUND = {"practice_rounds": 0, "paid_rounds": 1, "forecast_horizons": "", "trade_seconds": 0}
HIDDEN = {**ONE_ROUND, "announce_computer_traders": False, "ethics_reference": "IRB <2026-041>"}
RIGHT = {
    "quiz_interest": "5.00 cash",
    "quiz_dividends": "3.00 cash",
    "quiz_buy_back": "14.00 cash",
    "quiz_price": "14.00 cash",
}


async def to_the_end(room: Room) -> None:
    """Play the only round without an order and leave its final page."""
    await room.everybody(lambda walker: walker.reach("trade"))
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.reach("final"))
    await room.everybody(Walker.submit)


async def test_computer_traders_are_announced_unless_a_session_says_otherwise(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    told = await Room.create(http, otree_server, 2, **ONE_ROUND)
    assert "may be computer programs" in told.walkers[0].page.text
    untold = await Room.create(http, otree_server, 2, **HIDDEN)
    for values in ({"consent": "True"}, {}):
        assert "computer program" not in untold.walkers[0].page.text
        assert not untold.walkers[0].page.view.market.computer_traders
        await untold.walkers[0].submit(**values)


async def test_session_that_hides_computer_traders_must_name_an_ethics_reference(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    async with create(http, otree_server, 2, {**HIDDEN, "ethics_reference": " "}) as response:
        assert response.status == 400
        assert "ethics_reference must be the reference of the ethics decision" in await response.text()


async def test_session_that_hides_computer_traders_debriefs_before_it_pays(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **HIDDEN)
    await to_the_end(room)
    me = room.walkers[0]
    assert me.page.name == "Debriefing"
    assert "IRB &lt;2026-041&gt;" in me.page.text
    assert (await me.submit()).view.page == "payment"


async def test_open_session_pays_without_a_debriefing(otree_server: str, http: aiohttp.ClientSession) -> None:
    room = await Room.create(http, otree_server, 2, **ONE_ROUND)
    await to_the_end(room)
    assert room.walkers[0].page.view.page == "payment"
    assert 'id="completion"' not in room.walkers[0].page.text


async def quiz(http: aiohttp.ClientSession, base: str, **config: Any) -> Walker:
    """Return a participant who has come to the quiz."""
    me = (await Room.create(http, base, 2, **{**ONE_ROUND, "quiz": True, **config})).walkers[0]
    await me.submit(consent="True")
    await me.submit()
    assert me.page.name == "Quiz"
    return me


async def test_quiz_asks_about_the_parameters_of_the_session(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    me = await quiz(http, otree_server, endowment_cash="250", interest_rate="0.1", buy_back="28")
    assert "You hold 250.00 cash" in me.page.text
    answers = {**RIGHT, "quiz_interest": "25.00 cash", "quiz_buy_back": "28.00 cash"}
    assert (await me.submit(**answers)).view.page == "phase_start"


async def test_quiz_says_why_an_answer_is_wrong_and_lets_one_answer_again(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    me = await quiz(http, otree_server)
    page = await me.submit(**{**RIGHT, "quiz_interest": "10.00 cash"})
    assert page.refused
    assert [one.strip() for one in page.errors() if one.strip()] == [
        "All cash you hold after trading earns 5 %: 100.00 cash earn 5.00 cash."
    ]
    assert (await me.submit(**RIGHT)).view.page == "phase_start"


async def test_quiz_lets_everybody_pass_at_the_third_attempt_and_counts(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    me = await quiz(http, otree_server)
    choices = dict.fromkeys(RIGHT, "")
    for name in choices:
        choices[name] = re.findall(rf'name="{name}"[^>]*value="([^"]+)"', me.page.text)[0]
    wrong = {**choices, "quiz_interest": "10.00 cash"}
    assert (await me.submit(**wrong)).refused
    assert (await me.submit(**wrong)).refused
    assert (await me.submit(**wrong)).view.page == "phase_start"


async def test_quiz_answer_that_is_no_choice_is_refused(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    me = await quiz(http, otree_server)
    assert (await me.submit(**{**RIGHT, "quiz_price": "free"})).refused
    assert (await me.submit()).refused


async def test_last_page_links_to_where_participants_came_from(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    address = "https://app.example.org/submissions/complete?cc=ABC123&x=1"
    room = await Room.create(http, otree_server, 2, **ONE_ROUND, completion_url=address)
    await to_the_end(room)
    assert f'href="{address.replace("&", "&amp;")}"' in room.walkers[0].page.text


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://example.org", "https://", 'https://a.org/"><script>', "https://[a"],
)
async def test_completion_address_that_no_link_may_carry_is_refused(
    otree_server: str, http: aiohttp.ClientSession, address: str
) -> None:
    async with create(http, otree_server, 2, {"completion_url": address}) as response:
        assert response.status == 400
        assert "completion_url must be empty, or an address" in await response.text()


async def test_table_of_payments_has_what_the_last_page_tells(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **ONE_ROUND, participation_fee=7.1)
    await to_the_end(room)
    view = room.walkers[0].page.view
    assert view.final is not None
    assert view.market.participation_fee == Decimal("7.1")
    rows = await room.export("custom_export_payments", app="market_end")
    assert [row["seat"] for row in rows] == ["1", "2"]
    assert Decimal(rows[0]["total"]) == view.final.payoff
    assert Decimal(rows[0]["fee"]) == Decimal("7.1")
    assert rows[0]["finished"] == "1"


async def test_consent_and_instructions_have_a_timer_where_the_session_sets_one(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **ONE_ROUND, consent_seconds=40, instructions_seconds=50)
    me = room.walkers[0]
    assert 'class="otree-timer"' in me.page.text
    await me.submit(consent="True")
    assert 'class="otree-timer"' in me.page.text
    free = await Room.create(http, otree_server, 2, **ONE_ROUND)
    assert 'class="otree-timer"' not in free.walkers[0].page.text


async def test_message_for_another_round_is_refused_and_one_without_a_round_is_not(
    otree_server: str, http: aiohttp.ClientSession
) -> None:
    room = await Room.create(http, otree_server, 2, **{**ONE_ROUND, "paid_rounds": 2})
    await room.everybody(lambda walker: walker.reach("trade"))
    await room.all_reach("results")
    await room.everybody(lambda walker: walker.reach("trade"))
    order = {"type": "place", "side": "buy", "quantity": 1, "limit": "14"}
    stale, malformed, present, plain = await room.walkers[0].tell(
        {**order, "ref": "stale", "round": 1},
        {**order, "ref": "odd", "round": "2"},
        {**order, "ref": "present", "round": 2},
        {**order, "ref": "plain"},
    )
    assert [reason["code"] for reason in stale["reasons"]] == ["closed"]
    assert "another round" in stale["reasons"][0]["message"]
    assert malformed["type"] == "refused"
    assert (present["type"], plain["type"]) == ("placed", "placed")
