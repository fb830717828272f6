"""Inputs of one name, files, page timers, and rules of a page's own that a declared fallback has to find."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bots.agents.strategies import Hold
from bots.domain.chat import Message
from bots.domain.records import ActSent, DecisionMade, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport
from tests.any_otree.players import Lab, asking, assert_replays

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


class Answering:
    """A model that gives each page fixed answers."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        self.prompts.append(messages[-1].text)
        known = {
            "weight_1": 1,
            "weight_2": 2,
            "weight_3": 3,
            "left": 5,
            "middle": 5,
            "right": 10,
            "name": "Ann",
        }
        asked = schema["properties"]["answers"]["properties"]
        return json.dumps({"reasoning": "", "note": "", "answers": {key: known[key] for key in asked}})


async def test_inputs_of_one_name_are_asked_one_by_one_and_each_gets_its_own_answer(
    browser: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("odd", scripted=True)
    reader = Answering()
    played = await Lab(browser).play(links, [asking(reader)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    assert '"weight_2": Bob · Weight' in reader.prompts[0]
    [row] = neutral_server.stored(code)
    assert (row["odd.1.player.weight"], row["odd.1.player.together"]) == ("1", "1,2,3")
    await assert_replays(played)


async def test_a_file_nobody_needs_and_the_time_a_page_gives_are_told(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("odd", upload="optional")
    reader = Answering()
    played = await Lab(transport).play(links, [asking(reader)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    assert "a file: Your drawing (you have none to give" in reader.prompts[1]
    assert "goes on by itself 90 seconds after it was opened" in reader.prompts[1]
    assert "goes on by itself" not in reader.prompts[0]
    await assert_replays(played)


async def test_a_page_that_wants_a_file_ends_the_seat_and_says_why(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("odd", upload="required")
    played = await Lab(http).play(links, [Hold(1)])
    assert played.end.outcome is RunOutcome.SEATS_FAILED
    assert "Upload goes on only with a file (Your drawing)" in played.end.seats[1].reason


async def test_who_does_not_think_finds_answers_that_add_up(
    http: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("odd")
    played = await Lab(http).play(links, [Hold(1)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    [row] = neutral_server.stored(code)
    assert sum(float(row[f"odd.1.player.{name}"]) for name in ("left", "middle", "right")) == 20


async def test_a_page_that_takes_no_answer_at_all_is_told_with_what_was_tried(
    http: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("odd", rule="never")
    played = await Lab(http).play(links, [Hold(1)])

    assert played.end.outcome is RunOutcome.SEATS_FAILED
    tried = [
        event.content["values"]
        for event in played.events
        if isinstance(event, ActSent) and event.page == "Rule"
    ]
    last = "; ".join(f"{name} = {value}" for name, value in tried[-1].items())
    assert f"refused {len(tried)} times, last with {last}: No answer is right." in played.end.seats[1].reason
    made = [event for event in played.events if isinstance(event, DecisionMade) and event.page == "Rule"]
    assert len(made) == len(tried) == 16
    assert len({json.dumps(values) for values in tried}) > 12
