"""Bots play classic games with each other: sequential moves, roles, waiting, a chat, a live auction."""

from __future__ import annotations

import asyncio

import pytest

from bots.agents.strategies import Hold
from bots.domain.pages import SubmitForm
from bots.domain.records import ActSent, DecisionMade, DecisionNotMade, PageSeen, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport, seated, soon
from tests.any_otree.players import InBrowserAt, Lab, assert_replays, model

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]
NONSENSE = ("I would rather not say.", '{"answers": "all of it"}')


async def test_games_are_played_to_the_end_and_the_server_holds_what_was_decided(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("games", 2)
    played = await Lab(transport).play(links, [model(3), model(6, NONSENSE)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    rows = {row["participant.code"]: row for row in neutral_server.stored(code)}
    for seat, link in enumerate(links, start=1):
        row, sent = rows[link.rsplit("/", 1)[1]], played.accepted(seat)
        for name in ("guess", "contribution"):
            assert float(row[f"games.1.player.{name}"]) == float(sent[name])
        for name in {"sent", "sent_back", "offer"} & sent.keys():
            assert row[f"games.1.group.{name}"] == sent[name]
    group = next(iter(rows.values()))
    assert int(group["games.1.group.highest"]) in {3, 4}
    assert group["games.1.group.leader"] == "2"
    assert group["games.1.group.accepted"] in {"yes", "no"}


async def test_what_is_pushed_to_a_live_page_is_seen_and_a_visit_replays(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("games", 2)
    played = await Lab(http).play(links, [model(2), model(5)])

    frames = [frame for event in played.of(1) if isinstance(event, PageSeen) for frame in event.frames]
    assert {"leader": 2, "finished": True}.items() <= frames[-1].items()
    sent = [event.content for event in played.of(2) if isinstance(event, ActSent) and event.act == "live"]
    assert sent[0]["message"]["type"] == "bid"
    await assert_replays(played)


async def test_participants_hear_each_other_in_a_chat(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("games", 2, talk=True)
    played = await Lab(transport).play(links, [model(1), model(2)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    for seat in (1, 2):
        texts = [
            event.text for event in played.of(seat) if isinstance(event, PageSeen) and event.page == "Talk"
        ]
        assert f"(Me)hello from {seat}" in texts[-1], texts
        assert "hello from 1" in texts[-1], texts
        assert "hello from 2" in texts[-1], texts
    await assert_replays(played)


async def test_a_chat_is_heard_across_transports(
    http: Transport, browser: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("games", 2, talk=True)

    played = await Lab(InBrowserAt(links[1], browser, http)).play(links, [model(1), model(2)])
    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    for seat, other in ((1, 2), (2, 1)):
        texts = [
            event.text for event in played.of(seat) if isinstance(event, PageSeen) and event.page == "Talk"
        ]
        assert f"Participant {other}hello from {other}" in texts[-1], texts


async def test_four_play_together_over_http_in_a_browser_and_as_a_person(
    http: Transport, browser: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("commons", 4)

    async def person() -> None:
        async with seated(http, links[2]) as (session, _):
            await session.act(SubmitForm({"contribution": "20"}), soon())

    bots = [links[0], links[1], links[3]]
    played, _ = await asyncio.gather(
        Lab(InBrowserAt(links[1], browser, http)).play(bots, [model(1), model(2, NONSENSE), Hold(3)]),
        person(),
    )
    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    given = [int(row["commons.1.player.contribution"]) for row in neutral_server.stored(code)]
    decided = [int(played.accepted(seat)["contribution"]) for seat in (1, 2, 3)]
    assert given == [*decided[:2], 20, decided[2]]
    results = [
        event.text for event in played.events if isinstance(event, PageSeen) and event.page == "Result"
    ]
    assert len(results) == 3
    assert all(f"Together you gave {sum(given)}." in text for text in results)


async def test_who_does_not_think_leaves_a_live_page_by_its_button_and_on_record(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("games", 2, timer=4)
    played = await Lab(http).play(links, [model(4), Hold(2)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    made = [event for event in played.of(2) if isinstance(event, DecisionMade) and event.page == "Auction"]
    assert [(event.by, event.fallback) for event in made] == [("default answers", False)]
    assert not [event for event in played.of(2) if isinstance(event, DecisionNotMade)]


@pytest.mark.parametrize("config", ["pairs", "arrivals"])
async def test_waiting_timers_and_groups_by_arrival_are_gone_through(
    http: Transport, neutral_server: NeutralServer, config: str
) -> None:
    _, links = neutral_server.session(config, 2)
    played = await Lab(http).play(links, [model(1), model(2)])
    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
