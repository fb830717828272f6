"""Between the market's rules and its rows: what pages are drawn from, and how a period opens and ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from call_market.trading import (
    Past,
    account_of,
    final_of,
    page_state,
    past_of,
    pasts_of,
)
from otree.api import Currency
from session_market import market_of, ref_of

from markets.accounts import Account
from markets.call_market import RoundOutcome
from markets.money import exact_text, rounded
from markets.payoffs import final_outcome, induced_outcome
from markets.period_market import settle_period
from markets.rounds import OwnRound, last_price
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
    _write_market(group, outcome)
    for player in players:
        _write_trader(player, outcome.own[player.id_in_group])
        if ref.phase == "paid" and ref.is_last:
            _pay(player, pasts[player.participant_id], outcome)
    if ref.overall < market.parameters.rounds:
        carry = not ref.is_last and market.parameters.schedule is None
        _open_next(group, players, period.market.next_order_id, carry=carry)


def _write_market(group: Group, outcome: RoundOutcome) -> None:
    group.price = "" if outcome.public.price is None else exact_text(outcome.public.price)
    group.volume = outcome.public.volume
    group.dividend = exact_text(outcome.public.dividend)
    group.cleared = True


def _write_trader(player: Player, own: OwnRound) -> None:
    player.bought, player.sold = own.bought, own.sold
    player.interest, player.dividends = exact_text(own.interest), exact_text(own.dividends)
    player.earnings = "" if own.earnings is None else exact_text(own.earnings)
    player.cash_after, player.shares_after = exact_text(own.cash), own.shares


def _pay(player: Player, past: Past, outcome: RoundOutcome) -> None:
    """Give a trader its payoff; one point is one unit of cash, to the cent, as oTree pays points."""
    parameters, own = market_of(player.participant).parameters, outcome.own[player.id_in_group]
    if parameters.schedule:
        final = induced_outcome("paid", [*past.own, own])
    else:
        final = final_outcome(
            "paid",
            Account(own.cash, own.shares),
            buy_back=parameters.buy_back,
            forecast_earnings=past.rewards,
        )
    player.payoff = Currency(exact_text(rounded(final.points, 2)))


def _open_next(group: Group, players: Sequence[Player], next_order_id: int, *, carry: bool) -> None:
    """Prepare the next round's rows; those that start anew hold their endowments already."""
    seats = {player.participant_id: player for player in players}
    following = Player.objects_filter(
        Player.participant_id.in_(seats), round_number=group.round_number + 1
    ).all()
    following[0].group.next_order_id = next_order_id
    for row in following if carry else ():
        row.cash = seats[row.participant_id].cash_after
        row.shares = seats[row.participant_id].shares_after
