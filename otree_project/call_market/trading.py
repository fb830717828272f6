"""Between the call market's rules and its rows: rows in, functions of `markets`, rows out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from market_rows import (
    account_of,
    answers_of,
    final_of,
    given_in,
    kept_text,
    open_next,
    page_state,
    past_of,
    pasts_of,
    score_given,
    write_round,
)
from otree.database import db
from session_market import market_of, ref_of

from markets.accounts import Account
from markets.call_market import settle_round
from markets.forecasts import GivenForecast, read_forecast
from markets.live import Desk, Frame, Reaction, react
from markets.money import exact_text, parse_money
from markets.orders import Order, Side
from markets.parameters import MarketParameters
from markets.rounds import last_price
from markets.view import PageName, PageState

from .tables import Group, Message, Player

# Pages.


def before_clearing(player: Player, page: PageName) -> PageState:
    """Return the state of the start, trade and forecast pages."""
    ref, past = ref_of(player), past_of(player, through=player.round_number - 1)
    messages = _messages(player) if page in ("trade", "forecast") else []
    asked = market_of(player.participant).parameters.questions(ref) if page == "forecast" else ()
    return page_state(
        player,
        page,
        account=account_of(player),
        open_orders=open_orders(player, messages),
        history=past.public,
        own=past.own,
        forecasts=past.pending(ref.number - 1),
        questions=asked,
    )


def after_clearing(player: Player, page: PageName) -> PageState:
    """Return the state of the results and final pages."""
    market, ref = market_of(player.participant), ref_of(player)
    past = past_of(player, through=player.round_number)
    last = page == "final"
    return page_state(
        player,
        page,
        account=Account(past.own[-1].cash, past.own[-1].shares),
        history=past.public,
        own=past.own,
        forecasts=past.pending(ref.number),
        show_result=not last,
        scored=() if last else score_given(past.given, ref, past.public[-1].price, market.parameters),
        final=final_of(player, past) if last else None,
    )


# Orders.


def _messages(player: Player) -> list[Message]:
    return list(Message.objects_filter(player_id=player.id).order_by(Message.id))


def open_orders(player: Player, messages: Sequence[Message]) -> tuple[Order, ...]:
    """Return a trader's orders that stand in the market, oldest first."""
    return tuple(
        _order(row, player.id_in_group) for row in messages if row.outcome == "placed" and not row.cancelled
    )


def _order(row: Message, trader: int) -> Order:
    ref = json.loads(row.answer)["ref"]
    return Order(row.order_id, trader, Side(row.side), int(row.quantity), row.ticks, ref)


def answer(player: Player, message: Any) -> Frame:
    """React to one live message of the trade page, keep it, and return the frame that answers it."""
    group, rows = player.group, _messages(player)
    answers = [json.loads(row.answer) for row in rows]
    desk = Desk(
        trader=player.id_in_group,
        account=account_of(player),
        rules=market_of(player.participant).parameters.order_rules,
        open_orders=open_orders(player, rows),
        answers={frame["ref"]: frame for frame in answers if frame["ref"]},
        round=player.round_number,
    )
    reaction = react(message, desk, order_id=group.next_order_id)
    if not reaction.repeated:
        _keep(reaction, message, player, group, rows)
        db.commit()  # oTree would do so after it has answered, and a server can be killed in between
    return reaction.frame


def _keep(reaction: Reaction, message: Any, player: Player, group: Group, rows: Sequence[Message]) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    sent = message if isinstance(message, dict) else {}
    order, frame = reaction.placed, reaction.frame
    if order:
        group.next_order_id += 1
    for row in rows:
        if reaction.cancelled is not None and row.order_id == reaction.cancelled and row.outcome == "placed":
            row.cancelled = now
    Message.create(
        player_id=player.id,
        group_id=group.id,
        received=now,
        ref=kept_text(sent.get("ref")),
        kind=sent["type"] if sent.get("type") in ("place", "cancel") else "malformed",
        side=kept_text(sent.get("side")),
        quantity=str(order.quantity) if order else kept_text(sent.get("quantity")),
        limit_price=kept_text(sent.get("limit")),
        outcome=frame["type"],
        codes=" ".join(reason["code"] for reason in frame.get("reasons", ())),
        order_id=order.order_id if order else reaction.cancelled,
        ticks=order.limit if order else None,
        answer=json.dumps(frame),
    )


# Forecasts.


def forecast_errors(player: Player, values: dict[str, str | None]) -> dict[str, str]:
    """Return a sentence for each forecast that cannot be read; an empty field is no forecast."""
    maximum = market_of(player.participant).parameters.forecast_max
    read = {name: read_forecast(value, maximum) for name, value in values.items() if (value or "").strip()}
    return {name: told for name, told in read.items() if isinstance(told, str)}


def tidy_forecasts(player: Player) -> None:
    """Keep the forecasts of the form as exact text."""
    for asked in market_of(player.participant).parameters.questions(ref_of(player)):
        value = (player.field_maybe_none(asked.field) or "").strip()
        setattr(player, asked.field, exact_text(parse_money(value)) if value else "")


# Clearing.


def clear_market(group: Group) -> None:
    """Close the round of one market: everything that its results need is computed here, once."""
    players = group.get_players()
    market, ref = market_of(players[0].participant), ref_of(players[0])
    pasts = pasts_of(players, through=ref.overall - 1)
    seats = {player.id: player.id_in_group for player in players}
    placed = [row for row in Message.objects_filter(group_id=group.id) if row.outcome == "placed"]
    outcome = settle_round(
        ref,
        [_order(row, seats[row.player_id]) for row in placed if not row.cancelled],
        {player.id_in_group: account_of(player) for player in players},
        parameters=market.parameters,
        last=last_price(pasts[players[0].participant_id].public, market.parameters.initial_price),
        seed=market.seed,
    )
    filled = {fill.order_id: fill.quantity for fill in outcome.fills}
    for row in placed:
        row.filled = filled.get(row.order_id, 0)
    for player in players:
        _reward(player, outcome.public.price, pasts[player.participant_id].given, market.parameters)
    write_round(group, players, outcome, pasts)
    open_next(group, players, group.next_order_id)


def _reward(
    player: Player, price: Fraction | None, given: Sequence[GivenForecast], parameters: MarketParameters
) -> None:
    """Write what a trader's forecasts of the round have earned."""
    ref = ref_of(player)
    given = [*given, *given_in(ref.overall, answers_of(player), parameters)]
    scored = score_given(given, ref, price, parameters)
    player.forecast_reward = exact_text(sum((one.reward for one in scored), Fraction(0)))
