from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import pytest

from bots.adapters.in_memory import MemoryStore, ScriptedSession, accept
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.errors import (
    DecisionFailed,
    FailureKind,
    LedAway,
    PageOverdue,
    SeatError,
    SessionLost,
    TimeIsOver,
    UnexpectedPage,
    WaitedTooLong,
)
from bots.domain.experiment import Seat
from bots.domain.market import Decision, Forecast, OrderIntent
from bots.domain.pages import (
    Act,
    Answer,
    Field,
    FieldKind,
    Form,
    Page,
    PageKind,
    SendLive,
    SubmitForm,
    Trouble,
)
from bots.domain.ports import DecisionMaker, Record, Situation
from bots.domain.records import (
    ActAnswered,
    ActSent,
    ActUnanswered,
    DecisionMade,
    DecisionNotMade,
    PageMissed,
    PageSeen,
)
from markets.orders import Side
from tests.market_pages import end_page, market_page, wait_page
from tests.virtual_time import clock, in_virtual_time

QUICK = Pace(margin_seconds=0.05, act_seconds=1)
BUY = OrderIntent(side=Side.BUY, quantity=2, limit=Decimal("13.50"))


class Maker:
    """A decision maker made of a function; remembers what it was asked."""

    def __init__(self, decide: Callable[[Situation], Awaitable[Decision]], name: str = "scripted") -> None:
        self._decide = decide
        self.name = name
        self.asked: list[Situation] = []

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self.asked.append(situation)
        return await self._decide(situation)


def always(decision: Decision, name: str = "scripted") -> Maker:
    async def decide(situation: Situation) -> Decision:
        return decision

    return Maker(decide, name)


def failing(kind: FailureKind) -> Maker:
    async def decide(situation: Situation) -> Decision:
        raise DecisionFailed(kind, "the model said no")

    return Maker(decide)


def stalling() -> Maker:
    async def decide(situation: Situation) -> Decision:
        await asyncio.sleep(60)
        return Decision()

    return Maker(decide)


async def play(
    pages: Sequence[Page],
    maker: DecisionMaker,
    *,
    answer: Callable[[Page, Act], Answer] = accept,
    seconds: float = 5,
    session: ScriptedSession | None = None,
    pace: Pace = QUICK,
) -> tuple[ScriptedSession, MemoryStore]:
    session, store = session or ScriptedSession(pages, answer), MemoryStore()
    await TradingAgent(
        Seat(1, "abc", "http://localhost/InitializeParticipant/abc", "scripted", 1),
        session,
        maker=maker,
        fallback=always(Decision(), "hold"),
        table=Table(store, clock(), clock().monotonic() + seconds, "r1", pace),
    ).play()
    return session, store


@in_virtual_time
async def test_a_trader_places_its_orders_then_leaves_the_page() -> None:
    session, _ = await play([market_page("trade"), end_page()], always(Decision(orders=(BUY, BUY))))

    assert [type(act) for act in session.acts] == [SendLive, SendLive, SubmitForm]
    assert session.acts[0].message == {  # type: ignore[union-attr]
        "type": "place",
        "side": "buy",
        "quantity": 2,
        "limit": "13.50",
        "round": 2,
        "ref": "r1-s1-1",
    }


@in_virtual_time
async def test_forecasts_fill_the_pages_form() -> None:
    decision = Decision(forecasts=(Forecast(field="f0", value=Decimal("14.2")),))
    session, _ = await play([market_page("forecast"), end_page()], always(decision))

    assert isinstance(session.acts[0], SubmitForm)
    assert session.acts[0].values == {"f0": "14.2"}


