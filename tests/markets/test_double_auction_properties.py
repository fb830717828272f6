"""What holds in a double auction whatever is sent to it, in whatever sequence."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets.accounts import Account
from markets.double_auction import DoubleAuction, DoubleAuctionRules
from markets.induced import InducedSchedule, maximum_surplus, realised_surplus
from markets.orders import OrderRules, Side, reserved_cash, reserved_shares
from markets.trade_events import Event, Placed, Refused, Traded
from tests.markets.books import TICK, json_values
from tests.markets.slow_double_auction import Outcome, SlowMarket, snapshot_of, told_by

TRADERS = (1, 2, 3, 4)
ORDERS = OrderRules(TICK, max_price=Fraction(50), max_quantity=9, max_open_orders=5)
ROLES = InducedSchedule(
    values={1: (Fraction(20), Fraction(14), Fraction(13)), 2: (Fraction(15), Fraction(14))},
    costs={3: (Fraction(9), Fraction(13), Fraction(14)), 4: (Fraction(14),)},
)

# Most of the rich and most of the flows trade; some of the poor are refused all they ask for.
cash = st.sampled_from([Fraction(900), Fraction(1000, 3), Fraction(500), Fraction(100), Fraction("28.005")])
accounts = st.fixed_dictionaries(
    {trader: st.builds(Account, cash, st.sampled_from([40, 20, 8, 3])) for trader in TRADERS}
)
seldom = st.sampled_from([False, False, False, True])
rules = st.builds(DoubleAuctionRules, st.just(ORDERS), must_improve=seldom, clears_after_trade=seldom)
schedules = st.sampled_from([None, None, None, ROLES])
calls = st.builds(
    lambda name, trader, *order: (name, trader, *order),
    st.sampled_from(["place", "place", "place", "place", "cancel"]),
    st.sampled_from(TRADERS),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from([1, 2, 3, 6]),
    st.sampled_from(["13.00", "13.99", "14", "14.01", "15"]),
)
flows = st.builds(
    lambda before, late: [*before, ("close",), *late],
    st.lists(calls, min_size=10, max_size=40),
    st.lists(calls | st.just(("close",)), max_size=3),
)


@dataclass
class Run:
    """A market, the slow one beside it, and the calls that both are sent one by one."""

    accounts: dict[int, Account]
    rules: DoubleAuctionRules
    schedule: InducedSchedule | None
    flow: list[Any]

    def __post_init__(self) -> None:
        self.market = DoubleAuction(self.accounts, self.rules, schedule=self.schedule)
        self.slow = SlowMarket(self.accounts, self.rules, self.schedule)
        self.log: list[Event] = []

    def steps(self) -> Iterator[tuple[tuple[Event, ...], Outcome]]:
        for name, *arguments in self.flow:
            sent = self.to_cancel(*arguments) if name == "cancel" else arguments
            events = getattr(self.market, name)(*sent)
            self.log += events
            yield events, getattr(self.slow, name)(*sent)

    def to_cancel(self, trader: int, _side: str, at: int, _limit: str) -> list[int]:
        """Pick one of the trader's open orders, or by its number one that is somebody else's or nobody's."""
        own = self.market.open_orders(trader)
        return [trader, own[at % len(own)].order_id if own and at < 6 else at]


runs = st.builds(Run, accounts, rules, schedules, flows)


@settings(max_examples=400)
@given(runs)
def test_the_fast_market_does_what_the_plain_rules_say(run: Run) -> None:
    """Price, time and role, refusals and all: event by event and state by state."""
    for events, expected in run.steps():
        if isinstance(expected, list):
            (refused,) = events
            assert isinstance(refused, Refused)
            assert [reason.code for reason in refused.reasons] == expected
        else:
            assert events == expected
        assert snapshot_of(run.market) == run.slow.snapshot()


