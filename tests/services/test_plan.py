from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bots.adapters.links import ParticipantLink
from bots.domain.errors import UserMustMend
from bots.services.plan import RunPlan, links_for_bots

URL = "http://localhost:8000/SessionStartLinks/abc123"


def links(count: int) -> tuple[ParticipantLink, ...]:
    return tuple(
        ParticipantLink(number, f"code{number}", f"http://localhost/InitializeParticipant/code{number}")
        for number in range(1, count + 1)
    )


def test_the_defaults_are_those_of_the_documented_command() -> None:
    plan = RunPlan(URL, "gpt-4o")

    assert (plan.timeout_minutes, plan.production, plan.num_bots) == (105.0, False, None)
    assert plan.wait_seconds == 30 * 60
    assert plan.data == Path("bot-data")


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"production": True}, "--production"),
        ({"production": True, "notes": "  "}, "--production"),
        ({"timeout_minutes": 0.0}, "--timeout-minutes"),
        ({"timeout_minutes": -3.0}, "--timeout-minutes"),
        ({"timeout_minutes": float("nan")}, "--timeout-minutes"),
        ({"num_bots": 0}, "--num-bots"),
        ({"num_bots": -2}, "--num-bots"),
    ],
)
def test_an_option_that_makes_no_sense_is_named_with_its_mending(given: dict[str, Any], option: str) -> None:
    with pytest.raises(UserMustMend) as caught:
        RunPlan(URL, "gpt-4o", **given)

    assert option in caught.value.where
    assert caught.value.mend


def test_without_a_number_every_link_becomes_a_bot() -> None:
    assert links_for_bots(links(6), None) == links(6)


def test_the_last_links_become_bots_and_the_others_stay_free() -> None:
    assert [link.number for link in links_for_bots(links(6), 4)] == [3, 4, 5, 6]


def test_more_bots_than_participants_are_refused() -> None:
    with pytest.raises(UserMustMend, match=r"7 bots were asked for, the session has 6 participants"):
        links_for_bots(links(6), 7)