@in_virtual_time
async def test_an_act_is_on_record_before_it_is_sent() -> None:
    sent: list[str] = []
    store_at_send: list[int] = []
    pages = [market_page("trade"), end_page()]
    store = MemoryStore()

    def answer(page: Page, act: Act) -> Answer:
        recorded = [event.ref for event in store.events if isinstance(event, ActSent)]
        sent.append(recorded[-1])
        store_at_send.append(len(recorded))
        return accept(page, act)

    await TradingAgent(
        Seat(1, "abc", "link", "scripted", 1),
        ScriptedSession(pages, answer),
        maker=always(Decision(orders=(BUY,))),
        fallback=always(Decision()),
        table=Table(store, clock(), clock().monotonic() + 5, "r1"),
    ).play()

    assert store_at_send == [1, 2]
    assert sent == ["r1-s1-1", "r1-s1-2"]


@in_virtual_time
async def test_an_order_the_server_refuses_is_recorded_with_its_words() -> None:
    def refuse(page: Page, act: Act) -> Answer:
        if isinstance(act, SendLive):
            return Answer(accepted=False, words=("You have too little cash.",), frame={"type": "refused"})
        return accept(page, act)

    maker = always(Decision(orders=(BUY,)))
    _, store = await play([market_page("trade"), market_page("forecast"), end_page()], maker, answer=refuse)

    (refused,) = [e for e in store.events if isinstance(e, ActAnswered) and not e.accepted]
    assert refused.words == ("You have too little cash.",)
    assert "refused: You have too little cash." in maker.asked[1].memory[0].orders[0]


@pytest.mark.parametrize("kind", list(FailureKind))
@in_virtual_time
async def test_a_decision_that_fails_is_its_own_record_and_the_fallback_acts(kind: FailureKind) -> None:
    _, store = await play([market_page("trade"), end_page()], failing(kind))

    (failed,) = [event for event in store.events if isinstance(event, DecisionNotMade)]
    (made,) = [event for event in store.events if isinstance(event, DecisionMade)]
    assert (failed.kind, failed.reason) == (kind, "the model said no")
    assert (made.by, made.fallback, made.decision) == ("hold", True, failed.decision)


@in_virtual_time
async def test_model_that_stalls_fails_its_decision_not_the_session() -> None:
    end = clock().monotonic() + 20
    pages = [market_page("trade", expires_at=end), end_page()]
    session, store = await play(pages, stalling(), seconds=60)

    (failed,) = [event for event in store.events if isinstance(event, DecisionNotMade)]
    assert failed.kind is FailureKind.TIMEOUT
    assert clock().monotonic() < end
    assert isinstance(session.acts[-1], SubmitForm)


@in_virtual_time
async def test_a_page_without_a_timer_still_has_a_deadline() -> None:
    _, store = await play([market_page("trade"), end_page()], stalling(), pace=Pace(untimed_seconds=30))

    assert [event.kind for event in store.events if isinstance(event, DecisionNotMade)] == [
        FailureKind.TIMEOUT
    ]


@in_virtual_time
async def test_a_page_that_goes_while_its_trader_decides_is_marked_as_missed() -> None:
    session = ScriptedSession([market_page("trade"), market_page("forecast"), end_page()])

    async def decide(situation: Situation) -> Decision:
        if situation.view.page == "trade":
            session.move_on()
            await asyncio.sleep(60)
        return Decision()

    _, store = await play([], Maker(decide), session=session)

    (missed,) = [event for event in store.events if isinstance(event, PageMissed)]
    assert (missed.page, missed.round) == ("trade", 2)
    assert [event.page for event in store.events if isinstance(event, DecisionMade)] == ["forecast"]


@in_virtual_time
async def test_a_page_that_is_loaded_anew_while_its_trader_decides_is_the_same_page() -> None:
    session = ScriptedSession([market_page("trade"), market_page("trade"), end_page()])

    async def decide(situation: Situation) -> Decision:
        session.move_on()
        await asyncio.sleep(1)
        return Decision(orders=(BUY,))

    _, store = await play([], Maker(decide), session=session)

    assert [type(act) for act in session.acts] == [SendLive, SubmitForm]
    assert sum(isinstance(event, DecisionMade) for event in store.events) == 1
    assert not [event for event in store.events if isinstance(event, PageMissed)]
    seen = [event.location for event in store.events if isinstance(event, PageSeen)]
    assert seen[0] == seen[1], "that it was loaded anew is on record"


