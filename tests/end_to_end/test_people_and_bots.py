from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from pathlib import Path

import aiohttp
import polars as pl
import pytest
from selectolax.lexbor import LexborHTMLParser

import bots
from bots.adapters.links import read_links
from bots.adapters.otree_server import OTreeServer
from bots.analysis.report import write_report
from bots.domain.records import RunOutcome
from tests.chromium import chromium
from tests.end_to_end.command import end, line_with, shared, start, start_verb
from tests.end_to_end.person import Person, create_session_by_hand, play_all
from tests.otree_project.otree_walker import Walker

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.timeout(300)]


@pytest.mark.slow
async def test_four_bots_play_with_two_people_in_a_session_made_by_hand(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    with chromium() as driver:
        url = await asyncio.to_thread(
            create_session_by_hand, driver, market_server.url, 6, practice_rounds="1", paid_rounds="2"
        )
        links = (await read_links(url)).links
        process = await start(tmp_path, url, "zero-intelligence", "--num-bots", "4", "--transport", "http")
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
    brought = await end(await start_verb(tmp_path, "people", str(ended.run)), tmp_path)
    assert "2 people beside 4 bots" in brought.output
    assert_tables_and_report_tell_people_and_bots_apart(ended.run, [link.code for link in links[:2]])
    payments = await market_server.rest.export_app_custom(
        "market_end", url.rsplit("/", 1)[1], function="custom_export_payments"
    )
    payoffs = dict(bots.open_run(ended.run).traders.select("participant", "payoff").iter_rows())
    assert payoffs == pytest.approx({row["participant"]: float(row["total"]) for row in payments})
    assert bots.open_run(await shared(ended)).orders["limit"].equals(bots.open_run(ended.run).orders["limit"])


async def test_what_a_person_forecast_beside_bots_and_earned_is_in_tables_and_report(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"paid_rounds": 3, "traders_per_market": 3, "forecast_seconds": 0, "results_seconds": 0}
    session = await market_server.rest.create_session("ltf_positive", 3, modified=config)
    participants = (await market_server.rest.get_session(session["code"]))["participants"]
    first = min(participants, key=lambda one: int(one["id_in_session"]))["code"]
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3)) as http:
        person = Walker(http, market_server.url, first)
        await person.open()
        process = await start(tmp_path, url, "momentum", "--num-bots", "2", "--transport", "http")
        await line_with(process, "Run 1")
        await person.submit(consent="True")
        for forecast in ("70", "58.5", "61"):
            await person.wait()
            await person.submit(f0=forecast)
            await person.wait()
            await person.submit()
        final = person.page.view.final
        ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    assert "1 person beside 2 bots" in ended.output
    assert final is not None
    run = bots.open_run(ended.run)
    theirs = run.forecasts.filter(~pl.col("is_bot"))
    assert theirs.select("round", "target_round", "horizon", "forecast").rows() == [
        *((1, 1, 0, 70.0), (2, 2, 0, 58.5), (3, 3, 0, 61.0)),
    ]
    assert theirs["reward"].sum() == pytest.approx(float(final.forecast_earnings or 0))
    (row,) = run.traders.filter(~pl.col("is_bot")).to_dicts()
    assert (row["participant"], row["forecast_earnings"]) == (first, pytest.approx(theirs["reward"].sum()))
    assert row["payoff"] == float(final.payoff or 0)
    by_trader = run.trader_rounds.group_by("participant").agg(pl.col("forecast_earnings").sum())
    assert dict(by_trader.iter_rows()) == pytest.approx(
        dict(run.traders.select("participant", "forecast_earnings").iter_rows())
    )
    page = LexborHTMLParser(write_report([run], ended.run / "report.html")[0].read_text(encoding="utf-8"))
    rows = [row for row in page.css("#traders ~ .scroll tr") if row.css(".pill.person")]
    assert [row.css("td")[0].text() for row in rows] == [first]
    assert not page.css("#orders"), "nothing is ordered where forecasts make the price"
    assert (ended.run / "figures" / "price-and-forecasts.pdf").exists()
    assert bots.open_run(await shared(ended)).forecasts["forecast"].equals(run.forecasts["forecast"])


def assert_tables_and_report_tell_people_and_bots_apart(folder: Path, codes: list[str]) -> None:
    run = bots.open_run(folder)
    people = run.traders.filter(~pl.col("is_bot"))
    assert people["participant"].to_list() == codes
    assert people["final_shares"].null_count() == 0
    assert run.trader_rounds.group_by("overall").agg(pl.col("shares").sum())["shares"].to_list() == [24] * 3
    assert run.trades.filter(side="buy")["quantity"].sum() == run.trades.filter(side="sell")["quantity"].sum()

    theirs = run.orders.filter(~pl.col("is_bot"))
    assert theirs.select("participant", "overall", "side", "limit").sort(
        "participant", "overall"
    ).rows() == sorted(
        (code, number, side, limit)
        for code, side, limit in zip(codes, ("buy", "sell"), (15.0, 13.0), strict=True)
        for number in (1, 2, 3)
    )
    filled = run.orders.group_by("participant", "overall", "side").agg(pl.col("filled").sum())
    traded = run.trades.select("participant", "overall", "side", "quantity")
    both = traded.join(filled, on=["participant", "overall", "side"])
    assert both.height == traded.height
    assert (both["filled"] == both["quantity"]).all()
    book = run.orders.filter(status="placed").group_by("overall", "side").agg(pl.col("quantity").sum())
    assert dict(book.filter(side="buy").select("overall", "quantity").iter_rows()) == dict(
        run.prices.select("overall", "bids").iter_rows()
    )
    assert set(run.forecasts.filter(~pl.col("is_bot"))["forecast"]) == {14.5}

    page = LexborHTMLParser(write_report([run], folder / "report.html")[0].read_text(encoding="utf-8"))
    rows = [row for row in page.css("#traders ~ .scroll tr") if row.css(".pill.person")]
    assert [row.css("td")[0].text() for row in rows] == codes
    assert "4 bots of 6 participants · 2 people" in page.css("header")[0].text()


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
