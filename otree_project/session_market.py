"""What every app of the project needs of its session: the market, how it pays, the data block of a page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Any

from otree import settings
from otree.database import db
from otree.models import Participant, Session
from otree.session import CreateSessionInvalidArgs

from markets.institution import Institution
from markets.money import exact_text, parse_money, rounded
from markets.parameters import MarketParameters, ParameterError
from markets.payoffs import Pay
from markets.rounds import RoundRef
from markets.view import PageState, market_view

MAX_ROUNDS = 60
"""Rounds that oTree keeps rows for, in every session."""

MAX_HORIZONS = 15
"""Forecasts that a page can ask for."""


@dataclass(frozen=True, slots=True)
class SessionMarket:
    """A session's market, as read once from its config.

    Attributes:
        traders: in one market.
        seed: of dividends and of random rationing.
    """

    parameters: MarketParameters
    pay: Pay
    traders: int
    seed: str

    def trader(self, participant: Participant) -> int:
        """Return a participant's id in its market; markets are filled in seat order."""
        return int(participant.id_in_session - 1) % self.traders + 1


def market_of(participant: Participant) -> SessionMarket:
    """Return the market of a participant's session; its config is read once in a process."""
    return _read_market(participant._session_code)


def ref_of(player: Any) -> RoundRef:
    """Return which round of the session a player's row stands for."""
    return market_of(player.participant).parameters.round_at(player.round_number)


@lru_cache(maxsize=256)
def _read_market(session_code: str) -> SessionMarket:
    session = Session.objects_get(code=session_code)
    config = session.config
    parameters = MarketParameters.from_config(config)
    traders = parameters.traders_per_market or session.num_participants
    return SessionMarket(parameters, pay_of(config), traders, parameters.dividend_seed or session_code)


def refuse_unusable(session: Session, institution: Institution) -> None:
    """Let a new session pass, or end its creation with a sentence for each thing that must be mended.

    oTree tells the sentences to whoever creates the session: the REST API answers 400 with them, the admin's
    page shows them. It deletes the session there and then, but the admin's page undoes that; so the rows are
    labelled and archived first.

    Args:
        institution: that the calling app plays; the config has to name it.

    Raises:
        CreateSessionInvalidArgs: the session cannot be played.
    """
    refuse_for(session, _problems(session, institution))


def refuse_for(session: Session, problems: Sequence[str]) -> None:
    """Let a new session without problems pass, or end its creation with them, as `refuse_unusable` does."""
    if not problems:
        return
    session.label = "not created: its configuration cannot be used"
    session.archived = True
    db.commit()
    raise CreateSessionInvalidArgs(" ".join(problems))


def problems_of_pay(session: Session) -> tuple[str, ...]:
    """Return the sentence that is due where points cannot be made currency."""
    rate = session.config["real_world_currency_per_point"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not (isfinite(rate) and rate > 0):
        return (f"real_world_currency_per_point must be a number above 0, such as 0.005, was {rate!r}.",)
    return ()


def pay_of(config: Mapping[str, Any]) -> Pay:
    """Return how a session's points become money."""
    return Pay(
        currency=settings.REAL_WORLD_CURRENCY_CODE,
        cash_per_currency_unit=1 / parse_money(str(config["real_world_currency_per_point"])),
        participation_fee=rounded(Fraction(config["participation_fee"]), 2),  # 7.10 may come as a float
    )


def _problems(session: Session, institution: Institution) -> tuple[str, ...]:
    if told := problems_of_pay(session):
        return told
    named = session.config.get("institution", Institution.CALL_MARKET)
    if named in {*Institution} and named != institution:
        return (f"institution must be {institution} in this session's apps, was {named}.",)
    try:
        parameters = MarketParameters.from_config(session.config)
    except ParameterError as error:
        return error.problems
    return tuple(_beyond_this_project(parameters, session.num_participants))


def _beyond_this_project(parameters: MarketParameters, participants: int) -> Iterator[str]:
    rounds, horizons, traders, types = (
        parameters.rounds,
        len(parameters.forecast_horizons),
        parameters.traders_per_market,
        len(parameters.endowments),
    )
    schedule, size = parameters.schedule, traders or participants
    if schedule and size != len(schedule.values) + len(schedule.costs):
        yield (
            f"induced_values and induced_costs are for {len(schedule.values)} buyers and "
            f"{len(schedule.costs)} sellers, but a market of this session has {size} traders."
        )
    if rounds > MAX_ROUNDS:
        yield (
            f"practice_rounds and the paid_rounds of all paid_markets must together be at most {MAX_ROUNDS}, "
            f"were {rounds}."
        )
    if (traders or participants) % types:
        yield (
            f"With {types} types of traders in endowment_cash and endowment_shares the number of traders in "
            f"a market must be a multiple of {types}, was {traders or participants}."
        )
    if horizons > MAX_HORIZONS:
        yield f"forecast_horizons must be at most {MAX_HORIZONS} numbers, were {horizons}."
    if traders and participants % traders:
        yield (
            f"With traders_per_market {traders} the number of participants must be a multiple of {traders}, "
            f"was {participants}."
        )


def begin_markets(subsession: Any, institution: Institution) -> None:
    """Make the markets of a round that a new session will play, and give what they begin with.

    Raises:
        CreateSessionInvalidArgs: the session cannot be played.
    """
    if subsession.round_number == 1:
        refuse_unusable(subsession.session, institution)
    parameters = market_of(subsession.get_players()[0].participant).parameters
    if subsession.round_number > parameters.rounds:
        return
    set_markets(subsession, parameters.traders_per_market)
    if parameters.round_at(subsession.round_number).is_first or parameters.schedule:
        for group in subsession.get_groups():
            players = {player.id_in_group: player for player in group.get_players()}
            for trader, account in parameters.accounts_at_start(players).items():
                players[trader].cash, players[trader].shares = exact_text(account.cash), account.shares


def set_markets(subsession: Any, size: int) -> None:
    """Make the groups of a round: markets of a size, filled in seat order; 0 leaves all in one."""
    if size:
        seats = [player.id_in_subsession for player in subsession.get_players()]
        subsession.set_group_matrix([seats[at : at + size] for at in range(0, len(seats), size)])


PAYMENT_COLUMNS = [
    *("session", "seat", "label", "participant", "payoff_points", "payoff", "fee", "total", "finished"),
]


def payment_row(participant: Participant, last_page: str) -> list[Any]:
    """Return what a participant is paid, by label.

    It is a row of the one table that may name people, which is for paying them.
    """
    session = participant.session
    return [
        *(session.code, participant.id_in_session, participant.label or "", participant.code),
        *(Decimal(participant.payoff), Decimal(participant.payoff.to_real_world_currency(session))),
        *(Decimal(session.config["participation_fee"]),),
        Decimal(participant.payoff_plus_participation_fee()),
        int(participant._current_page_name == last_page),
    ]


def page_data(state: PageState) -> dict[str, Any]:
    """Return the template variable that puts a page's data block into the page."""
    return {"market_view": script_json(market_view(state))}


def script_json(data: Any) -> str:
    """Return JSON that can stand inside a script element: no `<`, `>` or `&` is left in it.

    Half a surrogate pair, which a sender's ref may hold, is nothing JSON readers agree on; it becomes "?".
    """
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace").decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