@in_virtual_time
async def test_choosing_not_to_trade_is_a_decision() -> None:
    _, store = await play([market_page("trade"), end_page()], always(Decision()))

    (made,) = [event for event in store.events if isinstance(event, DecisionMade)]
    assert not made.fallback
    assert not [event for event in store.events if isinstance(event, DecisionNotMade)]


@in_virtual_time
async def test_a_form_refused_three_times_ends_the_seat_with_the_servers_words() -> None:
    def refuse(page: Page, act: Act) -> Answer:
        return Answer(accepted=False, words=("You must agree.",))

    with pytest.raises(SeatError, match=r"consent was refused 3 times: You must agree\."):
        await play([market_page("consent", None), end_page()], always(Decision()), answer=refuse)


@in_virtual_time
async def test_an_act_without_an_answer_is_recorded_and_the_trader_looks_again() -> None:
    class Silent(ScriptedSession):
        async def act(self, act: Act, until: float) -> Answer:
            self.acts.append(act)
            self.move_on()
            raise TimeoutError

    _, store = await play([], always(Decision()), session=Silent([market_page("results"), end_page()]))

    assert [event.ref for event in store.events if isinstance(event, ActUnanswered)] == ["r1-s1-1"]


@pytest.mark.parametrize(
    ("host", "path"),
    [("app.prolific.com", "/submissions/complete"), ("x.sona-systems.com", "/webstudy_credit.aspx")],
)
@in_virtual_time
async def test_a_session_that_ends_at_the_service_that_recruited_is_finished(host: str, path: str) -> None:
    def lead_away(page: Page, act: Act) -> Answer:
        raise LedAway(page.location, host, path)

    pages = [Page("v1", PageKind.FORM, "/p/abc/outro/Thanks/9", form=Form())]
    _, store = await play(pages, always(Decision()), answer=lead_away)

    (unanswered,) = [event for event in store.events if isinstance(event, ActUnanswered)]
    assert f"/p/abc/outro/Thanks/9 leads to another host ({host})" in unanswered.reason
    last = store.events[-1]
    assert isinstance(last, PageSeen)
    assert (last.kind, last.location) == ("end", path)
    assert last.text == f"The session ends at {host}{path}, where it was not followed."


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("elsewhere.example", "/submissions/complete"),
        ("notprolific.com", "/submissions/complete"),
        ("app.prolific.com", "/submissions/complete/all"),
        ("prolific.com.elsewhere.example", "/submissions/complete"),
    ],
)
@in_virtual_time
async def test_a_page_that_leads_anywhere_else_ends_the_seat(host: str, path: str) -> None:
    def lead_away(page: Page, act: Act) -> Answer:
        raise LedAway(page.location, host, path)

    with pytest.raises(LedAway):
        await play([market_page("trade")], always(Decision(orders=(BUY,))), answer=lead_away)


@in_virtual_time
async def test_a_wait_page_is_waited_for_and_one_that_stays_is_told() -> None:
    session = ScriptedSession([wait_page(), end_page()])
    asyncio.get_running_loop().call_later(2, session.move_on)
    await play([], always(Decision()), session=session)

    with pytest.raises(TimeIsOver, match=r"did not go on for 5 s"):
        await play([wait_page()], always(Decision()), seconds=5)
    with pytest.raises(WaitedTooLong, match=r"did not go on for 3 s"):
        await play([wait_page()], always(Decision()), pace=Pace(wait_seconds=3))


@in_virtual_time
async def test_who_is_cut_short_at_a_wait_page_says_what_was_waited_for() -> None:
    waiting = asyncio.create_task(play([wait_page()], always(Decision()), seconds=60))
    asyncio.get_running_loop().call_later(2, waiting.cancel)
    with pytest.raises(asyncio.CancelledError, match=r"did not go on for 2 s"):
        await waiting