@pytest.mark.parametrize("must_improve", [False, True])
@pytest.mark.parametrize("clears_after_trade", [False, True])
@pytest.mark.parametrize("schedule", [None, ROLES])
def test_a_long_day_is_the_same_by_the_fast_market_the_plain_rules_and_the_events(
    must_improve: bool, clears_after_trade: bool, schedule: InducedSchedule | None
) -> None:
    """Random calls by the hundred, so that there is no doubt that much is traded."""
    generator = random.Random(7)
    flow = [
        (
            generator.choice(["place", "place", "place", "cancel"]),
            generator.choice(TRADERS),
            generator.choice(["buy", "sell"]),
            generator.choice([1, 1, 2, 6]),
            f"{generator.randint(1300, 1500) / 100:.2f}",
        )
        for _ in range(600)
    ]
    rules = DoubleAuctionRules(ORDERS, must_improve, clears_after_trade)
    run = Run(dict.fromkeys(TRADERS, Account(Fraction(10**5, 3), 500)), rules, schedule, [*flow, ("close",)])
    for events, expected in run.steps():
        assert isinstance(expected, list) == isinstance(events[0], Refused)
        assert isinstance(expected, list) or events == expected
        assert snapshot_of(run.market) == run.slow.snapshot()
    assert told_by(run.log, run.accounts, TICK) == snapshot_of(run.market)
    assert sum(isinstance(event, Traded) for event in run.log) >= (4 if schedule else 60)


@settings(max_examples=150)
@given(runs)
def test_cash_and_shares_are_conserved_and_never_owed(run: Run) -> None:
    cash = sum(account.cash for account in run.accounts.values())
    shares = sum(account.shares for account in run.accounts.values())
    for _ in run.steps():
        held = run.market.accounts()
        assert sum(account.cash for account in held.values()) == cash
        assert sum(account.shares for account in held.values()) == shares
        for trader, account in held.items():
            own = run.market.open_orders(trader)
            assert 0 <= reserved_cash(own, TICK) <= account.cash
            assert 0 <= reserved_shares(own) <= account.shares
            assert len(own) <= ORDERS.max_open_orders


@settings(max_examples=150)
@given(runs)
def test_the_book_never_crosses_and_is_empty_once_closed(run: Run) -> None:
    for _ in run.steps():
        bid, offer = run.market.best(Side.BUY), run.market.best(Side.SELL)
        assert bid is None or offer is None or bid < offer
        if run.market.closed:
            assert (bid, offer) == (None, None)


@settings(max_examples=150)
@given(runs)
def test_nobody_trades_worse_than_their_limit_or_with_themselves(run: Run) -> None:
    limits: dict[int, int] = {}
    for events, _ in run.steps():
        for event in events:
            if isinstance(event, Placed):
                limits[event.order.order_id] = event.order.limit
            if isinstance(event, Traded):
                assert limits[event.offer_id] <= event.price <= limits[event.bid_id]
                assert event.buyer != event.seller
                waiting = event.offer_id if event.resting is Side.SELL else event.bid_id
                assert event.price == limits[waiting]
                assert waiting == min(event.bid_id, event.offer_id)


@settings(max_examples=150)
@given(runs)
def test_events_tell_what_accounts_and_book_are_after_every_call(run: Run) -> None:
    for _ in run.steps():
        assert told_by(run.log, run.accounts, TICK) == snapshot_of(run.market)


@settings(max_examples=150)
@given(runs)
def test_a_ladder_kept_by_deltas_is_the_book(run: Run) -> None:
    ladder: dict[tuple[Side, int], int] = {}
    for events, _ in run.steps():
        for level in run.market.changed_levels(events):
            ladder[level.side, level.limit] = level.quantity
        for side in Side:
            depth = {level.limit: level.quantity for level in run.market.depth(side)}
            assert depth == {at: shares for (one, at), shares in ladder.items() if one is side and shares}
            assert list(depth) == sorted(depth, reverse=side is Side.BUY)


@settings(max_examples=100)
@given(st.builds(Run, accounts, rules, st.just(ROLES), flows))
def test_no_trading_earns_more_than_the_maximum_surplus(run: Run) -> None:
    for _ in run.steps():
        pass
    traded: Counter[int] = Counter()
    for event in run.log:
        if isinstance(event, Traded):
            traded.update({event.buyer: event.quantity, event.seller: event.quantity})
    assert realised_surplus(ROLES, traded) <= maximum_surplus(ROLES)


@given(json_values, json_values, json_values, json_values)
def test_no_json_makes_the_market_raise(side: Any, quantity: Any, limit: Any, order_id: Any) -> None:
    market = DoubleAuction({1: Account(Fraction(100), 4)}, DoubleAuctionRules(ORDERS))
    for known in (side, "buy", "sell"):
        assert isinstance(market.place(1, known, quantity, limit)[0], Placed | Refused)
    assert market.cancel(1, order_id)
