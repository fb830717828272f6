"""Bots in a double auction without a server: the agents that trade on a page, over the market's rules."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from bots.adapters.clock import SystemClock
from bots.adapters.in_memory import MemoryStore
from bots.adapters.in_process_auction import InProcessDoubleAuction, in_process_market
from bots.agents.llm import LlmTrader
from bots.agents.options import Rhythm
from bots.agents.past import Past
from bots.agents.strategies import STRATEGIES
from bots.agents.trading_agents import Pace, Table, TradingAgent
from bots.domain.chat import Finish, Message, Reply
from bots.domain.experiment import Seat
from bots.domain.market import Decision, MarketView, OrderIntent
from bots.domain.ports import Clock, DecisionMaker, Record, Situation
from bots.domain.records import ActSent, DecisionMade, Event, PageSeen, Usage
from markets.induced import maximum_surplus
from markets.orders import Side
from markets.parameters import MarketParameters
from markets.presets import PRESETS
from tests.virtual_time import VirtualTime, clock, in_virtual_time


def market_of(preset: str, traders: int, **config: Any) -> InProcessDoubleAuction:
    known = MarketParameters.from_config({**PRESETS[preset], **config})
    market = in_process_market(known, traders, seed="7")
    assert isinstance(market, InProcessDoubleAuction)
    return market


def here() -> Clock:
    """The clock of the loop that runs, virtual or not."""
    loop = asyncio.get_running_loop()
    return loop if isinstance(loop, VirtualTime) else SystemClock()


async def play(
    market: InProcessDoubleAuction, makers: Sequence[DecisionMaker], rhythm: Rhythm | None = None
) -> list[Event]:
    """Let everybody play to the end and return what was recorded."""
    clock, store = here(), MemoryStore()
    pace = Pace(period=rhythm or Rhythm())
    table = Table(store, clock, clock.monotonic() + 60, "run", pace)

    async def sit(number: int, maker: DecisionMaker) -> None:
        seat = Seat(number=number, link="", participant=f"p{number}", trader=maker.name, seed=number)
        fallback = STRATEGIES["hold"].make(number)
        await TradingAgent(
            seat, market.session(number), maker=maker, fallback=fallback, table=table, past=Past()
        ).play()

    async with asyncio.TaskGroup() as group:
        for number, maker in enumerate(makers, start=1):
            group.create_task(sit(number, maker))
    return list(store.events)


class Scripted:
    """Decides what a function says, and remembers what it saw."""

    name = "scripted"

    def __init__(self, script: Callable[[int, MarketView], Decision]) -> None:
        self._script = script
        self.seen: list[MarketView] = []

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        self.seen.append(situation.view)
        return self._script(len(self.seen), situation.view)


def order(side: Side, limit: str, quantity: int = 1) -> Decision:
    return Decision(
        orders=(OrderIntent.model_validate({"side": side, "quantity": quantity, "limit": limit}),)
    )


async def test_constrained_zero_intelligence_earns_most_of_the_surplus_and_unconstrained_much_less() -> None:
    earned = {}
    for name in ("zero-intelligence", "zero-intelligence-unconstrained"):
        market = market_of("gode-sunder", 12, paid_rounds=2)
        await play(market, [STRATEGIES[name].make(seed) for seed in range(12)], Rhythm(decisions=60))
        schedule = market.parameters.schedule
        assert schedule is not None
        surplus = [sum(own[-1].earnings or 0 for own in state.own.values()) for state in market.rounds]
        earned[name] = sum(surplus, Fraction(0)) / (len(surplus) * maximum_surplus(schedule))
    assert earned["zero-intelligence"] > Fraction("0.95")
    assert earned["zero-intelligence-unconstrained"] < Fraction("0.8")


async def test_every_strategy_plays_an_asset_market_to_its_end_and_cash_and_shares_add_up() -> None:
    market = market_of("auction-demo", 7)
    await play(market, [STRATEGIES[name].make(5) for name in STRATEGIES])
    assert len(market.rounds) == 4
    for state in market.rounds:
        assert sum(account.shares for account in state.accounts.values()) == 28
    assert any(state.history[-1].volume for state in market.rounds)


async def test_a_trader_thinks_again_when_another_has_acted_and_not_when_only_itself_has() -> None:
    quiet = Scripted(lambda turn, view: order(Side.BUY, "14") if turn == 1 else Decision(leave=True))
    late = Scripted(
        lambda turn, view: order(Side.SELL, "14") if view.period and view.period.bids else Decision()
    )
    market = market_of("auction-demo", 2, practice_rounds=0, paid_rounds=1)
    events = await play(market, [quiet, late])
    assert market.rounds[0].history[-1].volume == 1
    assert len(quiet.seen) == 2, "once at the start, once when it had traded"
    assert quiet.seen[1].period is not None
    assert quiet.seen[1].period.own_trades
    heard = [event for event in events if isinstance(event, PageSeen) and event.revision]
    assert heard
    assert all(event.view is None for event in heard), "what was heard is kept as frames, not as whole pages"


async def test_traders_with_nothing_to_do_end_a_period_at_once_though_it_has_no_timer() -> None:
    market = market_of("auction-demo", 3, practice_rounds=0, paid_rounds=1)
    events = await play(market, [Scripted(lambda turn, view: Decision()) for _ in range(3)])
    made = sorted(event.decision for event in events if isinstance(event, DecisionMade))
    assert made == ["s1-r1-trade-1", "s2-r1-trade-1", "s3-r1-trade-1"]


async def test_a_trader_leaves_when_its_decisions_are_used_up() -> None:
    def nervous(step: str) -> Scripted:
        return Scripted(lambda turn, view: order(Side.BUY, f"{9 + turn}.{step}"))

    one, other = nervous("0"), nervous("5")
    market = market_of("auction-demo", 2, practice_rounds=0, paid_rounds=1)
    await play(market, [one, other], Rhythm(decisions=6))
    assert max(len(one.seen), len(other.seen)) == 6
    assert market.rounds[0].closed


@in_virtual_time
async def test_a_pause_keeps_decisions_apart() -> None:
    one = Scripted(lambda turn, view: order(Side.BUY, f"{10 + turn}") if turn < 4 else Decision(leave=True))
    other = Scripted(
        lambda turn, view: order(Side.SELL, f"{30 - turn}") if turn < 4 else Decision(leave=True)
    )
    market = market_of("auction-demo", 2, practice_rounds=0, paid_rounds=1)
    started = clock().monotonic()
    await play(market, [one, other], Rhythm(pause=5))
    decisions = max(len(one.seen), len(other.seen))
    assert decisions >= 2
    assert clock().monotonic() - started >= 5 * (decisions - 1)


async def test_every_act_names_its_round_and_has_a_name_of_its_own() -> None:
    market = market_of("gode-sunder", 12, paid_rounds=1)
    events = await play(market, [STRATEGIES["zero-intelligence"].make(seed) for seed in range(12)])
    sent = [event for event in events if isinstance(event, ActSent) and event.act == "live"]
    assert len({event.ref for event in sent}) == len(sent)
    assert {event.content.get("round") for event in sent if event.content["type"] != "sync"} == {1}


class Replies:
    """A model that gives one reply after another, and the last of them from then on."""

    name = "fake:model"
    parameters: Mapping[str, Any] = {}

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)
        self.prompts: list[str] = []

    def most(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> Usage:
        return Usage()

    async def complete(
        self, messages: Sequence[Message], schema: Mapping[str, Any], deadline: float
    ) -> Reply:
        self.prompts.append(messages[-1].text)
        text = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return Reply(text, "fake-1", Usage(), 0.0, Finish.COMPLETE)


async def test_a_model_trades_cancels_hears_what_happened_and_leaves() -> None:
    bid = '{"orders": [{"side": "buy", "quantity": 2, "price": 13}], "then": "wait"}'
    better = '{"orders": [{"side": "buy", "quantity": 1, "price": 14}], "cancel": [1], "then": "wait"}'
    away = '{"orders": [], "then": "leave"}'
    model = Replies(bid, "no JSON at all", better, away)

    def seller(turn: int, view: MarketView) -> Decision:
        assert view.period is not None
        best = view.period.best_bid
        if best == 13 and not view.open_orders:
            return order(Side.SELL, "20")
        return order(Side.SELL, "14") if best == 14 else Decision()

    market = market_of("auction-demo", 2, practice_rounds=0, paid_rounds=1)
    await play(market, [LlmTrader(model, SystemClock(), 1), Scripted(seller)])
    assert market.rounds[0].history[-1].volume == 1
    assert market.rounds[0].history[-1].price == 14
    assert len(model.prompts) == 4
    assert "There are no open orders in the market." in model.prompts[0]
    assert "offers: 1 at 20.00\nbids: 2 at 13.00" in model.prompts[1]
    assert "Your answer cannot be used" in model.prompts[2]
    assert "1 at 14.00 (you bought)" in model.prompts[3]
