"""Zero-intelligence traders of Gode and Sunder (1993), in markets of induced values and costs.

Each step one trader, drawn at random, shouts a random whole price for its next unit. Unconstrained traders
(ZI-U) draw it from all prices, constrained ones (ZI-C) from those at which the unit earns no loss. A bid must
improve on the best bid and an offer on the best offer, and each trade empties the book.

Source: Gode, Sunder, "Allocative Efficiency of Markets with Zero-Intelligence Traders", Journal of Political
Economy 101 (1993). The schedules are drawn here; those of the five published markets are not reproduced.
"""

from __future__ import annotations

import random
from fractions import Fraction

from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.induced import InducedSchedule, maximum_surplus, realised_surplus
from markets.orders import OrderDraft, OrderRules, Side
from markets.trade_events import Traded

HIGHEST = 200
VALUES, COSTS = (50, 200), (1, 150)
BUYERS, SELLERS, UNITS = range(6), range(6, 12), 4
RULES = DoubleAuctionRules(
    OrderRules(Fraction(1), Fraction(HIGHEST), max_quantity=1, max_open_orders=HIGHEST),
    must_improve=True,
    clears_after_trade=True,
)


def drawn_schedule(generator: random.Random) -> InducedSchedule:
    """Six buyers and six sellers of four units; about a third of the units should not trade."""

    def units(between: tuple[int, int], *, falling: bool) -> tuple[Fraction, ...]:
        drawn = (Fraction(generator.randint(*between)) for _ in range(UNITS))
        return tuple(sorted(drawn, reverse=falling))

    return InducedSchedule(
        {trader: units(VALUES, falling=True) for trader in BUYERS},
        {trader: units(COSTS, falling=False) for trader in SELLERS},
    )


def efficiency(
    schedule: InducedSchedule, generator: random.Random, *, constrained: bool, steps: int
) -> Fraction:
    """Return the allocative efficiency of one period of `steps` shouts."""
    accounts = {
        **dict.fromkeys(BUYERS, Account(Fraction(UNITS * HIGHEST), 0)),
        **dict.fromkeys(SELLERS, Account(Fraction(0), UNITS)),
    }
    market = DoubleAuction(accounts, RULES, schedule=schedule)
    left = {trader: list(schedule.units(trader)) for trader in accounts}
    for _ in range(steps):
        trader = generator.choice([trader for trader, units in left.items() if units] or [0])
        if not left[trader]:
            break
        side = schedule.side(trader)
        limit = _shout(side, int(left[trader][0]), generator, constrained=constrained)
        for open_order in market.open_orders(trader):
            market.cancel(trader, open_order.order_id)
        for event in market.submit(trader, OrderDraft(side, 1, limit)):
            if isinstance(event, Traded):
                del left[event.buyer][0], left[event.seller][0]
    traded = {trader: UNITS - len(units) for trader, units in left.items()}
    return realised_surplus(schedule, traded) / maximum_surplus(schedule)


def _shout(side: Side, worth: int, generator: random.Random, *, constrained: bool) -> int:
    if not constrained:
        return generator.randint(1, HIGHEST)
    return generator.randint(1, worth) if side is Side.BUY else generator.randint(worth, HIGHEST)
