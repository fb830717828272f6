"""Rows of rounds, of either institution: what a phase has been so far, how it ends, what follows a round.

The tables are those of `call_market` or of `double_auction`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from otree.api import Currency
from otree.database import dbq
from session_market import MAX_HORIZONS, market_of, ref_of

from markets.accounts import Account
from markets.call_market import RoundOutcome
from markets.forecasts import GivenForecast, ScoredForecast, outstanding, score
from markets.money import exact_text, parse_money, rounded
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, final_outcome, induced_outcome
from markets.rounds import OwnRound, Phase, PublicRound, RoundRef
from markets.view import PageName, PageState

Player = Any  # of either institution
Group = Any
FORECAST_FIELDS = tuple(f"f{index}" for index in range(MAX_HORIZONS))

LONGEST_KEPT = 200
"""Characters that are kept of what a trader typed."""

_OF_TRADERS = (
    *("participant_id", "round_number", "bought", "sold", "interest", "dividends", "earnings"),
    *("cash_after", "shares_after", "forecast_reward"),
)
_OF_MARKETS = ("price", "volume", "dividend")


def _past_columns(trader: type[Any], market: type[Any]) -> list[Any]:
    """Return the columns of finished rounds that the tables of an institution have."""
    return [
        getattr(table, name)
        for table, names in ((trader, (*_OF_TRADERS, *FORECAST_FIELDS)), (market, _OF_MARKETS))
        for name in names
        if hasattr(table, name)
    ]


# What a phase has seen so far.


@dataclass(frozen=True, slots=True)
class Past:
    """A trader's view of the finished rounds of the present phase, and its forecasts of all of them."""

    public: tuple[PublicRound, ...] = ()
    own: tuple[OwnRound, ...] = ()
    given: tuple[GivenForecast, ...] = ()
    rewards: Fraction = Fraction(0)

    def pending(self, number: int) -> tuple[GivenForecast, ...]:
        """Return the forecasts whose price is not known once round `number` is over."""
        return outstanding(self.given, number)


def past_of(player: Player, *, through: int) -> Past:
    """Return what the phase's rounds up to the session's round `through` were to one trader."""
    return pasts_of([player], through=through)[player.participant_id]


def pasts_of(players: Sequence[Player], *, through: int) -> dict[int, Past]:
    """Return the same for the traders of one round, by participant id, in one query.

    The rows may be those of either institution.
    """
    parameters = market_of(players[0].participant).parameters
    trader, market = type(players[0]), type(players[0].group)
    rows: dict[int, list[Any]] = {player.participant_id: [] for player in players}
    number = players[0].round_number
    query = (
        dbq(*_past_columns(trader, market))
        .join(market, trader.group_id == market.id)
        .filter(trader.participant_id.in_(rows))
        .filter(
            trader.round_number > number - parameters.round_at(number).number, trader.round_number <= through
        )
        .order_by(trader.round_number)
    )
    for row in query:
        rows[row.participant_id].append(row)
    return {participant: _past(own, parameters) for participant, own in rows.items()}


def _past(rows: Sequence[Any], parameters: MarketParameters) -> Past:
    given = [one for row in rows for one in given_in(row.round_number, row._asdict(), parameters)]
    return Past(
        public=tuple(_public_round(row, parameters.round_at(row.round_number)) for row in rows),
        own=tuple(_own_round(row, parameters.round_at(row.round_number)) for row in rows),
        given=tuple(given),
        rewards=sum((parse_money(getattr(row, "forecast_reward", 0)) for row in rows), Fraction(0)),
    )


def _public_round(row: Any, ref: RoundRef) -> PublicRound:
    price = parse_money(row.price) if row.price else None
    return PublicRound(ref.phase, ref.number, price, row.volume, parse_money(row.dividend))


def _own_round(row: Any, ref: RoundRef) -> OwnRound:
    earnings = getattr(row, "earnings", "")
    return OwnRound(
        phase=ref.phase,
        number=ref.number,
        bought=row.bought,
        sold=row.sold,
        interest=parse_money(row.interest),
        dividends=parse_money(row.dividends),
        cash=parse_money(row.cash_after),
        shares=row.shares_after,
        earnings=parse_money(earnings) if earnings else None,
    )


def given_in(
    round_number: int, answers: Mapping[str, str | None], parameters: MarketParameters
) -> tuple[GivenForecast, ...]:
    """Return the forecasts that were given in one round, from its row's fields."""
    return tuple(
        GivenForecast(asked.field, asked.horizon, asked.made_in, asked.round, parse_money(value))
        for asked in parameters.questions(parameters.round_at(round_number))
        if (value := answers.get(asked.field))
    )


def answers_of(player: Player) -> dict[str, str | None]:
    """Return the forecast fields of a row."""
    return {name: player.field_maybe_none(name) for name in FORECAST_FIELDS}


