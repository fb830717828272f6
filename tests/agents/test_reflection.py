"""At the end of a phase a model may look back: in words alone, within the page's time, remembered later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bots.adapters.in_memory import MemoryStore, ScriptedSession
from bots.agents.memory import Memory
from bots.agents.past import Past
from bots.agents.replies import UnusableReply, read_reflection
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.analysis.runs import open_run
from bots.analysis.timeline import readings
from bots.domain.errors import DecisionFailed, FailureKind, UserMustMend
from bots.domain.experiment import Seat
from bots.domain.market import Decision
from bots.domain.ports import Record, Situation
from bots.domain.records import ActSent, DecisionMade, DecisionNotMade, ModelAsked
from bots.services.replay import read_recording, replay
from tests.agents.sights import sight
from tests.market_pages import end_page, market_page
from tests.standins.model_server import ModelServer
from tests.study.plans import plan_file, play, study_of, the_folder
from tests.virtual_time import clock, in_virtual_time

LEARNT = Decision(insight="Prices stay near 14.", plan="Buy below 14.")
HOLD = STRATEGIES["hold"].make(1)


class Thinker:
    """Trades nothing and looks back as told; a maker that takes too long with `seconds`."""

    name = "thinker"
    reflects = True

    def __init__(self, seconds: float = 0.0, fails: bool = False) -> None:
        self._seconds, self._fails = seconds, fails
        self.remembered: list[tuple[str, bool]] = []

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self.remembered += [(one.plan or "", one.reflection) for one in situation.memory]
        return Decision()

    async def reflect(self, situation: Situation, deadline: float, record: Record) -> Decision:
        await asyncio.sleep(self._seconds)
        if self._fails:
            raise DecisionFailed(FailureKind.BAD_REPLY, "no words")
        return LEARNT


async def played(
    maker: Thinker, *, seconds: float | None = None, window: int | None = 5, people: bool = False
) -> MemoryStore:
    """Play the end of practice and the first paid round."""
    store, until = MemoryStore(), clock().monotonic() + 20
    ends = None if seconds is None else clock().monotonic() + seconds
    pages = [market_page("final", 1, expires_at=ends), market_page("trade", 2), end_page()]
    table = Table(store, clock(), until, "run", Pace(margin_seconds=0.05), with_people=people)
    seat = Seat(1, "abc", "", maker.name, 1)
    past = Past(memory=Memory(window=window))
    await TradingAgent(
        seat, ScriptedSession(pages), maker=maker, fallback=HOLD, table=table, past=past
    ).play()
    return store


@in_virtual_time
async def test_trader_looks_back_once_sends_nothing_with_it_and_remembers_it_when_it_trades() -> None:
    maker = Thinker()
    store = await played(maker)
    made = [event for event in store.events if isinstance(event, DecisionMade)]
    assert [(event.page, event.content) for event in made] == [("final", LEARNT), ("trade", Decision())]
    assert maker.remembered == [("Buy below 14.", True)]
    sent = [event for event in store.events if isinstance(event, ActSent)]
    assert [(event.act, event.page) for event in sent] == [("form", "final"), ("form", "trade")]


@in_virtual_time
async def test_memory_rebuilt_from_the_journal_holds_the_reflection() -> None:
    store = await played(Thinker())
    rebuilt = Memory.from_events(store.events).remembered
    assert [(one.plan, one.phase, one.reflection) for one in rebuilt if one.reflection] == [
        ("Buy below 14.", "practice", True)
    ]


@in_virtual_time
async def test_reflection_that_takes_too_long_or_fails_is_recorded_and_nobody_stands_in() -> None:
    late = await played(Thinker(seconds=60), seconds=1.5)
    broken = await played(Thinker(fails=True))
    for store, kind in ((late, FailureKind.TIMEOUT), (broken, FailureKind.BAD_REPLY)):
        assert [event.kind for event in store.events if isinstance(event, DecisionNotMade)] == [kind]
        assert [event.page for event in store.events if isinstance(event, DecisionMade)] == ["trade"]


@pytest.mark.parametrize(("window", "people"), [(0, False), (5, True)])
@in_virtual_time
async def test_nobody_looks_back_without_memory_or_where_people_would_wait(window: int, people: bool) -> None:
    store = await played(Thinker(), window=window, people=people)
    assert [event.page for event in store.events if isinstance(event, DecisionMade)] == ["trade"]


@in_virtual_time
async def test_people_do_not_wait_longer_than_their_own_page_lasts() -> None:
    store = await played(Thinker(), seconds=5, people=True)
    assert [event.page for event in store.events if isinstance(event, DecisionMade)] == ["final", "trade"]


def test_reflection_never_falls_out_of_the_window_and_takes_no_rounds_place() -> None:
    memory = Memory(window=2).after_decision(sight("final"), LEARNT)
    for number in range(4):
        memory = memory.after_decision(sight("trade", *["14"] * number), Decision(plan=f"plan {number}"))
    assert [one.plan for one in memory.remembered] == ["Buy below 14.", "plan 2", "plan 3"]


@pytest.mark.parametrize("text", ['{"insight": "a"}', '{"insight": "a", "plan": "b", "orders": []}', "[]"])
def test_reflection_with_orders_or_without_words_cannot_be_used(text: str) -> None:
    with pytest.raises(UnusableReply):
        read_reflection(text)


PLAN = """
name = "looking-back"
repetitions = 1
seats = "2 x local, 1 x hold"
[market]
practice_rounds = 1
paid_rounds = 2
[treatments.plain]
[treatments.reflects]
reflection = true
parameters = { temperature = 0.25, max_tokens = 512 }
"""


async def test_treatment_reflects_at_its_own_temperature_on_record_and_replays_byte_for_byte(
    tmp_path: Path,
) -> None:
    async with ModelServer() as server:
        code, said = await play(plan_file(tmp_path, PLAN), tmp_path, environment=server.environment("sk-key"))
    assert code == 0, said
    for folder in the_folder(tmp_path).glob("run-*"):
        manifest, journal = read_recording(folder)
        reflects = manifest.configuration["study"]["treatment"] == "reflects"
        assert (await replay(journal.events, manifest)).identical
        asked = [event for event in journal.events if isinstance(event, ModelAsked) and event.seat < 4]
        looked_back = [event for event in asked if "-final-" in event.decision]
        assert len(looked_back) == (4 if reflects else 0)
        models = [seat for seat in manifest.seats if seat.trader != "hold"]
        assert {seat.parameters.get("temperature") == 0.25 for seat in models} == {reflects}
        assert {event.parameters.get("temperature") == 0.25 for event in asked} == {reflects}
        titles = {one.title for seat in readings(open_run(folder).played) for one in seat.moments}
        assert ({"Practice 1 · reflection", "Round 2 · reflection"} <= titles) is reflects


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("temperature = 3.0", "key temperature"),
        ("temprature = 0.1", "key temprature"),
        ('reasoning_effort = "huge"', "key reasoning_effort"),
    ],
)
def test_parameter_that_cannot_be_is_told_with_its_place(line: str, said: str, tmp_path: Path) -> None:
    text = PLAN.replace("parameters = { temperature = 0.25, max_tokens = 512 }", f"parameters = {{ {line} }}")
    with pytest.raises(UserMustMend) as error:
        study_of(plan_file(tmp_path, text))
    assert said in error.value.where
    assert "table [treatments.reflects.parameters]" in error.value.where
