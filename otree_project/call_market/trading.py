"""Between the market's rules and its rows: rows in, functions of `markets`, rows out. No rule stands here."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from otree.api import Currency
from otree.database import db, dbq
from session_market import MAX_HORIZONS, SessionMarket, market_of, ref_of

from markets.accounts import Account
from markets.call_market import RoundOutcome, settle_round
from markets.forecasts import GivenForecast, ScoredForecast, outstanding, read_forecast, score
from markets.live import Desk, Frame, Reaction, react
from markets.money import exact_text, parse_money, rounded
from markets.orders import Order, Side
from markets.parameters import MarketParameters
from markets.payoffs import FinalOutcome, final_outcome, induced_outcome
from markets.rounds import OwnRound, PublicRound, RoundRef, last_price
from markets.view import PageName, PageState

from .tables import Group, Message, Player

FORECAST_FIELDS = tuple(f"f{index}" for index in range(MAX_HORIZONS))

LONGEST_KEPT = 200
"""Characters that are kept of what a trader typed."""

_OF_TRADERS = (
    *("participant_id", "round_number", "bought", "sold", "interest", "dividends", "earnings"),
    *("cash_after", "shares_after", "forecast_reward"),
)
_OF_MARKETS = ("price", "volume", "dividend")


def _past_columns(trader: type[Player], market: type[Group]) -> list[Any]:
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


# Pages.


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


def final_of(player: Player, past: Past) -> FinalOutcome:
    """Return how a phase ended for a trader; what is shown as the payoff is what oTree pays for it.

    oTree rounds points before it makes currency of them, so the payoff is its own and not that of `markets`.
    """
    market, ref = market_of(player.participant), ref_of(player)
    earlier = _earned_before(player, ref)
    if market.parameters.schedule:
        final = induced_outcome(ref.phase, past.own, earlier=earlier)
    else:
        final = final_outcome(
            ref.phase,
            Account(past.own[-1].cash, past.own[-1].shares),
            buy_back=market.parameters.buy_back,
            forecast_earnings=past.rewards,
            earlier=earlier,
        )
    if ref.phase == "practice":
        return final
    points = player.payoff + Currency(exact_text(final.earlier))
    earned = points.to_real_world_currency(player.session)
    return replace(final, payoff=Fraction(Decimal(earned)) + market.pay.participation_fee)


def _earned_before(player: Player, ref: RoundRef) -> Fraction:
    """Return the points that the paid markets before this one have earned a trader."""
    if ref.market == 1:
        return Fraction(0)
    table = type(player)
    earlier = table.objects_filter(
        table.round_number <= ref.overall - ref.number, participant_id=player.participant_id
    )
    return sum((parse_money(str(Decimal(row.payoff))) for row in earlier), Fraction(0))


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
    _write_market(group, outcome, placed)
    for player in players:
        _write_trader(player, outcome, pasts[player.participant_id].given, market.parameters)
    if ref.phase == "paid" and ref.is_last:
        _pay(players, outcome, pasts, market)
    if ref.overall < market.parameters.rounds:
        _open_next(group, players, carry=not ref.is_last)


def _write_market(group: Group, outcome: RoundOutcome, placed: Sequence[Message]) -> None:
    filled = {fill.order_id: fill.quantity for fill in outcome.fills}
    for row in placed:
        row.filled = filled.get(row.order_id, 0)
    group.price = "" if outcome.public.price is None else exact_text(outcome.public.price)
    group.volume = outcome.public.volume
    group.dividend = exact_text(outcome.public.dividend)
    group.cleared = True


def _write_trader(
    player: Player, outcome: RoundOutcome, given: Sequence[GivenForecast], parameters: MarketParameters
) -> None:
    own, ref = outcome.own[player.id_in_group], ref_of(player)
    given = [*given, *given_in(ref.overall, answers_of(player), parameters)]
    scored = score_given(given, ref, outcome.public.price, parameters)
    player.bought, player.sold = own.bought, own.sold
    player.interest, player.dividends = exact_text(own.interest), exact_text(own.dividends)
    player.cash_after, player.shares_after = exact_text(own.cash), own.shares
    player.forecast_reward = exact_text(sum((one.reward for one in scored), Fraction(0)))


def _pay(
    players: Sequence[Player], outcome: RoundOutcome, pasts: Mapping[int, Past], market: SessionMarket
) -> None:
    """Give every trader its payoff of a paid market; one point is one unit of cash.

    To the cent, as oTree pays points.
    """
    for player in players:
        final = final_outcome(
            "paid",
            outcome.accounts[player.id_in_group],
            buy_back=market.parameters.buy_back,
            forecast_earnings=pasts[player.participant_id].rewards + parse_money(player.forecast_reward),
        )
        player.payoff = Currency(exact_text(rounded(final.points, 2)))


def _open_next(group: Group, players: Sequence[Player], *, carry: bool) -> None:
    """Prepare the next round's rows; a new phase keeps the endowments that its rows hold already."""
    seats = {player.participant_id: player for player in players}
    following = Player.objects_filter(
        Player.participant_id.in_(seats), round_number=group.round_number + 1
    ).all()
    following[0].group.next_order_id = group.next_order_id
    for row in following if carry else ():
        row.cash = seats[row.participant_id].cash_after
        row.shares = seats[row.participant_id].shares_after
