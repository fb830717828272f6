from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bots.adapters.links import read_links
from bots.adapters.otree_server import OTreeServer
from bots.domain.records import RunOutcome
from tests.end_to_end.command import end, line_with, start
from tests.end_to_end.person import Person, chromium, create_session_by_hand, play_all

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.timeout(300)]


async def test_four_bots_play_with_two_people_in_a_session_made_by_hand(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    with chromium() as driver:
        url = await asyncio.to_thread(
            create_session_by_hand, driver, market_server.url, 6, practice_rounds="1", paid_rounds="2"
        )
        links = (await read_links(url)).links
        process = await start(tmp_path, url, "zero-intelligence", "--num-bots", "4")
        await line_with(process, "Run 1 is kept")
        persons = await asyncio.to_thread(take_seats, driver, [link.url for link in links[:2]])
        (_, ended) = await asyncio.gather(
            asyncio.to_thread(play_all, persons), end(process, tmp_path, seconds=200)
        )

    assert ended.code == 0, ended.output
    assert (ended.manifest.outcome, ended.manifest.subjects, ended.manifest.bots) == (
        RunOutcome.FINISHED,
        6,
        4,
    )
    assert [seat.participant for seat in ended.manifest.seats] == [link.code for link in links[2:]]
    assert [person.orders for person in persons] == [
        [(1, "buy"), (2, "buy"), (3, "buy")],
        [(1, "sell"), (2, "sell"), (3, "sell")],
    ]
    await assert_the_market_cleared_all_six(market_server, url.rsplit("/", 1)[1])


def take_seats(driver, links: list[str]) -> list[Person]:  # type: ignore[no-untyped-def]
    persons = []
    for link, side in zip(links, ("buy", "sell"), strict=True):
        driver.switch_to.new_window("tab")
        driver.get(link)
        persons.append(Person(driver, driver.current_window_handle, side))
    return persons


async def assert_the_market_cleared_all_six(server: OTreeServer, session: str) -> None:
    traders = await server.rest.export_app_custom("call_market", session, function="custom_export_traders")
    rounds = await server.rest.export_app_custom("call_market", session, function="custom_export_markets")

    assert Counter(row["overall"] for row in traders) == {"1": 6, "2": 6, "3": 6}
    for row in rounds:
        own = [one for one in traders if one["overall"] == row["overall"]]
        assert (
            int(row["volume"])
            == sum(int(one["bought"]) for one in own)
            == sum(int(o["sold"]) for o in own)
            > 0
        )
        assert sum(int(one["shares_after"]) for one in own) == int(row["shares_outstanding"]) == 24
        assert Decimal(row["cash_after"]) == Decimal(row["cash_before"]) * Decimal("1.05") + 24 * Decimal(
            row["dividend"]
        )
