"""The market's own rules, applied to what a trader sees: values, and whether a decision would be accepted."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from bots.domain.market import Decision, DividendOutcome, MarketRules, MarketView, OpenOrder, OrderIntent
from markets import fundamental
from markets.accounts import Account
from markets.orders import Order, OrderDraft, OrderRules, Side, check_order

_NOBODY = 0  # every order checked here is the trader's own


def expected_dividend(market: MarketRules, number: int = 1) -> Decimal:
    """Return E[d] of round `number` of a phase, cash per share."""
    return _decimal(_expected_dividend(market.dividends_in(number)))


def fundamental_values(market: MarketRules, rounds: int) -> tuple[Decimal, ...]:
    """Return the value of a share in each of a phase's `rounds`, computed from the rules everybody is told.

    It does not need the values to be disclosed on the page.
    """
    return _fundamental_values(
        market.dividends,
        market.dividends_by_round,
        market.interest_rate,
        market.interest_by_round,
        market.buy_back,
        rounds,
    )


@lru_cache(maxsize=256)  # every trader of a market asks for the same values on every page
def _fundamental_values(
    dividends: tuple[DividendOutcome, ...],
    by_round: tuple[tuple[DividendOutcome, ...], ...] | None,
    rate: Decimal,
    rates: tuple[Decimal, ...] | None,
    buy_back: Decimal,
    rounds: int,
) -> tuple[Decimal, ...]:
    schedule = by_round[:rounds] if by_round else (dividends,) * rounds
    expected = [_expected_dividend(one) for one in schedule]
    interest = list(map(Fraction, rates[:rounds] if rates else (rate,) * rounds))
    values = fundamental.fundamental_values(expected, interest, Fraction(buy_back))
    return tuple(_decimal(value) for value in values)


def decision_faults(view: MarketView, decision: Decision) -> Iterator[str]:
    """Yield, in words, what the server would refuse of a decision; orders are checked as they are placed.

    Orders the decision cancels are out of the way first, and each accepted order reserves what it may cost.
    """
    if view.page == "forecast":
        yield from _forecast_faults(view, decision)
    if view.page == "trade":
        yield from _order_faults(view, decision)


def _forecast_faults(view: MarketView, decision: Decision) -> Iterator[str]:
    given = {forecast.field: forecast.value for forecast in decision.forecasts}
    for wanted in view.forecast_inputs:
        value = given.pop(wanted.field, None)
        if value is None:
            yield f"The forecast {wanted.field} (price in round {wanted.round}) is missing."
        elif not wanted.minimum <= value <= wanted.maximum:
            yield (
                f"The forecast {wanted.field} is {value:f}; it must be from {wanted.minimum:f} to "
                f"{wanted.maximum:f}."
            )
    for field in given:
        yield f"No forecast named {field!r} is asked for on this page."


def _order_faults(view: MarketView, decision: Decision) -> Iterator[str]:
    if view.holdings is None:
        yield from (
            ("There is no account on this page, so no order can be placed.",) if decision.orders else ()
        )
        return
    rules = _order_rules(view.market)
    account = Account(Fraction(view.holdings.cash), view.holdings.shares)
    yield from _cancel_faults(view, decision)
    yield from _unit_faults(view, decision)
    book = [_known(order, rules) for order in view.open_orders if order.order_id not in decision.cancel]
    for number, intent in enumerate(decision.orders, start=1):
        checked = check_order(
            intent.side.value,
            intent.quantity,
            f"{intent.limit:f}",
            account=account,
            open_orders=book,
            rules=rules,
        )
        if isinstance(checked, OrderDraft):
            book.append(checked.numbered(-number, _NOBODY))
            continue
        for refusal in checked:
            yield f"Order {number} ({order_text(intent)}): {refusal.message}"


def _unit_faults(view: MarketView, decision: Decision) -> Iterator[str]:
    """Yield what a trader's role has against orders, in a market of induced values and costs."""
    if view.units is None:
        return
    standing = sum(order.quantity for order in view.open_orders if order.order_id not in decision.cancel)
    free = len(view.units_left) - standing
    for number, intent in enumerate(decision.orders, start=1):
        which = f"Order {number} ({order_text(intent)})"
        if intent.side is not view.units.side:
            role = "buyer" if view.units.side is Side.BUY else "seller"
            yield f"{which}: You are a {role} in this market; the side must be {view.units.side.value}."
        free -= intent.quantity
        if free < 0:
            yield f"{which}: Only {max(0, free + intent.quantity)} of your units are left for it."


def _cancel_faults(view: MarketView, decision: Decision) -> Iterator[str]:
    known = {order.order_id for order in view.open_orders}
    for order_id in decision.cancel:
        if order_id not in known:
            yield f"Order {order_id} cannot be cancelled: it is not one of your open orders."


def order_text(intent: OrderIntent | OpenOrder) -> str:
    """Return an order as people say it: `buy 2 at 14.50`."""
    return f"{intent.side.value} {intent.quantity} at {intent.limit:f}"


def _order_rules(market: MarketRules) -> OrderRules:
    return OrderRules(
        tick=Fraction(market.tick),
        max_price=Fraction(market.max_price),
        max_quantity=market.max_quantity,
        max_open_orders=market.max_open_orders,
    )


def _known(order: OpenOrder, rules: OrderRules) -> Order:
    limit = rules.to_ticks(Fraction(order.limit))
    return Order(order.order_id, _NOBODY, order.side, order.quantity, limit, order.ref)


@lru_cache(maxsize=256)
def _expected_dividend(dividends: tuple[DividendOutcome, ...]) -> Fraction:
    weights = sum(outcome.weight for outcome in dividends)
    return sum((Fraction(one.amount) * one.weight for one in dividends), Fraction(0)) / weights


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)
