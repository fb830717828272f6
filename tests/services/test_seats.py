"""Which links become bots."""

from __future__ import annotations

import pytest

from bots.adapters.links import Credentials, ParticipantLink, SessionLinks
from bots.domain.errors import UserMustMend
from bots.services.plan import RunPlan
from bots.services.seats import links_of_bots
from tests.adapters.conftest import neutral_server
from tests.adapters.neutral_server import NeutralServer

__all__ = ["neutral_server"]
LINKS = SessionLinks(
    "links.cfg",
    None,
    tuple(
        ParticipantLink(number, f"c{number}", f"http://x/InitializeParticipant/c{number}")
        for number in range(1, 9)
    ),
)


async def chosen(seats: str | None, num_bots: int | None = None) -> list[int]:
    plan = RunPlan("links.cfg", "hold", seats=seats, num_bots=num_bots)
    return [link.number for link in await links_of_bots(plan, LINKS, Credentials())]


@pytest.mark.parametrize(
    ("seats", "numbers"), [("2", [2]), ("2,4-6", [2, 4, 5, 6]), (" 8 , 1 ", [1, 8]), ("3-3,3", [3])]
)
async def test_named_seats_become_bots_and_no_others(seats: str, numbers: list[int]) -> None:
    assert await chosen(seats) == numbers


async def test_without_names_the_last_ones_do() -> None:
    assert await chosen(None, 2) == [7, 8]
    assert len(await chosen(None)) == 8


@pytest.mark.parametrize("seats", ["9", "0", "5-2", "7-9", "", "A7"])
async def test_a_seat_that_is_not_there_is_told_before_anything_starts(seats: str) -> None:
    with pytest.raises(UserMustMend, match="--seats"):
        await chosen(seats)


def test_seats_are_chosen_one_way_only() -> None:
    with pytest.raises(UserMustMend, match="twice"):
        RunPlan("x", "hold", seats="1", num_bots=1)


@pytest.mark.server
async def test_labels_are_those_of_the_server(neutral_server: NeutralServer) -> None:
    code, links = neutral_server.session("pairs", 4)
    neutral_server.label(links[2], "A7")
    made = tuple(
        ParticipantLink(number, link.rsplit("/", 1)[1], link) for number, link in enumerate(links, start=1)
    )
    session = SessionLinks("", code, made)
    plan = RunPlan("x", "hold", seats="A7,1")
    assert [link.number for link in await links_of_bots(plan, session, Credentials())] == [1, 3]
    with pytest.raises(UserMustMend, match=r"Labels are: A7\."):
        await links_of_bots(RunPlan("x", "hold", seats="B1"), session, Credentials())
