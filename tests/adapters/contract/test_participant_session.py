"""What a participant session promises, whatever it sits in, against a real oTree server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

import pytest

from bots.domain.errors import SessionLost
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm
from bots.domain.ports import ParticipantSession
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import ANSWERS, STORED, Transport, advance, at_timed_page, say, seated, soon
from tests.adapters.small_server import free_port

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


async def test_filled_form_is_stored_as_it_was_sent(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, [link] = neutral_server.session("questions")
    async with seated(transport, link) as (session, _):
        page = await advance(session)
        assert page.form is not None
        answer = await session.act(SubmitForm(ANSWERS, page.form.buttons[1]), soon())
        assert answer.accepted
        assert answer.page is not None
        assert answer.page.kind is PageKind.END
    [row] = neutral_server.stored(code)
    assert {name: row[f"questions.1.player.{name}"] for name in STORED} == STORED


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"age": "42"}, ("Please fix the errors.", "How old are you?: Nobody here is 42.")),
        ({"city": "Atlantis"}, ("Atlantis has sunk.",)),
    ],
)
async def test_refusal_of_the_server_comes_in_its_own_words(
    transport: Transport, neutral_server: NeutralServer, wrong: dict[str, str], words: tuple[str, ...]
) -> None:
    async with seated(transport, neutral_server.link("questions")) as (session, _):
        page = await advance(session)
        answer = await session.act(SubmitForm(ANSWERS | wrong), soon())
        assert not answer.accepted
        assert answer.words == words
        assert answer.page is not None
        assert answer.page.location == page.location
        assert answer.page.visit != page.visit
        assert answer.page.errors == words
        assert (await session.act(SubmitForm(ANSWERS), soon())).accepted


def chromium_words(told: Sequence[str]) -> tuple[str, ...]:
    """Firefox says the same in other words."""
    return tuple(
        words.replace("Please enter a number.", "Please fill out this field.").replace(
            "Please select a value that is no less than 18.", "Value must be greater than or equal to 18."
        )
        for words in told
    )


async def test_form_that_breaks_the_limits_of_the_page_is_not_sent_and_each_field_says_why(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("questions")) as (session, _):
        page = await advance(session)
        wrong = {"age": "5", "happy": "9", "offer": "three", "slider": "33", "nothing": "1", "terms": ""}
        answer = await session.act(SubmitForm(ANSWERS | wrong), soon())
        assert not answer.accepted
        assert set(chromium_words(answer.words)) == {
            "How old are you?: Value must be greater than or equal to 18.",
            'How happy are you?: There is no choice "9".',
            'Your offer: "three" cannot be entered here.',
            'Slider: "33" cannot be entered here.',
            "nothing: There is no such field on this page.",
            "I accept the terms: Please check this box if you want to proceed.",
        }
        assert answer.page is not None
        assert answer.page.visit == page.visit
        assert (await session.act(SubmitForm(ANSWERS), soon())).accepted


async def test_empty_form_names_every_field_that_must_be_filled(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("questions")) as (session, _):
        await advance(session)
        words = (await session.act(SubmitForm({}), soon())).words
        assert chromium_words(words) == (
            "How old are you?: Please fill out this field.",
            "Your offer: Please fill out this field.",
            "Share kept: Please fill out this field.",
            "City: Please fill out this field.",
            "Why?: Please fill out this field.",
            "How happy are you?: Please select one of these options.",
            "I agree: Please select one of these options.",
            "Country: Please select an item in the list.",
            "I accept the terms: Please check this box if you want to proceed.",
            "Are you a member?: Please select one of these options.",
        )


async def test_wait_page_wakes_both_of_a_group_by_event(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("pairs", 2)
    async with seated(transport, links[0]) as (one, _), seated(transport, links[1]) as (other, _):
        waiting = await advance(one)
        assert waiting.kind is PageKind.WAIT
        woken = asyncio.create_task(one.wait(waiting, soon()))
        assert await one.wait(waiting, time.monotonic() + 0.2) is None
        theirs = await advance(other)
        mine = await woken
        assert mine is not None
        if theirs.kind is PageKind.WAIT:
            theirs = await other.wait(theirs, soon()) or theirs
        assert (mine.name, theirs.name) == ("Timed", "Timed")


async def past_wait(session: ParticipantSession, page: Page) -> Page:
    after = page if page.kind is not PageKind.WAIT else await session.wait(page, soon())
    assert after is not None
    return after


async def test_those_who_wait_are_grouped_by_arrival_and_then_wait_for_everybody(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    _, links = neutral_server.session("arrivals", 2)
    async with seated(transport, links[0]) as (one, gathering), seated(transport, links[1]) as (other, page):
        assert gathering.kind is PageKind.WAIT
        assert (await past_wait(one, gathering)).name == "Grouped"
        assert (await past_wait(other, page)).name == "Grouped"
        waiting = await advance(one)
        assert waiting.kind is PageKind.WAIT
        theirs = await advance(other)
        assert (await past_wait(one, waiting)).name == "Together"
        assert (await past_wait(other, theirs)).name == "Together"


async def test_timer_of_the_page_is_its_deadline(transport: Transport, neutral_server: NeutralServer) -> None:
    _, links = neutral_server.session("pairs", 2, timer=40)
    async with seated(transport, links[0]) as (one, _), seated(transport, links[1]) as (other, _):
        began = time.monotonic()
        page = await at_timed_page(one, other)
        assert page.expires_at is not None
        assert began + 39 < page.expires_at <= time.monotonic() + 40
        again = await one.look()
        assert (again.visit, again.expires_at) == (page.visit, page.expires_at)
        quiet = await advance(one)
        assert (quiet.name, quiet.kind) == ("Quiet", PageKind.FORM)
        assert (await advance(one)).kind is PageKind.FORM


async def test_page_whose_time_is_over_goes_on_by_itself(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2, timer=1)
    async with seated(transport, links[0]) as (one, _), seated(transport, links[1]) as (other, _):
        page: Page | None = await advance(one)
        await advance(other)
        while page is not None and page.name != "Quiet":  # where a machine is slow, Timed may be over unseen
            page = await one.wait(page, soon())
        assert page is not None
    assert neutral_server.stored(code)[0]["pairs.1.player.timed_out"] == "1"


async def until_at(server: NeutralServer, session: str, page: str) -> None:
    """Wait until the server has shown the first participant a page, without asking the participant."""
    until = time.monotonic() + 10
    while (await asyncio.to_thread(server.stored, session))[0]["participant._current_page_name"] != page:
        assert time.monotonic() < until
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.3)  # for the page to come to the participant


async def test_act_for_a_page_whose_timer_ended_is_not_sent_to_the_next(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2, timer=3)
    async with seated(transport, links[0]) as (one, _), seated(transport, links[1]) as (other, _):
        await at_timed_page(one, other)
        await until_at(neutral_server, code, "Quiet")
        answer = await one.act(SubmitForm({"note": "too late"}), soon())
        assert not answer.accepted
        assert answer.words == ("The page had moved on before this was sent.",)
        assert answer.page is not None
        assert answer.page.name == "Quiet"
    assert neutral_server.stored(code)[0]["pairs.1.player.timed_out"] == "1"


async def test_timed_out_form_is_marked_and_not_checked(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("pairs", 2, timer=4)
    async with seated(transport, links[0]) as (one, _), seated(transport, links[1]) as (other, _):
        page = await at_timed_page(one, other)
        assert page.expires_at is not None
        # oTree believes that the time was over in its last two seconds
        await asyncio.sleep(page.expires_at - 1.9 - time.monotonic())
        answer = await one.act(SubmitForm({"note": "in time"}, timed_out=True), soon())
        assert answer.accepted
    row = neutral_server.stored(code)[0]
    assert (row["pairs.1.player.note"], row["pairs.1.player.timed_out"]) == ("in time", "1")


async def test_participant_whom_the_experimenter_moves_on_goes_on(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, [link] = neutral_server.session("channel")
    async with seated(transport, link) as (session, page):
        woken = asyncio.create_task(session.wait(page, soon()))
        await asyncio.to_thread(neutral_server.advance, code, link)
        after = await woken
        assert after is not None
        assert after.name == "Failing"
        assert (await advance(session)).name == "Last"


async def test_second_session_of_a_link_goes_on_where_the_first_was(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    link = neutral_server.link("channel")
    async with seated(transport, link) as (session, _):
        assert (await advance(session)).name == "Failing"
    async with seated(transport, link) as (session, page):
        assert page.name == "Failing"
        assert (await advance(session)).name == "Last"


async def test_live_message_is_answered_by_the_frame_with_its_name(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, page):
        assert page.live
        answer = await session.act(say("hello"), soon())
        assert answer == Answer(True, frame={"type": "placed", "ref": "hello", "heard": "hello"})
        after = await session.look()
        assert (after.visit, after.revision) == (page.visit, 1)
        assert after.frames == (answer.frame,)


async def test_refused_live_message_has_the_reasons_as_words(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, _):
        answer = await session.act(SendLive({"type": "refuse", "ref": "r"}, "r"), soon())
        assert not answer.accepted
        assert answer.words == ("The price is not on the tick.",)


async def test_live_message_that_the_server_fails_at_is_refused(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, _):
        answer = await session.act(SendLive({"type": "crash", "ref": "c"}, "c"), soon())
        assert not answer.accepted
        assert (await session.act(say("still here"), soon())).accepted


async def test_live_frames_wake_who_waits(transport: Transport, neutral_server: NeutralServer) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, page):
        woken = asyncio.create_task(session.wait(page, soon()))
        await session.act(say("news"), soon())
        after = await woken
        assert after is not None
        assert (after.visit, after.revision) == (page.visit, 1)


async def test_live_message_to_a_page_without_a_channel_is_refused(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("questions")) as (session, _):
        assert (await session.act(say("hello"), soon())).words == ("This page takes no live messages.",)


async def test_unanswered_live_message_times_out(transport: Transport, neutral_server: NeutralServer) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, _):
        with pytest.raises(TimeoutError, match="did not answer"):
            await session.act(SendLive({"type": "say", "text": "x", "ref": "a"}, "b"), time.monotonic() + 0.3)


async def test_failing_server_shows_a_broken_page_and_a_second_look_goes_on_from_the_link(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, neutral_server.link("channel", fail=True)) as (session, _):
        assert (await advance(session)).name == "Failing"
        answer = await session.act(SubmitForm({}), soon())
        assert not answer.accepted
        assert answer.page is not None
        assert answer.page.kind is PageKind.BROKEN
        assert "500" in answer.words[0] or "error" in answer.words[0].lower()
        assert (await session.look()).name == "Failing"


async def test_unknown_participant_is_a_broken_page(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    async with seated(transport, f"{neutral_server.url}/InitializeParticipant/nobody") as (_, page):
        assert page.kind is PageKind.BROKEN


async def test_server_that_is_not_there_is_a_broken_page(transport: Transport) -> None:
    async with seated(transport, f"http://127.0.0.1:{free_port()}/InitializeParticipant/abc") as (_, page):
        assert page.kind is PageKind.BROKEN
        assert "127.0.0.1" in page.text


async def test_after_the_last_page_comes_the_end(transport: Transport, neutral_server: NeutralServer) -> None:
    async with seated(transport, neutral_server.link("channel")) as (session, _):
        await advance(session)
        assert (await advance(session)).name == "Last"
        assert (await advance(session)).kind is PageKind.END


async def test_participants_do_not_disturb_each_other(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("channel", 8)

    async def chat(link: str, words: str) -> None:
        async with seated(transport, link) as (session, _):
            for word in words:
                assert (await session.act(say(word), soon())).accepted

    texts = ["".join(chr(97 + (seat + step) % 26) for step in range(6)) for seat in range(8)]
    await asyncio.gather(*(chat(link, text) for link, text in zip(links, texts, strict=True)))
    assert [row["channel.1.player.heard"] for row in neutral_server.stored(code)] == texts


async def test_session_that_was_closed_is_lost(transport: Transport, neutral_server: NeutralServer) -> None:
    session = await transport.open_session(neutral_server.link("channel"))
    await session.look()
    await session.close()
    await session.close()
    with pytest.raises(SessionLost):
        await session.look()


async def test_participants_who_wait_look_at_nothing_until_they_are_moved_on(
    transport: Transport, neutral_server: NeutralServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, links = neutral_server.session("pairs", 8)
    async with contextlib.AsyncExitStack() as seats:
        both = [await seats.enter_async_context(seated(transport, link)) for link in links[::2]]
        pages = [await advance(session) for session, _ in both]
        await asyncio.sleep(1.5)  # until each listens whether it is moved on
        waits = [
            session.wait(page, time.monotonic() + 2) for (session, _), page in zip(both, pages, strict=True)
        ]
        turns = turns_of_the_loop(monkeypatch)
        assert await asyncio.gather(*waits) == [None] * len(waits)
        assert len(turns) < 5 * len(waits), "each begins to wait, and its time is over"


def turns_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """Collect from now on how long the event loop means to sleep, each time it does."""
    turns: list[float | None] = []
    selector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    select = selector.select

    def counted(timeout: float | None = None) -> object:
        turns.append(timeout)
        return select(timeout)

    monkeypatch.setattr(selector, "select", counted)
    return turns
