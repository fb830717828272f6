"""A market in this process answers as the oTree project does, page by page, and carries whole sessions."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process import InProcessMarket, InProcessSession
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Table, TradingAgent
from bots.domain.errors import SessionLost
from bots.domain.experiment import Seat
from bots.domain.market import MarketView
from bots.domain.pages import Answer, Page, PageKind, SendLive, SubmitForm, check_flow
from bots.domain.records import ActAnswered, ActSent
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from tests.virtual_time import clock, in_virtual_time

PAY = Pay(participation_fee=Fraction(5))


def market(traders: int = 2, *, timed: bool = False, **config: Any) -> InProcessMarket:
    parameters = MarketParameters.from_config(
        {"practice_rounds": 1, "paid_rounds": 2, "forecast_horizons": "0, 1", **config}
    )
    return InProcessMarket(parameters, traders, seed="s", pay=PAY, timed=timed)


def soon(seconds: float = 5) -> float:
    return asyncio.get_running_loop().time() + seconds


async def submit(session: InProcessSession, **values: str) -> Page:
    answer = await session.act(SubmitForm(values), soon())
    assert answer.accepted, answer.words
    assert answer.page is not None
    return answer.page


async def place(session: InProcessSession, side: str, quantity: Any, limit: Any, ref: str) -> Answer:
    message = {"type": "place", "side": side, "quantity": quantity, "limit": limit, "ref": ref}
    return await session.act(SendLive(message, ref), soon())


async def at_trade(play: InProcessMarket) -> list[InProcessSession]:
    sessions = [play.session(trader) for trader in (1, 2)]
    for session in sessions:
        assert (await session.look()).name == "phase_start"
        assert (await submit(session)).name == "trade"
    return sessions


def view_of(page: Page) -> MarketView:
    assert page.market is not None
    return page.market


@in_virtual_time
async def test_each_wait_for_news_ends_at_its_own_time_whichever_came_before() -> None:
    one, _ = await at_trade(market())
    page, started = await one.look(), clock().time()

    for until in (started + 9, started + 20, started + 20, started + 35):
        assert await one.wait(page, until) is None
        assert clock().time() == pytest.approx(until)

    long = asyncio.create_task(one.wait(page, started + 99))
    await asyncio.sleep(0)
    assert await one.wait(page, started + 40) is None
    assert clock().time() == pytest.approx(started + 40)
    await place(one, "buy", 1, "14", "a")
    heard = await long
    assert heard is not None
    assert heard.revision == page.revision + 1
    assert clock().time() == pytest.approx(started + 40)


async def test_a_round_goes_from_trade_to_forecast_to_wait_to_results() -> None:
    play = market()
    one, two = await at_trade(play)
    await place(one, "buy", 2, "15", "a")
    await place(two, "sell", 1, "14", "b")
    asked = await submit(one)
    assert asked.form is not None
    assert [field.name for field in asked.form.fields] == [
        "f0"
    ]  # practice has one round: no later one is asked
    waiting = await submit(one, f0="14.5")
    assert (waiting.kind, waiting.market) == (PageKind.WAIT, None)
    await submit(two)
    results = await submit(two, f0="90")
    told = view_of(results).result
    assert told is not None
    assert (told.price, told.volume, told.sold) == (Decimal("14.5"), 1, 1)
    arrived = await one.wait(waiting, soon())
    assert arrived is not None
    own = view_of(arrived).result
    assert own is not None
    assert (own.bought, [scored.reward for scored in own.forecasts]) == (1, [Decimal(5)])


async def test_everybody_starts_anew_after_practice_and_is_paid_at_the_end() -> None:
    play = market(1, forecast_horizons="")
    session = play.session(1)
    page, seen = await session.look(), list[tuple[str, int]]()
    while page.kind is not PageKind.END:
        view = view_of(page)
        seen.append((page.name, view.round.overall if view.round else 0))
        if page.name in ("phase_start", "trade") and view.round and view.round.number == 1:
            assert view.holdings is not None
            assert (view.holdings.cash, view.holdings.shares, view.history) == (Decimal(100), 4, ())
        page = await submit(session)
    assert seen == [
        *(("phase_start", 1), ("trade", 1), ("results", 1), ("final", 1)),
        *(("phase_start", 2), ("trade", 2), ("results", 2), ("trade", 3), ("results", 3), ("final", 3)),
    ]
    final = view_of(page).final
    assert (page.name, page.form) == ("payment", None)
    assert final is not None
    assert final.payoff == PAY.in_currency(play.final(1).points)
    assert not (await session.act(SubmitForm({}), soon())).accepted


async def test_live_messages_are_answered_and_show_on_the_page() -> None:
    play = market()
    one, _ = await at_trade(play)
    placed = await place(one, "buy", 2, "14.50", "a")
    assert placed.accepted
    assert placed.frame is not None
    page = await one.look()
    assert (page.revision, page.frames) == (1, (placed.frame,))
    view = view_of(page)
    assert [(order.ref, str(order.limit)) for order in view.open_orders] == [("a", "14.50")]
    assert view.holdings is not None
    assert str(view.holdings.cash_available) == "71.00"
    cancel = {"type": "cancel", "order_id": view.open_orders[0].order_id, "ref": "b"}
    assert (await one.act(SendLive(cancel, "b"), soon())).accepted
    assert view_of(await one.look()).open_orders == ()


async def test_an_order_sent_twice_under_one_ref_is_placed_once() -> None:
    play = market()
    one, _ = await at_trade(play)
    first, again = await place(one, "buy", 1, "14", "a"), await place(one, "buy", 1, "14", "a")
    assert first.frame == again.frame
    assert len(view_of(await one.look()).open_orders) == 1


async def test_a_refused_order_comes_with_the_servers_words() -> None:
    one, _ = await at_trade(market())
    answer = await place(one, "sell", 9, "14", "a")
    assert not answer.accepted
    assert "short sales are not allowed" in answer.words[0]
    assert not (await one.act(SendLive({"type": "dance", "ref": "b"}, "b"), soon())).accepted


async def test_forecasts_that_cannot_be_read_show_the_page_again() -> None:
    one, _ = await at_trade(market())
    before = await submit(one)
    answer = await one.act(SubmitForm({"f0": "a lot"}), soon())
    assert not answer.accepted
    assert answer.page is not None
    assert (answer.page.location, answer.page.errors) == (before.location, answer.words)
    assert answer.page.visit != before.visit
    assert (await submit(one, f0="14")).kind is PageKind.WAIT


async def test_a_forecast_waits_on_later_pages_until_its_round_is_over() -> None:
    play = market(1, practice_rounds=0)
    session = play.session(1)
    for values in ({}, {}, {"f0": "14", "f1": "15"}):
        await session.look()
        page = await submit(session, **values)
    assert page.name == "results"
    assert [one.value for one in view_of(page).forecasts] == [15]
    assert [one.value for one in view_of(await submit(session)).forecasts] == [15]


async def test_acts_meant_for_a_page_that_has_gone_are_not_sent() -> None:
    play = market(1, forecast_horizons="", timed=True, phase_start_seconds=1, trade_seconds=0)
    session = play.session(1)
    page = await session.look()
    assert page.expires_at is not None
    play.submit(1, SubmitForm({}, timed_out=True))  # as the page's timer does
    answer = await session.act(SubmitForm({}), soon())
    assert (answer.accepted, answer.words) == (False, ("The page had moved on before this was sent.",))
    assert answer.page is not None
    assert answer.page.name == "trade"


@in_virtual_time
async def test_pages_go_on_by_themselves_when_their_time_is_over() -> None:
    play = market(timed=True, phase_start_seconds=1, trade_seconds=0)
    session = play.session(1)
    page = await session.look()
    after = await session.wait(page, soon())
    assert after is not None
    assert (after.name, after.expires_at) == ("trade", None)


@in_virtual_time
async def test_waiting_ends_at_its_deadline() -> None:
    session = market().session(1)
    page, until = await session.look(), soon(9)
    assert await session.wait(page, until) is None
    assert clock().time() == pytest.approx(until)


async def test_waiting_ends_with_the_next_live_frame() -> None:
    one, _ = await at_trade(market())
    page = await one.look()
    waiting = asyncio.create_task(one.wait(page, soon()))
    await asyncio.sleep(0)
    await place(one, "buy", 1, "14", "a")
    after = await waiting
    assert after is not None
    assert (after.visit, after.revision) == (page.visit, 1)


async def test_live_messages_and_forms_have_their_pages() -> None:
    one, _ = await at_trade(market())
    await submit(one)
    assert not (await place(one, "buy", 1, "14", "a")).accepted
    await submit(one, f0="14")
    assert (await one.act(SubmitForm({}), soon())).words == ("This page has no form.",)


async def test_a_seat_that_was_given_up_is_lost() -> None:
    session = market().session(1)
    await session.close()
    await session.close()
    with pytest.raises(SessionLost, match="trader 1"):
        await session.look()


async def play_out(play: InProcessMarket, names: list[str]) -> MemoryStore:
    """Seat the agents that trade for real and play to the end."""
    store, clock = MemoryStore(), SystemClock()
    table = Table(store, clock, soon(60), "r1")
    async with asyncio.TaskGroup() as group:
        for number, name in enumerate(names, start=1):
            agent = TradingAgent(
                Seat(number, f"trader{number}", "", name, number),
                play.session(number),
                maker=STRATEGIES[name].make(number),
                fallback=STRATEGIES["hold"].make(number),
                table=table,
            )
            group.create_task(agent.play())
    return store


async def test_whole_sessions_of_real_agents_conserve_cash_and_shares() -> None:
    names = [
        "zero-intelligence",
        "fundamentalist",
        "momentum",
        "speculator",
        "market-maker",
        "zero-intelligence",
    ]
    play = market(len(names), paid_rounds=4)
    store = await play_out(play, names)
    assert [len(state.history) for state in play.rounds] == [1, 1, 2, 3, 4]
    before = Fraction(600)
    for state in play.rounds[1:]:
        total = sum((account.cash for account in state.accounts.values()), Fraction(0))
        assert total == before * Fraction("1.05") + 24 * state.history[-1].dividend
        assert sum(account.shares for account in state.accounts.values()) == 24
        before = total
    assert sum(state.history[-1].volume for state in play.rounds) > 0
    sent = [event.ref for event in store.events if isinstance(event, ActSent)]
    answered = [event.ref for event in store.events if isinstance(event, ActAnswered)]
    assert sorted(sent) == sorted(answered)


async def test_the_same_seeds_make_the_same_market() -> None:
    names = ["zero-intelligence", "speculator", "momentum"]
    histories = []
    for _ in range(2):
        play = market(3, paid_rounds=3, rationing="random")
        await play_out(play, names)
        histories.append([state.history for state in play.rounds])
    assert histories[0] == histories[1]


async def test_every_page_may_follow_the_one_before_it() -> None:
    play = market(1)
    session = play.session(1)
    page, before = await session.look(), None
    while page.kind is not PageKind.END:
        check_flow(before, view_of(page))
        before = view_of(page)
        page = await submit(session)
    check_flow(before, view_of(page))


async def test_paid_markets_in_a_row_tell_each_trader_its_own_endowment_and_add_up_what_they_earned() -> None:
    play = market(
        practice_rounds=0,
        paid_rounds=1,
        paid_markets=2,
        forecast_horizons="",
        endowment_cash="10, 20",
        endowment_shares="2, 1",
        interest_rate="0.10",
    )
    sessions = [play.session(trader) for trader in (1, 2)]
    pages = [await session.look() for session in sessions]
    assert [view_of(page).market.endowment_shares for page in pages] == [2, 1]
    seen: list[tuple[str, int]] = []
    while pages[0].kind is not PageKind.END:
        where = view_of(pages[0]).round
        assert where is not None
        seen.append((pages[0].name, where.market))
        pages = [await submit(session) for session in sessions]
        pages = [
            (await session.wait(page, soon()) or page) if page.kind is PageKind.WAIT else page
            for session, page in zip(sessions, pages, strict=True)
        ]
        pages = [await session.look() for session in sessions]
    assert seen == [(page, m) for m in (1, 2) for page in ("phase_start", "trade", "results", "final")]
    final = view_of(pages[1]).final
    assert final is not None
    assert final.earlier_markets > 20
    assert final.payoff == PAY.in_currency(play.final(2).earlier + play.final(2).points)
