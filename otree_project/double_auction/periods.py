"""Periods that are being traded, as this process remembers them, and their messages as rows.

oTree answers one request at a time in one process, so a period is held in memory between its messages. What
it has taken in is counted in its group's row, `version`: where the two differ (the server was started anew,
or a request failed and its rows were rolled back), the period is played again from its rows.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from market_rows import account_of, kept_text
from otree.channels.utils import live_group, sync_group_send
from otree.database import db
from session_market import market_of

from markets.live import Frame
from markets.money import exact_text
from markets.period_market import open_period
from markets.trade_events import Cancelled, Placed, Refused
from markets.trading_period import Outcome, Trade, TradingPeriod

from .tables import Group, Message, Player, TradeRow

MOST_REMEMBERED: Final = 64
"""Periods; those traded longest ago are forgotten first."""

_PLAYED_AGAIN: Final = ("type", "side", "quantity", "limit", "order_id", "seq", "ref")


@dataclass(slots=True)
class _Remembered:
    period: TradingPeriod
    version: int


_remembered: OrderedDict[int, _Remembered] = OrderedDict()


def period_of(group: Group) -> TradingPeriod:
    """Return a market's period, with all that its rows tell."""
    known = _remembered.get(group.id)
    if known is None or known.version != group.version:
        known = _remembered[group.id] = _Remembered(_played_again(group), group.version)
        if len(_remembered) > MOST_REMEMBERED:
            _remembered.popitem(last=False)
    _remembered.move_to_end(group.id)
    return known.period


def _played_again(group: Group) -> TradingPeriod:
    players = group.get_players()
    accounts = {player.id_in_group: account_of(player) for player in players}
    parameters = market_of(players[0].participant).parameters
    period = open_period(parameters, accounts, group.round_number, group.next_order_id)
    for row in Message.objects_filter(group_id=group.id).order_by(Message.id):
        if row.outcome == "refused":
            period.recall(row.trader, json.loads(row.answer))
        else:
            period.receive(row.trader, json.loads(row.sent), row.second)
    for player in players:
        if player.left_trading:
            period.leave(player.id_in_group)
    return period


def seconds_left(group: Group, length: int | None) -> float | None:
    """Return how long a period of `length` seconds goes on; None where it has no timer."""
    return None if length is None else group.opened + length - time.time()


def _close_in_time(player: Player, group: Group, period: TradingPeriod) -> Mapping[int, Frame]:
    left = seconds_left(group, market_of(player.participant).parameters.trade_seconds)
    return period.close() if left is not None and left <= 0 else {}


def take(player: Player, message: Any) -> Mapping[int, Frame]:
    """Take one live message of the trade page, keep it, and return what each trader is told."""
    group = player.group
    period = period_of(group)
    over = _close_in_time(player, group, period)
    outcome = period.receive(player.id_in_group, message, int(time.time() - group.opened))
    if outcome.keep:
        _keep(player, group, message, outcome)
        _count(group)
        db.commit()  # oTree would do so after all have been told, and a server can be killed in between
    return {**over, **outcome.frames}


def leave(player: Player, *, timed_out: bool) -> None:
    """Let a trader go on from the trade page; tell the others where that ends the period."""
    group = player.group
    period = period_of(group)
    player.left_trading, player.trade_timed_out = True, timed_out
    frames = period.leave(player.id_in_group)
    _count(group)
    codes = {one.id_in_group: one.participant.code for one in group.get_players()} if frames else {}
    for trader, frame in frames.items():
        page = live_group(player.session.code, player.participant._index_in_pages, codes[trader])
        sync_group_send(group=page, data={"otree_success": True, "live_method_payload": frame})


def _count(group: Group) -> None:
    group.version += 1
    _remembered[group.id].version = group.version


def _keep(player: Player, group: Group, message: Any, outcome: Outcome) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    second = int(time.time() - group.opened)
    sent = message if isinstance(message, dict) else {}
    frame = outcome.answer
    refused = frame["type"] == "refused"
    Message.create(
        player_id=player.id,
        group_id=group.id,
        trader=player.id_in_group,
        received=now,
        second=second,
        ref=kept_text(sent.get("ref")),
        kind=sent["type"] if sent.get("type") in ("place", "cancel", "ready") else "malformed",
        side=kept_text(sent.get("side")),
        quantity=kept_text(sent.get("quantity")),
        limit_price=kept_text(sent.get("limit")),
        outcome=frame["type"],
        codes=" ".join(reason["code"] for reason in frame.get("reasons", ())),
        order_id=_order_id(outcome),
        sent="" if refused else json.dumps({key: sent[key] for key in _PLAYED_AGAIN if key in sent}),
        answer=json.dumps(frame) if refused else "",
    )
    rules = market_of(player.participant).parameters.order_rules
    for trade in outcome.trades:
        _keep_trade(group, trade, now, exact_text(rules.to_price(trade.event.price)))


def _order_id(outcome: Outcome) -> int | None:
    first = outcome.events[0] if outcome.events else None
    if isinstance(first, Placed):
        return first.order.order_id
    return first.order_id if isinstance(first, Cancelled | Refused) else None


def _keep_trade(group: Group, trade: Trade, now: str, price: str) -> None:
    event = trade.event
    TradeRow.create(
        group_id=group.id,
        number=trade.number,
        received=now,
        second=trade.second,
        price=price,
        quantity=event.quantity,
        buyer=event.buyer,
        seller=event.seller,
        bid_id=event.bid_id,
        offer_id=event.offer_id,
        resting=event.resting.value,
    )
