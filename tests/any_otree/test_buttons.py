"""Ways back and several buttons are offered as what they are, and none is pressed by accident."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bots.adapters.in_memory import MemoryStore
from bots.agents.forms import UnthinkingAnswers
from bots.agents.options import FormAnswers
from bots.agents.strategies import Hold
from bots.agents.visitor import MOST_BACKS
from bots.domain.chat import Message
from bots.domain.pages import Button, Form, Page, PageKind, SubmitForm
from bots.domain.ports import PageSituation
from bots.domain.records import ActSent, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport, advance, seated, soon
from tests.any_otree.players import Lab, asking, assert_replays

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


class Returning:
    """A model that goes back as often as it wants to and may, and counts up on the first page."""

    def __init__(self, wants: int) -> None:
        self.wants = wants
        self.firsts = 0
        self.prompts: list[str] = []

    def __call__(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> str:
        self.prompts.append(messages[-1].text)
        asked = schema["properties"]
        buttons = asked["button"]["enum"] if "button" in asked else []
        reply: dict[str, Any] = {"reasoning": "", "note": ""}
        if "first" in asked.get("answers", {}).get("properties", {}):
            self.firsts += 1
            return json.dumps({**reply, "answers": {"first": self.firsts}})
        if "Give" in buttons:
            return json.dumps({**reply, "button": "Give"})
        back = "Back" in buttons and self.wants > 0
        self.wants -= back
        answers = {"second": 0 if back else 7}  # a page that is left back is not checked
        button = {"button": "Back" if back else "Next"} if buttons else {}
        return json.dumps({**reply, "answers": answers, **button})


async def test_a_way_back_is_told_as_one_and_leads_to_the_page_before(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("ways")
    reader = Returning(1)
    played = await Lab(transport).play(links, [asking(reader)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    assert 'a button: "Back" (leads back to the page before' in reader.prompts[1]
    assert 'a button: "Next"\n' in reader.prompts[1]
    pressed = [event.content.get("button") for event in played.events if isinstance(event, ActSent)]
    assert pressed == [None, "Back", None, "Next", "Give"]
    [row] = neutral_server.stored(code)
    assert [row[f"ways.1.player.{name}"] for name in ("first", "second", "choice")] == ["2", "7", "give"]
    await assert_replays(played)


async def test_who_always_goes_back_is_offered_the_way_no_more(
    http: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("ways")
    reader = Returning(99)
    played = await Lab(http).play(links, [asking(reader)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    [row] = neutral_server.stored(code)
    assert row["ways.1.player.first"] == str(MOST_BACKS + 1)


async def test_who_does_not_think_never_goes_back(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("ways")
    played = await Lab(transport).play(links, [Hold(1)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    [row] = neutral_server.stored(code)
    assert [row[f"ways.1.player.{name}"] for name in ("first", "second", "choice")] == ["0", "5", "keep"]


async def test_a_button_that_is_not_there_is_told_and_no_other_is_pressed_in_its_place(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("ways")) as (session, page):
        for gone in (Button("Gone"), Button("Next", "gone", "1")):
            answer = await session.act(SubmitForm({"first": "1"}, gone), soon())
            assert (answer.accepted, answer.words) == (False, (f'There is no "{gone.label}" to press now.',))
            assert answer.page is not None
            assert answer.page.location == page.location


async def test_buttons_are_known_by_their_place_where_a_page_calls_them_alike(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("ways")) as (session, _):
        await session.act(SubmitForm({"first": "1"}), soon())
        page = await session.look()
        assert page.form is not None
        assert page.form.buttons == (Button("Next"), Button("Back", back=True))
        assert page.controls == ()
        await session.act(SubmitForm({"second": "6"}), soon())
        page = await session.look()
        assert page.form is not None
        assert [(one.label, one.back) for one in page.form.buttons] == [
            ("Keep", False),
            ("Give", False),
            ("Go back", True),
        ]
        page = await advance(session)
        assert page.kind is PageKind.END


async def test_answers_that_are_drawn_press_every_button_but_those_back() -> None:
    form = Form((), (Button("Stay"), Button("Leave"), Button("Back", back=True)))
    page = Page("1", PageKind.FORM, "/p/a/b/C/1", form=form)
    pressed = set()
    for seed in random.Random(1).sample(range(1000), 40):
        answers = UnthinkingAnswers(seed, FormAnswers.RANDOM)
        decision = await answers.answer(PageSituation(1, "d", page), 0.0, MemoryStore().append)
        assert decision.move is not None
        pressed.add(decision.move.button)
    assert pressed == {0, 1}