@in_virtual_time
async def test_plain_forms_of_other_apps_are_answered_validly() -> None:
    form = Form((Field("age", FieldKind.INTEGER, "Your age", required=True, minimum="18"),))
    page = Page("v", PageKind.FORM, "/p/abc/survey/Age/3", form=form)
    session, _ = await play([page, end_page()], always(Decision()))

    assert isinstance(session.acts[0], SubmitForm)
    assert session.acts[0].values == {"age": "18"}


def broken_page(trouble: Trouble = Trouble.FAILED, visit: str = "broken") -> Page:
    return Page(visit, PageKind.BROKEN, "/p/abc/x/Y/1", title="Server Error (500)", trouble=trouble)


@in_virtual_time
async def test_a_server_that_answers_with_errors_and_comes_back_is_waited_for() -> None:
    session = ScriptedSession([broken_page(), end_page()])
    asyncio.get_running_loop().call_later(2.5, session.move_on)
    await play([], always(Decision()), session=session, pace=Pace(broken_waits=(1, 1, 1, 1)))

    assert session.page.kind is PageKind.END


@in_virtual_time
async def test_a_server_that_stays_broken_ends_the_seat() -> None:
    with pytest.raises(SessionLost, match="Server Error"):
        await play([broken_page()], always(Decision()), pace=Pace(broken_waits=(0.0, 0.0)))


@in_virtual_time
async def test_a_server_that_is_away_is_waited_for_to_the_runs_end_and_no_longer() -> None:
    pace = Pace(broken_waits=(0, 1))
    session = ScriptedSession([broken_page(Trouble.AWAY), end_page()])
    asyncio.get_running_loop().call_later(20, session.move_on)
    await play([], always(Decision()), session=session, pace=pace, seconds=30)
    with pytest.raises(SessionLost, match="away when the run's time was over"):
        await play([broken_page(Trouble.AWAY)], always(Decision()), pace=pace, seconds=10)


@in_virtual_time
async def test_a_participant_that_was_deleted_is_told_in_a_sentence() -> None:
    with pytest.raises(SeatError, match=r"does not know participant abc .*session was deleted"):
        await play([broken_page(Trouble.GONE)], always(Decision()), pace=Pace(broken_waits=(0.0,) * 8))


@in_virtual_time
async def test_a_page_that_comes_again_after_an_outage_is_gone_on_with_and_not_traded_on_anew() -> None:
    """The second order's answer and the form are lost; then the same page is due again."""
    first, again = market_page("trade"), market_page("trade")
    acts: list[Act] = []

    def answer(page: Page, act: Act) -> Answer:
        acts.append(act)
        if len(acts) == 2:
            raise TimeoutError("the line broke")
        return accept(page, act)

    maker = always(Decision(orders=(BUY, BUY)))
    pages = [first, broken_page(Trouble.AWAY), again, end_page()]
    session = ScriptedSession(pages, answer)
    asyncio.get_running_loop().call_later(1, session.move_on)
    _, store = await play([], maker, session=session, pace=Pace(broken_waits=(2,)))

    refs = [act.ref for act in acts if isinstance(act, SendLive)]
    assert refs == ["r1-s1-1", "r1-s1-2", "r1-s1-2"]
    assert len(maker.asked) == 1
    sent = [event.ref for event in store.events if isinstance(event, ActSent) and event.act == "live"]
    assert sent == ["r1-s1-1", "r1-s1-2"]


@in_virtual_time
async def test_a_page_that_never_comes_is_waited_for() -> None:
    class Slow(ScriptedSession):
        looks = 0

        async def look(self) -> Page:
            self.looks += 1
            if self.looks < 4:
                raise PageOverdue("the link showed nothing for 60 s")
            return await super().look()

    session = Slow([end_page()])
    await play([], always(Decision()), session=session, pace=Pace(broken_waits=(0.0,)))

    assert session.looks == 4


@in_virtual_time
async def test_a_round_that_goes_backwards_is_unexpected() -> None:
    with pytest.raises(UnexpectedPage, match="After trade"):
        await play([market_page("trade", 3), market_page("trade", 2), end_page()], always(Decision()))
