"""The call market's data as tidy tables: see `market_exports`.

Rounds that were never cleared are left out of the tables of rounds; orders and forecasts are there from the
moment they were given.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction

from market_exports import ROUND_COLUMNS, Entry, Row, fundamental_text, played, total
from market_rows import answers_of, given_in, score_given
from otree.database import dbq
from session_market import market_of

from markets.money import exact_text, parse_money

from .tables import Group, Message, Player


def custom_export_orders(players: Sequence[Player]) -> Iterator[Row]:
    """Every message of every trade page: orders placed, cancelled and refused."""
    yield [
        *ROUND_COLUMNS,
        *("participant", "seat", "received", "ref", "kind", "side", "quantity", "limit", "outcome", "codes"),
        *("order_id", "cancelled", "filled"),
    ]
    rows = {player.id: (player, begin) for player, _, begin in played(players)}
    sessions = {player.session_id for player in players}
    messages = (
        dbq(Message).join(Player, Player.id == Message.player_id).filter(Player.session_id.in_(sessions))
    )
    for message in messages.order_by(Message.id):
        player, begin = rows[message.player_id]
        yield [
            *begin,
            *(player.participant.code, player.participant.id_in_session, message.received, message.ref),
            *(
                message.kind,
                message.side,
                message.quantity,
                message.limit_price,
                message.outcome,
                message.codes,
            ),
            *(message.order_id, message.cancelled, message.filled),
        ]


def custom_export_forecasts(players: Sequence[Player]) -> Iterator[Row]:
    """One forecast a row; price and reward once the forecast round is cleared."""
    yield [*ROUND_COLUMNS, "participant", "seat", "horizon", "forecast_round", "forecast", "price", "reward"]
    prices: dict[tuple[int, int], Fraction | None] = {
        (player.participant_id, player.round_number): _price(player.group) for player, _, _ in played(players)
    }
    for player, ref, begin in played(players):
        parameters = market_of(player.participant).parameters
        for given in given_in(player.round_number, answers_of(player), parameters):
            price = prices.get((player.participant_id, ref.overall + given.horizon))
            scored = score_given([given], parameters.round_at(ref.overall + given.horizon), price, parameters)
            reward = scored[0].reward if scored else None
            yield [
                *begin,
                *(player.participant.code, player.participant.id_in_session, given.horizon, given.round),
                *(exact_text(given.value), _text(price), _text(reward)),
            ]


def custom_export_markets(players: Sequence[Player]) -> Iterator[Row]:
    """Market by round."""
    yield [
        *ROUND_COLUMNS,
        *("price", "volume", "dividend", "fundamental_value", "traders", "shares_outstanding"),
        *("cash_before", "cash_after", "orders_placed", "orders_cancelled", "orders_refused"),
    ]
    members: dict[int, list[Entry]] = defaultdict(list)
    for entry in played(players):
        if entry[0].group.cleared:
            members[entry[0].group_id].append(entry)
    for group_id, entries in members.items():
        player, ref, begin = entries[0]
        group, traders = player.group, [one for one, _, _ in entries]
        yield [
            *begin,
            *(group.price, group.volume, group.dividend, fundamental_text(player, ref), len(traders)),
            *(sum(one.shares for one in traders), total(one.cash for one in traders)),
            *(total(one.cash_after for one in traders), *_counts(group_id)),
        ]


def custom_export_traders(players: Sequence[Player]) -> Iterator[Row]:
    """Trader by round."""
    yield [
        *ROUND_COLUMNS,
        *("participant", "seat", "cash_before", "shares_before", "bought", "sold", "interest", "dividends"),
        *("cash_after", "shares_after", "forecast_reward", "trade_timed_out", "forecast_timed_out", "payoff"),
    ]
    for player, _, begin in played(players):
        if player.group.cleared:
            yield [
                *begin,
                *(player.participant.code, player.participant.id_in_session, player.cash, player.shares),
                *(player.bought, player.sold, player.interest, player.dividends),
                *(player.cash_after, player.shares_after, player.forecast_reward),
                *(int(player.trade_timed_out), int(player.forecast_timed_out), player.payoff),
            ]


def _price(group: Group) -> Fraction | None:
    price = group.field_maybe_none("price")
    return parse_money(price) if price else None


def _text(amount: Fraction | None) -> str:
    return "" if amount is None else exact_text(amount)


def _counts(group_id: int) -> tuple[int, int, int]:
    rows = Message.objects_filter(group_id=group_id, kind="place")
    outcomes = Counter("cancelled" if row.cancelled else row.outcome for row in rows)
    return outcomes["placed"] + outcomes["cancelled"], outcomes["cancelled"], outcomes["refused"]
