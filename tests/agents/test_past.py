"""A trader whose run was cut short goes on where it was, and sends nothing twice."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore, ScriptedSession, accept
from bots.agents.past import Past, decision_pages_between
from bots.agents.trading_agents import Table, TradingAgent
from bots.domain.experiment import Seat
from bots.domain.market import Decision, Forecast, OrderIntent
from bots.domain.pages import Act, Answer, Page, SendLive, SubmitForm
from bots.domain.ports import Record, Situation
from bots.domain.records import ActAnswered, ActSent, ActUnanswered, Event, PageMissed
from markets.orders import Side
from tests.market_pages import end_page, market_page, view

ORDERS = tuple(OrderIntent(side=Side.BUY, quantity=1, limit=Decimal(price)) for price in (10, 11, 12))
DECISIONS = {
    "trade": Decision(orders=ORDERS, plan="buy"),
    "forecast": Decision(forecasts=(Forecast(field="f0", value=Decimal(14)),)),
}


class Cut(Exception):
    """The run is killed here."""


class Maker:
    name = "scripted"

    def __init__(self) -> None:
        self.asked: list[Situation] = []

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self.asked.append(situation)
        return DECISIONS[situation.view.page]


class CuttingStore(MemoryStore):
    """Keeps `keep` events, then the process is gone: nothing more is written or sent."""

    def __init__(self, keep: int, events: list[Event] | None = None) -> None:
        super().__init__(list(events or []))
        self.keep = keep

    def append(self, event: Event) -> None:
        if len(self.events) >= self.keep:
            raise Cut
        super().append(event)


class Server:
    """Two pages of one round; remembers what arrived, and does nothing twice for one ref."""

    def __init__(self) -> None:
        self.pages = [market_page("trade"), market_page("forecast"), end_page()]
        self.at = 0
        self.placed: dict[str, object] = {}
        self.forms: list[str] = []

    def session(self) -> ScriptedSession:
        return ScriptedSession(self.pages[self.at :], self.answer)

    def answer(self, page: Page, act: Act) -> Answer:
        if isinstance(act, SendLive):
            self.placed.setdefault(act.ref or "", act.message["limit"])
        if isinstance(act, SubmitForm):
            self.forms.append(page.name)
            self.at += 1
        return accept(page, act)


async def play(server: Server, store: MemoryStore, maker: Maker, past: Past | None = None) -> None:
    await TradingAgent(
        Seat(1, "abc", "link", "scripted", 1),
        server.session(),
        maker=maker,
        fallback=maker,
        table=Table(store, SystemClock(), time.monotonic() + 5, "r1"),
        past=past,
    ).play()


async def whole_run() -> tuple[Server, list[Event]]:
    server, store = Server(), MemoryStore()
    await play(server, store, Maker())
    return server, store.events


@pytest.mark.parametrize("keep", range(1, 16))
async def test_a_run_cut_after_any_event_goes_on_and_sends_nothing_twice(keep: int) -> None:
    """Each event is written before its act is sent, so any cut lies between two events."""
    server, store = Server(), CuttingStore(keep)
    maker = Maker()
    with pytest.raises(Cut):
        await play(server, store, maker)
    resumed = MemoryStore(list(store.events))
    await play(server, resumed, maker, Past.of_seat(store.events, 1))

    assert list(server.placed.values()) == ["10", "11", "12"]
    assert server.forms == ["trade", "forecast"]
    assert [one.view.page for one in maker.asked].count("trade") <= 2
    refs = [event.ref for event in resumed.events if isinstance(event, ActSent)]
    assert len(refs) == len(set(refs))
    told = [event.ref for event in resumed.events if isinstance(event, ActAnswered | ActUnanswered)]
    assert set(refs) == set(told)


async def test_the_whole_run_has_the_events_that_are_cut_above() -> None:
    _, events = await whole_run()

    assert len(events) == 16


async def test_a_cut_run_remembers_plans_and_numbers_its_acts_on() -> None:
    _, events = await whole_run()
    past = Past.of_seat(events, 1)

    assert past.memory.remembered[0].plan == "buy"
    assert (past.acts, past.decisions) == (5, 2)


async def test_pages_that_passed_while_the_run_was_down_are_marked_as_missed() -> None:
    store = CuttingStore(2)
    with pytest.raises(Cut):
        await play(Server(), store, Maker())
    late = Server()
    late.pages = [market_page("forecast", 3), end_page()]
    resumed = MemoryStore(list(store.events))
    await play(late, resumed, Maker(), Past.of_seat(store.events, 1))

    missed = [(event.page, event.round) for event in resumed.events if isinstance(event, PageMissed)]
    assert missed == [("trade", 2), ("forecast", 2), ("trade", 3)]


@given(st.sampled_from(["trade", "forecast", "results"]), st.integers(1, 4), st.integers(0, 3))
def test_no_decision_page_lies_between_a_page_and_itself_or_before_it(
    page: str, overall: int, ahead: int
) -> None:
    before = view(page, overall)  # type: ignore[arg-type]
    after = view("results", min(4, overall + ahead))

    between = decision_pages_between(before, after)
    assert all(overall <= number <= overall + ahead for _, number in between)
    assert (page, overall) not in between
    assert len(between) == len(set(between))


def test_rounds_that_ask_no_forecast_have_no_forecast_page_to_miss() -> None:
    before, after = view("results", 3, forecast_horizons="1"), view("results", 4, forecast_horizons="1")

    assert decision_pages_between(before, after) == (("trade", 4),)
