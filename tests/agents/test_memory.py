from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from bots.agents.memory import Memory
from bots.domain.market import Decision, Forecast, OrderIntent
from bots.domain.pages import Answer
from bots.domain.records import ActAnswered, ActSent, DecisionMade, Event, PageSeen
from markets.orders import Side
from tests.agents.sights import sight

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ORDER = OrderIntent(side=Side.BUY, quantity=2, limit=Decimal("14.50"))
TRADE = Decision(orders=(ORDER,), plan="Buy low.", insight="Prices rise.", reasoning="Cheap.")
FORECAST = Decision(forecasts=(Forecast(field="f0", value=Decimal(15)),), plan="Buy lower.")


def one_round() -> Memory:
    memory = Memory().after_decision(sight(), TRADE).after_answer(sight(), ORDER, Answer(accepted=True))
    refused = Answer(accepted=False, words=("You offered too much.",))
    return memory.after_answer(sight(), ORDER, refused).after_decision(sight("forecast"), FORECAST)


def test_a_round_remembers_words_orders_with_their_answers_and_forecasts() -> None:
    (past,) = one_round().remembered
    assert (past.phase, past.round) == ("paid", 1)
    assert past.plan == "Buy lower."
    assert past.insight == "Prices rise."
    assert past.orders == ("buy 2 at 14.50 (accepted)", "buy 2 at 14.50 (refused: You offered too much.)")
    assert past.forecasts == ("round 1: 15",)


def test_memory_is_a_value_that_is_never_changed() -> None:
    empty = Memory()
    assert empty.after_decision(sight(), TRADE) != empty
    assert empty.remembered == ()


def test_window_gives_the_latest_rounds_and_none_at_all_where_it_is_zero() -> None:
    full, forgetful = Memory(window=2), Memory(window=0)
    for known in range(4):
        full = full.after_decision(sight("trade", *["14"] * known), TRADE)
        forgetful = forgetful.after_decision(sight("trade", *["14"] * known), TRADE)
    assert [past.round for past in full.remembered] == [3, 4]
    assert forgetful.remembered == ()
    assert len(Memory(full.rounds, window=None).remembered) == 4


def test_memory_is_rebuilt_from_the_journal_as_it_was() -> None:
    def act(ref: str, accepted: bool, *words: str) -> list[Event]:
        content = {"type": "place", "side": "buy", "quantity": 2, "limit": "14.50", "ref": ref}
        return [
            ActSent(
                at=NOW, seat=1, act="live", page="trade", location="/", round=2, ref=ref, content=content
            ),
            ActAnswered(at=NOW, seat=1, ref=ref, accepted=accepted, words=words),
        ]

    def page(name: str, decision: Decision) -> list[Event]:
        seen = sight("trade" if name == "trade" else "forecast")
        return [
            PageSeen(at=NOW, seat=1, page=name, kind="market", location="/", view=seen),
            DecisionMade(
                at=NOW, seat=1, decision=name, page=name, round=2, by="x", seconds=0.1, content=decision
            ),
        ]

    events = [
        *page("trade", TRADE),
        *act("a", True),
        *act("b", False, "You offered too much."),
        *page("forecast", FORECAST),
    ]
    assert Memory.from_events(events) == one_round()
