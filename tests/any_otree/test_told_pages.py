"""A market whose pages offer `readPage()` is traded by the traders of the shipped market, unchanged."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bots.agents.strategies import STRATEGIES, Hold
from bots.domain.chat import Message
from bots.domain.experiment import RunEnd
from bots.domain.market import Decision
from bots.domain.ports import DecisionMaker, Record, Situation
from bots.domain.records import ActAnswered, ActSent, ModelAsked, PageMissed, PageSeen, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport
from tests.any_otree.players import Lab, Played, asking, assert_replays
from tests.end_to_end.command import acts, end, resume, start

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
# The whole session, 3 + 5 rounds, takes half a minute: `make test-told`.
ROUNDS = (3, 5) if os.environ.get("TEST_TOLD") else (1, 2)


def trades(messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
    """Buy one share at 15, forecast 14 for all rounds."""
    reply: dict[str, Any] = {"reasoning": '"); alert(1); ("', "insight": "", "plan": "Buy at 15."}
    if "forecasts" in schema["properties"]:
        fields = schema["properties"]["forecasts"]["properties"]
        return json.dumps({**reply, "forecasts": dict.fromkeys(fields, 14)})
    return json.dumps({**reply, "orders": [{"side": "buy", "quantity": 1, "price": 15}]})


def confirmed(played: Played, seat: int) -> list[tuple[str, str, Decimal]]:
    good = {event.ref for event in played.of(seat) if isinstance(event, ActAnswered) and event.accepted}
    sent = [event for event in played.of(seat) if isinstance(event, ActSent) and event.act == "live"]
    return sorted(
        (str(event.content["side"]).upper(), str(event.content["quantity"]), Decimal(event.content["limit"]))
        for event in sent
        if event.ref in good
    )


@pytest.mark.slow
async def test_six_traders_play_practice_and_paid_rounds_and_the_server_lists_every_confirmed_order(
    browser: Transport, neutral_server: NeutralServer
) -> None:
    practice, paid = ROUNDS
    code, links = neutral_server.session("calls", 6, practice=practice, paid=paid)
    names = ("zero-intelligence", "zero-intelligence", "momentum", "speculator")
    makers: list[DecisionMaker] = [STRATEGIES[name].make(seed) for seed, name in enumerate(names, start=1)]
    played = await Lab(browser, seconds=150).play(links, [*makers, asking(trades), asking(trades)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    orders = neutral_server.exported("calls", code)
    for seat, link in enumerate(links, start=1):
        own = [row for row in orders if row["participant"] == link.rsplit("/", 1)[1]]
        listed = sorted((row["kind"], row["quantity"], Decimal(row["price"])) for row in own)
        assert listed == confirmed(played, seat)
    assert len(confirmed(played, 5)) >= paid
    assert not [event for event in played.events if isinstance(event, PageMissed)]
    seen = [event.view for event in played.of(5) if isinstance(event, PageSeen) and event.view]
    rounds = dict.fromkeys((view.round.phase, view.round.number) for view in seen if view.round)
    assert list(rounds) == [
        *(("practice", number) for number in range(1, practice + 1)),
        *(("paid", number) for number in range(1, paid + 1)),
    ]
    assert seen[-1].market.practice_rounds == practice
    assert seen[-1].own
    rows = {row["participant.code"]: row for row in neutral_server.stored(code)}
    assert rows[links[4].rsplit("/", 1)[1]][f"calls.{practice + 1}.player.f0"] == "14"

    await assert_replays(played)


async def test_refusals_come_in_words_and_rules_are_those_that_the_page_states(
    browser: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("calls", 1, practice=0, paid=1, refused_price=15)
    played = await Lab(browser).play(links, [asking(trades)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    refused = [event for event in played.events if isinstance(event, ActAnswered) and not event.accepted]
    assert [event.words for event in refused] == [("The price is not a number.",)]
    asked = [event for event in played.events if isinstance(event, ModelAsked)]
    assert "Dividend of a share in a round: 0.4 or 1." in asked[0].prompt
    assert "Interest on cash in a round: 5 percent." in asked[0].prompt
    assert "refused: The price is not a number." in asked[1].prompt
    assert "odds" not in asked[0].prompt


@pytest.mark.parametrize(
    ("config", "accepted", "words"),
    [
        ("unanswered_price", True, "No answer came; the server lists the order."),
        ("dropped_price", False, "The server does not list the order."),
    ],
)
async def test_an_order_whose_answer_is_lost_counts_as_the_server_lists_it(
    browser: Transport, neutral_server: NeutralServer, config: str, accepted: bool, words: str
) -> None:
    code, links = neutral_server.session("calls", 1, practice=0, paid=1, **{config: 15})
    played = await Lab(browser).play(links, [asking(trades)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    answers = [event for event in played.events if isinstance(event, ActAnswered) and event.words]
    assert [(event.accepted, event.words) for event in answers] == [(accepted, (words,))]
    assert len(neutral_server.exported("calls", code)) == accepted
    await assert_replays(played)


async def test_a_trader_that_is_killed_and_comes_back_counts_its_rounds_on(
    tmp_path: Path, neutral_server: NeutralServer
) -> None:
    code, _ = neutral_server.session("calls", 1, practice=2, paid=2)
    url = f"{neutral_server.url}/SessionStartLinks/{code}"
    process = await start(tmp_path, url, "zero-intelligence")
    await acts(tmp_path, 9)
    process.kill()
    killed = await end(process, tmp_path)
    ended = await end(await resume(tmp_path, killed.run), tmp_path)

    assert ended.code == 0, ended.output
    views = [event.view for event in ended.events if isinstance(event, PageSeen) and event.view]
    rounds = dict.fromkeys(
        (one.round.overall, one.round.phase, one.round.number) for one in views if one.round
    )
    assert list(rounds) == [(1, "practice", 1), (2, "practice", 2), (3, "paid", 1), (4, "paid", 2)]
    assert views[-1].final is not None
    assert views[-1].final.phase == "paid"
    played = Played(RunEnd(RunOutcome.FINISHED, {}, ended.manifest.started), ended.events, ended.manifest)
    orders = neutral_server.exported("calls", code)
    assert sorted((row["kind"], row["quantity"], Decimal(row["price"])) for row in orders) == confirmed(
        played, 1
    )


async def test_a_page_that_was_missed_is_told_and_the_trader_goes_on_where_the_server_is(
    browser: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("calls", 1, practice=1, paid=2)

    class Slow:
        name = "hold"

        def __init__(self, seed: int) -> None:
            self._hold = Hold(seed)

        async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
            if (situation.view.page, situation.view.round and situation.view.round.overall) == ("trade", 2):
                await asyncio.to_thread(neutral_server.advance, code, links[0])
                await asyncio.sleep(60)
            return await self._hold.decide(situation, deadline, record)

    played = await Lab(browser).play(links, [Slow(1)])
    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    missed = [event for event in played.events if isinstance(event, PageMissed)]
    assert [(event.page, event.round) for event in missed] == [("trade", 2)]
    seen = [event for event in played.events if isinstance(event, PageSeen) and event.view]
    assert [event.page for event in seen if event.view and event.view.round and event.view.round.overall == 3]
