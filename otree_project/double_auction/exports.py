"""The double auction's data as tidy tables: see `market_exports`.

Orders, trades and the book are there from the moment they came; rounds that are not over are left out of the
tables of rounds.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from market_exports import ROUND_COLUMNS, Entry, Row, fundamental_text, played, total
from market_rows import account_of
from otree.database import dbq
from session_market import market_of

from markets.money import exact_text
from markets.order_book import Level
from markets.orders import OrderRules, Side
from markets.period_market import open_period
from markets.trading_period import TradingPeriod

from .periods import period_of
from .tables import Group, Message, Player, TradeRow


def _by_group(players: Sequence[Player]) -> dict[int, list[Entry]]:
    """Return the traders of each market and round that has begun, by group id."""
    members: dict[int, list[Entry]] = defaultdict(list)
    for entry in played(players):
        members[entry[0].group_id].append(entry)
    return members


def _messages(group_id: int) -> list[Message]:
    return list(Message.objects_filter(group_id=group_id).order_by(Message.id))


def custom_export_orders(players: Sequence[Player]) -> Iterator[Row]:
    """Every message of every trade page: orders placed and refused, cancels, and who was ready when.

    `filled` of a placed order are shares; what had not traded at the end of the period expired.
    """
    yield [
        *ROUND_COLUMNS,
        *("participant", "seat", "trader", "received", "second", "ref", "kind", "side", "quantity", "limit"),
        *("outcome", "codes", "order_id", "filled", "cancelled"),
    ]
    for group_id, entries in _by_group(players).items():
        by_trader = {player.id_in_group: (player, begin) for player, _, begin in entries}
        rows = _messages(group_id)
        filled: Counter[int] = Counter()
        for trade in TradeRow.objects_filter(group_id=group_id):
            filled[trade.bid_id] += trade.quantity
            filled[trade.offer_id] += trade.quantity
        cancelled = {row.order_id: row.received for row in rows if row.outcome == "cancelled"}
        for row in rows:
            player, begin = by_trader[row.trader]
            placed = row.outcome == "placed"
            yield [
                *begin,
                *(player.participant.code, player.participant.id_in_session, row.trader),
                *(row.received, row.second, row.ref, row.kind, row.side, row.quantity, row.limit_price),
                *(row.outcome, row.codes, row.order_id, filled[row.order_id] if placed else ""),
                cancelled.get(row.order_id, "") if placed else "",
            ]


def custom_export_trades(players: Sequence[Player]) -> Iterator[Row]:
    """One trade a row."""
    yield [
        *ROUND_COLUMNS,
        *("trade", "received", "second", "price", "quantity", "buyer", "seller", "buyer_seat", "seller_seat"),
        *("bid_id", "offer_id", "resting"),
    ]
    members = _by_group(players)
    sessions = {player.session_id for player in players}
    rows = dbq(TradeRow).join(Group, Group.id == TradeRow.group_id).filter(Group.session_id.in_(sessions))
    for row in rows.order_by(TradeRow.id):
        people = {player.id_in_group: player.participant for player, _, _ in members[row.group_id]}
        buyer, seller = people[row.buyer], people[row.seller]
        yield [
            *members[row.group_id][0][2],
            *(row.number, row.received, row.second, row.price, row.quantity, buyer.code, seller.code),
            *(buyer.id_in_session, seller.id_in_session, row.bid_id, row.offer_id, row.resting),
        ]


def custom_export_book(players: Sequence[Player]) -> Iterator[Row]:
    """The public book, step by step: a row is one level that a step changed, with the best prices after it.

    A level's quantity is what waits there after the step; so the rows up to a step add up to the whole book.
    """
    yield [
        *ROUND_COLUMNS,
        *("step", "received", "second", "side", "price", "quantity", "best_bid", "best_offer"),
    ]
    for group_id, entries in _by_group(players).items():
        yield from _book(entries, _messages(group_id))


def _book(entries: Sequence[Entry], rows: Sequence[Message]) -> Iterator[Row]:
    """Play a period again and tell each change of its book."""
    player, ref, begin = entries[0]
    parameters = market_of(player.participant).parameters
    accounts = {one.id_in_group: account_of(one) for one, _, _ in entries}
    period = open_period(parameters, accounts, ref.overall, player.group.next_order_id)
    for row in rows:
        if row.outcome not in ("placed", "cancelled"):
            continue
        outcome = period.receive(row.trader, json.loads(row.sent), row.second)
        for level in period.market.changed_levels(outcome.events):
            yield [
                *begin,
                *(period.seq, row.received, row.second, level.side.value),
                *_level(level, parameters.order_rules),
                *_best(period, parameters.order_rules),
            ]


def _level(level: Level, rules: OrderRules) -> tuple[str, int]:
    return exact_text(rules.to_price(level.limit)), level.quantity


def _best(period: TradingPeriod, rules: OrderRules) -> list[str]:
    quotes = [period.market.best(side) for side in Side]
    return ["" if quote is None else exact_text(rules.to_price(quote)) for quote in quotes]


def custom_export_markets(players: Sequence[Player]) -> Iterator[Row]:
    """Market by round; `best_bid` and `best_offer` are those the period closed with."""
    yield [
        *ROUND_COLUMNS,
        *("price", "volume", "trades", "dividend", "fundamental_value", "traders", "shares_outstanding"),
        *("cash_before", "cash_after", "earnings", "orders_placed", "orders_cancelled", "orders_refused"),
        *("best_bid", "best_offer"),
    ]
    for group_id, entries in _by_group(players).items():
        player, ref, begin = entries[0]
        group, traders = player.group, [one for one, _, _ in entries]
        if not group.cleared:
            continue
        rules = market_of(player.participant).parameters.order_rules
        kinds = Counter((row.kind, row.outcome) for row in _messages(group_id))
        quotes = period_of(group).quotes
        yield [
            *begin,
            *(group.price, group.volume, TradeRow.objects_filter(group_id=group_id).count(), group.dividend),
            *(fundamental_text(player, ref), len(traders), sum(one.shares for one in traders)),
            *(total(one.cash for one in traders), total(one.cash_after for one in traders)),
            total(one.earnings for one in traders) if all(one.earnings for one in traders) else "",
            *(kinds["place", "placed"], kinds["cancel", "cancelled"], kinds["place", "refused"]),
            *("" if quote is None else exact_text(rules.to_price(quote)) for quote in quotes),
        ]


def custom_export_traders(players: Sequence[Player]) -> Iterator[Row]:
    """Trader by round; `units` are a trader's induced values or costs, `unit_side` which way they trade."""
    yield [
        *ROUND_COLUMNS,
        *("participant", "seat", "trader", "cash_before", "shares_before", "bought", "sold", "interest"),
        *("dividends", "unit_side", "units", "earnings", "cash_after", "shares_after", "trade_timed_out"),
        "payoff",
    ]
    for player, _, begin in played(players):
        if player.group.cleared:
            yield [
                *begin,
                *(player.participant.code, player.participant.id_in_session, player.id_in_group),
                *(player.cash, player.shares, player.bought, player.sold, player.interest, player.dividends),
                *(*_units(player), player.earnings, player.cash_after, player.shares_after),
                *(int(player.trade_timed_out), player.payoff),
            ]


def _units(player: Player) -> tuple[str, str]:
    """Return which way a trader's units trade, and their values or costs; empty where they have none."""
    units = market_of(player.participant).parameters.units_of(player.id_in_group)
    if units is None:
        return "", ""
    side, worth = units
    return side.value, " ".join(map(exact_text, worth))
