"""Bots in a double auction by the documented command, on the production server with its PostgreSQL."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import polars as pl
import pytest
from selectolax.lexbor import LexborHTMLParser

import bots
from bots.adapters.otree_server import OTreeServer
from bots.analysis.report import run_page
from bots.analysis.runs import Run
from bots.domain.records import ActAnswered, ActSent, PageMissed, PageSeen, RunOutcome, SeatOutcome
from tests.end_to_end.command import acts, end, line_with, resume, run, shared, start, start_verb
from tests.otree_project.otree_walker import Walker

pytestmark = [pytest.mark.browser, pytest.mark.server]

UNITS = {
    "induced_values": "190, 150; 180, 120",
    "induced_costs": "20, 60; 30, 90",
    "paid_rounds": 1,
    "results_seconds": 0,
    "phase_start_seconds": 0,
}


async def made(server: OTreeServer, preset: str, traders: int, **config: Any) -> tuple[str, str]:
    """Make a session; return its code and its page of links."""
    session = await server.rest.create_session(preset, traders, modified=config)
    return session["code"], f"{server.url}/SessionStartLinks/{session['code']}"


async def exported(server: OTreeServer, code: str, name: str) -> list[dict[str, str]]:
    return list(await server.rest.export_app_custom("double_auction", code, function=f"custom_export_{name}"))


@pytest.mark.parametrize("transport", ["http", "browser"])
async def test_bots_alone_play_a_market_of_values_and_costs_and_wait_for_no_timer(
    market_server: OTreeServer, tmp_path: Path, transport: str
) -> None:
    code, url = await made(market_server, "gode_sunder", 4, **UNITS, trade_seconds=900)
    ended = await run(tmp_path, url, "zero-intelligence", "--transport", transport, "--decisions", "5")

    assert ended.code == 0, ended.output
    assert {seat.outcome for seat in ended.manifest.seats} == {SeatOutcome.FINISHED}
    assert ended.manifest.period_decisions == 5
    assert not [event for event in ended.events if isinstance(event, PageMissed)]
    trades = await exported(market_server, code, "trades")
    assert trades
    seen = [
        trade
        for event in ended.events
        if isinstance(event, PageSeen) and event.page == "results" and event.view and event.view.period
        for trade in event.view.period.own_trades
    ]
    assert len(seen) == 2 * len(trades), "each trade is told to its buyer and to its seller"
    rows = await exported(market_server, code, "orders")
    sent = [event for event in ended.events if isinstance(event, ActSent) and event.act == "live"]
    kept = {event.ref for event in sent if event.content["type"] != "sync"}
    assert {row["ref"] for row in rows} == kept, "what a bot sent is what the server keeps"
    assert "wealth" in ended.output


async def test_a_run_that_is_killed_in_a_period_goes_on_and_sends_nothing_twice(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 2, "trade_seconds": 0, "results_seconds": 0}
    code, url = await made(market_server, "auction_demo", 3, **config)
    options = ("--transport", "http", "--decisions", "8")
    process = await start(tmp_path, url, "zero-intelligence", *options)
    await acts(tmp_path, 25)
    process.kill()
    killed = await end(process, tmp_path)
    ended = await end(await resume(tmp_path, killed.run), tmp_path)

    assert ended.code == 0, ended.output
    assert ended.manifest.outcome is RunOutcome.FINISHED
    on_server = Counter(row["ref"] for row in await exported(market_server, code, "orders") if row["ref"])
    sent = Counter(event.ref for event in ended.events if isinstance(event, ActSent))
    answered = {event.ref for event in ended.events if isinstance(event, ActAnswered)}
    syncs = {
        event.ref
        for event in ended.events
        if isinstance(event, ActSent) and (event.act == "form" or event.content["type"] == "sync")
    }
    assert set(on_server.values()) <= {1}
    assert set(sent.values()) <= {1}
    assert set(on_server) <= set(sent)
    assert (answered - syncs) <= set(on_server)
    traders = await exported(market_server, code, "traders")
    assert sum(int(row["shares_after"]) for row in traders if row["overall"] == "2") == 12


async def test_bots_stay_while_a_person_trades_and_answer_what_the_person_does(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 0, "paid_rounds": 1, "trade_seconds": 0, "phase_start_seconds": 0}
    code, url = await made(market_server, "auction_demo", 3, **config)
    participants = (await market_server.rest.get_session(code))["participants"]
    first = min(participants, key=lambda one: int(one["id_in_session"]))
    connector = aiohttp.TCPConnector(keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector) as http:
        person = Walker(http, market_server.url, first["code"])
        await person.open()
        process = await start(tmp_path, url, "fundamentalist", "--num-bots", "2", "--transport", "http")
        await line_with(process, "Run 1")
        await person.reach("trade")
        bought = await until_traded(person)
        await person.submit()
        await person.reach("results")
        ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    assert bought["price"] == "14.01", "the fundamentalist offers just over the value of 14"
    assert person.page.view.result is not None
    assert person.page.view.result.bought == 1
    run = bots.open_run(ended.run)
    assert_both_sides_of_each_trade_are_told(run)
    (theirs,) = run.orders.filter(~pl.col("is_bot")).to_dicts()
    told = [theirs[name] for name in ("side", "quantity", "limit", "status", "filled", "standing")]
    assert told == ["buy", 1, 14.01, "placed", 1, 0]
    (trade,) = run.trades.filter(~pl.col("is_bot")).to_dicts()
    assert [trade[name] for name in ("participant", "side", "quantity", "price")] == [
        *(first["code"], "buy", 1, float(bought["price"])),
    ]


async def test_what_a_person_with_units_trades_counts_in_prices_and_efficiency(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    code, url = await made(market_server, "gode_sunder", 4, **UNITS, trade_seconds=0)
    participants = (await market_server.rest.get_session(code))["participants"]
    first = min(participants, key=lambda one: int(one["id_in_session"]))
    connector = aiohttp.TCPConnector(keepalive_timeout=3)
    async with aiohttp.ClientSession(connector=connector) as http:
        person = Walker(http, market_server.url, first["code"])
        await person.open()
        options = ("--num-bots", "3", "--transport", "http", "--decisions", "60", "--pause", "0.05")
        process = await start(tmp_path, url, "zero-intelligence", *options)
        await line_with(process, "Run 1")
        await person.reach("trade")
        bought = await until_traded(
            person, limit="190"
        )  # nobody can bid more: the next offer is the person's
        await person.submit()
        await person.reach("results")
        await person.reach("final")
        ended = await end(process, tmp_path)

    assert ended.code == 0, ended.output
    brought = await end(await start_verb(tmp_path, "people", str(ended.run)), tmp_path)
    assert "1 person beside 3 bots" in brought.output
    run = bots.open_run(ended.run)
    assert_both_sides_of_each_trade_are_told(run)
    trades = await exported(market_server, code, "trades")
    bought_at = run.trades.filter(side="buy").sort("trade")["price"].to_list()
    assert bought_at == [float(row["price"]) for row in trades]
    assert run.trades.filter(~pl.col("is_bot"))["price"].to_list() == [float(bought["price"])]
    earned = sum(float(row["earnings"]) for row in await exported(market_server, code, "traders"))
    (period,) = run.prices.to_dicts()
    assert period["surplus"] == pytest.approx(earned)
    assert period["surplus_possible"] == 190 + 180 + 150 + 120 - 20 - 30 - 60 - 90  # all units gain
    assert period["equilibrium"] == (90 + 120) / 2
    (efficiency,) = run.measures.filter(measure="efficiency")["value"]
    assert efficiency == pytest.approx(earned / 440)
    ((wealth, payoff),) = run.traders.filter(~pl.col("is_bot")).select("final_wealth", "payoff").iter_rows()
    final = person.page.view.final
    assert final is not None
    assert wealth == float(final.final_wealth) == 190 - float(bought["price"])
    assert payoff == float(final.payoff or 0)
    page = LexborHTMLParser(run_page(run)[0])
    rows = [row for row in page.css("#traders ~ .scroll tr") if row.css(".pill.person")]
    assert [row.css("td")[0].text() for row in rows] == [first["code"]]
    assert "3 bots of 4 participants · 1 person" in page.css("header")[0].text()
    copy = await shared(ended)
    assert bots.open_run(copy).prices.equals(run.prices), "what a person did stands in the archive too"
    codes = [one["code"].encode() for one in participants] + [code.encode()]
    files = [file.read_bytes() for file in copy.parents[1].rglob("*") if file.is_file()]
    assert not [code for code in codes if any(code in file for file in files)]


def assert_both_sides_of_each_trade_are_told(run: Run) -> None:
    """People's side from oTree, bots' from their pages: they meet at one price."""
    sides = run.trades.group_by("overall", "trade").agg(
        pl.col("side").n_unique(), pl.col("price").n_unique(), pl.col("quantity").n_unique(), pl.len()
    )
    assert sides.drop("overall", "trade").unique().rows() == [(2, 1, 1, 2)]
    for side in ("buy", "sell"):
        assert run.orders.filter(side=side)["filled"].sum() == run.prices["volume"].sum()


async def until_traded(person: Walker, limit: str = "14.01") -> dict[str, Any]:
    """Bid until one of the bots, whenever it is there, has sold a share; return the trade."""
    bid = {"type": "place", "side": "buy", "quantity": 1, "limit": limit, "ref": "mine"}
    async with person.http.ws_connect(person.base + person.page.socket("live")) as socket:
        await socket.send_json(bid)
        while True:
            frame = (await socket.receive_json(timeout=30))["live_method_payload"]
            if frame.get("own_trades"):
                return dict(frame["own_trades"][0])
