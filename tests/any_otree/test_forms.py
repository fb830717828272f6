"""Bots on forms of apps nobody told them about, against a real oTree server."""

from __future__ import annotations

import pytest

from bots.agents.page_notes import PageNotes
from bots.domain.market import PageMove
from bots.domain.records import ActAnswered, DecisionMade, DecisionNotMade, ModelAsked, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport
from tests.any_otree.players import Lab, Played, Reader, asking, assert_replays, model

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


def moves(played: Played, seat: int = 1) -> list[PageMove]:
    made = [event for event in played.of(seat) if isinstance(event, DecisionMade)]
    return [event.content.move for event in made if event.content.move is not None]


def stored_value(value: object) -> str:
    text = str(value)
    return {"True": "1", "False": "0"}.get(text, text)


async def test_what_the_model_answers_is_what_the_server_stores(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("anything")
    played = await Lab(transport).play(links, [model(1)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    [row] = neutral_server.stored(code)
    accepted = played.accepted(1)
    fields = ["risky_low", "risky_high", "safe_low", "safe_high", "belief", "region", "born", "slider"]
    for name in [*fields, "mine", "theirs"]:
        assert row[f"anything.1.player.{name}"] == stored_value(accepted[name]), name
    pressed = {"stay": 0, "leave": 1}[row["anything.1.player.choice"]]
    assert moves(played)[0].button == pressed


async def test_the_servers_own_words_go_back_until_the_page_accepts(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("anything")
    reader = Reader(2)
    played = await Lab(transport).play(links, [asking(reader)])

    refused = [event for event in played.events if isinstance(event, ActAnswered) and not event.accepted]
    assert [one.words[0] for one in refused] == ["The two amounts must add up to exactly 100 points."]
    assert "The two amounts must add up to exactly 100 points." in reader.prompts[-1]
    assert not [event for event in played.events if isinstance(event, DecisionMade) and event.fallback]
    assert played.end.outcome is RunOutcome.FINISHED


async def test_nonsense_is_told_what_is_wrong_and_stubborn_nonsense_leaves_the_page_to_the_fallback(
    http: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("questions")
    played = await Lab(http).play(links, [asking(lambda messages, schema: "I like turtles.")])

    assert played.end.outcome is RunOutcome.FINISHED
    [failed] = [event for event in played.events if isinstance(event, DecisionNotMade)]
    [made] = [event for event in played.events if isinstance(event, DecisionMade)]
    assert "no usable answer in 3 attempts" in failed.reason
    assert (made.by, made.fallback, made.decision) == ("default answers", True, failed.decision)
    [row] = neutral_server.stored(code)
    assert row["questions.1.player.age"] == "18"


async def test_a_finished_visit_replays_from_its_records(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("anything", 2)
    played = await Lab(http).play(links, [model(3), model(4, ["nonsense", '{"answers": {"born": 7}}'])])

    found = await assert_replays(played)
    assert found.decisions == len([event for event in played.events if isinstance(event, DecisionMade)]) > 4


async def test_what_was_read_and_done_comes_back_on_later_pages(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("anything")
    reader = Reader(5)
    played = await Lab(http).play(links, [asking(reader)])

    last = [event.prompt for event in played.events if isinstance(event, ModelAsked)][-1]
    assert "You will divide 100 points between yourself and another participant." in last
    assert "[image: A bar of 100 points]" in last
    assert "my note: note 1" in last
    assert "Risky · Low prize" in reader.prompts[0]
    rebuilt = PageNotes.from_events(played.of(1))
    assert [page.title for page in rebuilt.pages] == [
        "Instructions",
        "Lotteries",
        "Your decision",
        "Thank you",
    ]


async def test_a_hidden_field_is_filled_by_the_pages_own_script(
    browser: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("anything", scripted=True)
    played = await Lab(browser).play(links, [model(6)])

    assert played.end.outcome is RunOutcome.FINISHED
    [row] = neutral_server.stored(code)
    assert row["anything.1.player.moved"] == f"to {row['anything.1.player.slider']}"