def score_given(
    given: Sequence[GivenForecast], ref: RoundRef, price: Fraction | None, parameters: MarketParameters
) -> tuple[ScoredForecast, ...]:
    """Score the forecasts of a round's price."""
    return score(
        given, ref.number, price, tolerance=parameters.forecast_tolerance, reward=parameters.forecast_reward
    )


def account_of(player: Player) -> Account:
    """Return what a trader holds at the start of the round."""
    return Account(parse_money(player.cash), player.shares)


# What a page is drawn from.


def page_state(player: Player, page: PageName, **more: Any) -> PageState:
    """Return what a page of a round is drawn from, as far as it does not depend on the page."""
    market = market_of(player.participant)
    return PageState(
        page,
        market.parameters,
        market.traders,
        market.pay,
        ref=ref_of(player),
        trader=player.id_in_group,
        **more,
    )


# How a phase ends.


def final_of(player: Player, past: Past) -> FinalOutcome:
    """Return how a phase ended for a trader; what is shown as the payoff is what oTree pays for it.

    oTree rounds points before it makes currency of them, so the payoff is its own and not that of `markets`.
    """
    market, ref = market_of(player.participant), ref_of(player)
    final = _outcome(ref.phase, past.own, past.rewards, market.parameters, _earned_before(player, ref))
    if ref.phase == "practice":
        return final
    points = player.payoff + Currency(exact_text(final.earlier))
    earned = points.to_real_world_currency(player.session)
    return replace(final, payoff=Fraction(Decimal(earned)) + market.pay.participation_fee)


def _outcome(
    phase: Phase,
    own: Sequence[OwnRound],
    rewards: Fraction,
    parameters: MarketParameters,
    earlier: Fraction = Fraction(0),
) -> FinalOutcome:
    """Return how a phase ends for a trader, from its rounds and what its forecasts have earned."""
    if parameters.schedule:
        return induced_outcome(phase, own, earlier=earlier)
    account = Account(own[-1].cash, own[-1].shares)
    return final_outcome(
        phase, account, buy_back=parameters.buy_back, forecast_earnings=rewards, earlier=earlier
    )


def _earned_before(player: Player, ref: RoundRef) -> Fraction:
    """Return the points that the paid markets before this one have earned a trader."""
    if ref.market == 1:
        return Fraction(0)
    table = type(player)
    earlier = table.objects_filter(
        table.round_number <= ref.overall - ref.number, participant_id=player.participant_id
    )
    return sum((parse_money(str(Decimal(row.payoff))) for row in earlier), Fraction(0))


# What follows a round.


def write_round(
    group: Group, players: Sequence[Player], outcome: RoundOutcome, pasts: Mapping[int, Past]
) -> None:
    """Write how a round ended for its market and its traders, and pay them where it ends a paid market."""
    group.price = "" if outcome.public.price is None else exact_text(outcome.public.price)
    group.volume = outcome.public.volume
    group.dividend = exact_text(outcome.public.dividend)
    group.cleared = True
    ref = ref_of(players[0])
    for player in players:
        own = outcome.own[player.id_in_group]
        player.bought, player.sold = own.bought, own.sold
        player.interest, player.dividends = exact_text(own.interest), exact_text(own.dividends)
        player.cash_after, player.shares_after = exact_text(own.cash), own.shares
        if ref.phase == "paid" and ref.is_last:
            _pay(player, own, pasts[player.participant_id])


def _pay(player: Player, own: OwnRound, past: Past) -> None:
    """Give a trader its payoff of a paid market; a point is a unit of cash, to the cent, as oTree pays."""
    rewards = past.rewards + parse_money(getattr(player, "forecast_reward", 0))
    parameters = market_of(player.participant).parameters
    points = _outcome("paid", [*past.own, own], rewards, parameters).points
    player.payoff = Currency(exact_text(rounded(points, 2)))


def open_next(group: Group, players: Sequence[Player], next_order_id: int) -> None:
    """Prepare the next round's rows; those that start anew hold their endowments already."""
    parameters, ref = market_of(players[0].participant).parameters, ref_of(players[0])
    if ref.overall == parameters.rounds:
        return
    table = type(players[0])
    seats = {player.participant_id: player for player in players}
    following = table.objects_filter(
        table.participant_id.in_(seats), round_number=group.round_number + 1
    ).all()
    following[0].group.next_order_id = next_order_id
    if ref.is_last or parameters.schedule:
        return
    for row in following:
        row.cash = seats[row.participant_id].cash_after
        row.shares = seats[row.participant_id].shares_after


# What traders sent.


def kept_text(value: Any) -> str:
    """Return what a trader sent as text that every database can hold and no spreadsheet takes for a formula.

    Text with control signs, lone surrogates or the start of a formula is kept as JSON, in quotes.
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    formula = text[:1] in ("=", "+", "-", "@") and not re.fullmatch(r"-?[0-9.]+", text)
    plain = text.isascii() and text.isprintable() and not formula
    return (text if plain else json.dumps(text))[:LONGEST_KEPT]
