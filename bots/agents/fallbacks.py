"""What acts where a decision failed: a strategy, or the trader's own last plan. Neither asks a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from bots.agents.rules import decision_faults
from bots.agents.strategies import STRATEGIES, Hold
from bots.domain.market import Decision, MarketView, OrderIntent
from bots.domain.ports import DecisionMaker, Record, Remembered, Situation
from markets.orders import Side

_LONGEST_PLAN = 2000  # characters that are read
_SENTENCE = re.compile(r"(?<![0-9])\.|\.(?![0-9])|[;!?\n]")
_ORDER = re.compile(
    r"\b(?P<side>buy|sell)\s+(?P<quantity>[0-9]{1,4})\s*(?:shares?\s*)?(?:at|@|for)\s*\$?"
    r"(?P<limit>[0-9]{1,9}(?:\.[0-9]{1,9})?)(?![0-9]|\.[0-9])",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(if|unless|when|whenever|once|until|after|before|not|never|no|don't|avoid|instead|or|might|may|could)\b",
    re.IGNORECASE,
)


class LastPlan:
    """Acts on the trader's latest remembered plan where that reads as orders; holds where it does not.

    A sentence of the plan is read as orders where it says `buy 2 at 14.50` or `sell 1 share @ 15` and sets no
    condition (if, when, unless, not, or …). Orders that the server would refuse now are left out. Forecasts
    are those of `hold`: the last ones given, else the last price.
    """

    name = "last-plan"

    def __init__(self, seed: int) -> None:
        self._hold = Hold(seed)

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Decide at once."""
        del deadline, record
        held = self._hold.decision(situation.view)
        if situation.view.page != "trade":
            return held
        planned = _latest_plan(situation.memory)
        return held.model_copy(update={"orders": _acceptable(situation.view, tuple(planned_orders(planned)))})


def planned_orders(plan: str) -> Iterator[OrderIntent]:
    """Yield the orders a plan states without a condition, in its order."""
    for sentence in _SENTENCE.split(plan[:_LONGEST_PLAN]):
        if _CONDITION.search(sentence):
            continue
        for found in _ORDER.finditer(sentence):
            quantity, limit = int(found["quantity"]), Decimal(found["limit"])
            if quantity > 0 and limit > 0:
                yield OrderIntent(side=Side(found["side"].lower()), quantity=quantity, limit=limit)


def _latest_plan(memory: Sequence[Remembered]) -> str:
    return next((past.plan for past in reversed(memory) if past.plan), "")


def _acceptable(view: MarketView, orders: Sequence[OrderIntent]) -> tuple[OrderIntent, ...]:
    taken: tuple[OrderIntent, ...] = ()
    for order in orders:
        if not any(decision_faults(view, Decision(orders=(*taken, order)))):
            taken = (*taken, order)
    return taken


FALLBACKS: Mapping[str, Callable[[int], DecisionMaker]] = {
    **{name: strategy.make for name, strategy in STRATEGIES.items()},
    LastPlan.name: LastPlan,
}
"""Who may act where a decision failed, by name; each is made with the seat's seed."""
