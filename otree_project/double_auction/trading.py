"""Between the market's rules and its rows: what pages are drawn from, and how a period opens and ends."""

from __future__ import annotations

import time
from typing import Any

from market_rows import (
    account_of,
    final_of,
    open_next,
    page_state,
    past_of,
    pasts_of,
    write_round,
)
from session_market import market_of, ref_of

from markets.accounts import Account
from markets.money import exact_text
from markets.period_market import settle_period
from markets.rounds import last_price
from markets.view import PageName, PageState

from .periods import period_of
from .tables import Group, Player


def open_now(group: Group) -> None:
    """Let a period begin: everybody is there."""
    group.opened = time.time()


def before_trading(player: Player, page: PageName) -> PageState:
    """Return the state of the page that starts a phase."""
    past = past_of(player, through=player.round_number - 1)
    return _state(player, page, account=account_of(player), history=past.public, own=past.own)


def while_trading(player: Player) -> PageState:
    """Return the state of the trade page."""
    past, period = past_of(player, through=player.round_number - 1), period_of(player.group)
    return _state(
        player,
        "trade",
        account=period.market.account(player.id_in_group),
        open_orders=period.market.open_orders(player.id_in_group),
        history=past.public,
        own=past.own,
        period=period.state(player.id_in_group)["period"],
    )


def after_trading(player: Player, page: PageName) -> PageState:
    """Return the state of the results and final pages."""
    past = past_of(player, through=player.round_number)
    last = page == "final"
    return _state(
        player,
        page,
        account=Account(past.own[-1].cash, past.own[-1].shares),
        history=past.public,
        own=past.own,
        show_result=not last,
        final=final_of(player, past) if last else None,
        period=None if last else period_of(player.group).state(player.id_in_group)["period"],
    )


def _state(player: Player, page: PageName, **more: Any) -> PageState:
    units = market_of(player.participant).parameters.units_of(player.id_in_group)
    return page_state(player, page, units=units, **more)


def settle(group: Group) -> None:
    """End the period of one market: everything that its results need is computed here, once."""
    players = group.get_players()
    market, ref = market_of(players[0].participant), ref_of(players[0])
    pasts = pasts_of(players, through=ref.overall - 1)
    period = period_of(group)
    outcome = settle_period(
        ref,
        period,
        {player.id_in_group: account_of(player) for player in players},
        parameters=market.parameters,
        last=last_price(pasts[players[0].participant_id].public, market.parameters.initial_price),
        seed=market.seed,
    )
    for player in players:
        earnings = outcome.own[player.id_in_group].earnings
        player.earnings = "" if earnings is None else exact_text(earnings)
    write_round(group, players, outcome, pasts)
    open_next(group, players, period.market.next_order_id)
