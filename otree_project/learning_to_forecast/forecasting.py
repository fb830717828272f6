"""Between the rules of `markets.learning_to_forecast` and the app's rows; no rule stands here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal

from otree.api import Currency
from otree.models import Session
from session_market import MAX_ROUNDS, pay_of, problems_of_pay, script_json

from markets.forecasting_parameters import LEARNING_TO_FORECAST, ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.learning_to_forecast import close_forecast_round
from markets.money import exact_text, parse_money
from markets.parameters import ParameterError
from markets.payoffs import Pay

from .tables import Group, Player

_WITHOUT = {"quiz": False, "announce_computer_traders": True, "instructions_seconds": 0, "quiz_seconds": 0}
"""Keys of the other sessions that would change nothing here, with what they then have to be."""


@dataclass(frozen=True, slots=True)
class SessionForecasting:
    """A session's design, as read once from its config."""

    parameters: ForecastingParameters
    pay: Pay
    seed: str


def design_of(player: Player) -> SessionForecasting:
    """Return the design of a player's session; its config is read once in a process."""
    return _read_design(player.participant._session_code)


@lru_cache(maxsize=256)
def _read_design(session_code: str) -> SessionForecasting:
    config = Session.objects_get(code=session_code).config
    parameters = ForecastingParameters.from_config(config)
    return SessionForecasting(parameters, pay_of(config), parameters.noise_seed or session_code)


def problems(session: Session) -> Iterator[str]:
    """Yield a sentence for each thing that must be mended before the session can be played."""
    yield from problems_of_pay(session)
    if session.config.get("institution") != LEARNING_TO_FORECAST:
        yield f"institution must be {LEARNING_TO_FORECAST} in this session's apps."
    for key, value in _WITHOUT.items():
        if session.config.get(key, value) != value:
            yield f"{key} must be {value!r} in a learning-to-forecast session, which has no page for it."
    try:
        parameters = ForecastingParameters.from_config(session.config)
    except ParameterError as error:
        yield from error.problems
        return
    size = parameters.traders_per_market
    if parameters.rounds > MAX_ROUNDS:
        yield f"paid_rounds must be at most {MAX_ROUNDS}, was {parameters.rounds}."
    if size and session.num_participants % size:
        yield (
            f"With traders_per_market {size} the number of participants must be a multiple of {size}, "
            f"was {session.num_participants}."
        )


def close_round(group: Group) -> None:
    """Make the price of the round from its forecasts, reward those of it, and pay at the end."""
    players = group.get_players()
    design, number = design_of(players[0]), group.round_number
    given = {player.id_in_group: _given(player) for player in players}
    closed = close_forecast_round(
        number, given, design.parameters.rules, f"{design.seed}/{group.id_in_subsession}"
    )
    group.price, group.cleared = exact_text(closed.price), True
    for player in players:
        reward = closed.rewards.get(player.id_in_group)
        player.reward = "" if reward is None else exact_text(reward)
        player.payoff = Currency(exact_text(reward or Fraction(0)))


def _given(player: Player) -> list[Fraction | None]:
    return [_amount(one.field_maybe_none("f0")) for one in (*player.in_previous_rounds(), player)]


def _amount(text: str | None) -> Fraction | None:
    return parse_money(text) if text else None


def page_data(player: Player, page: Literal["forecast", "results", "final"]) -> dict[str, Any]:
    """Return the template variable that puts a page's data block into the page."""
    design = design_of(player)
    rounds: Sequence[Player] = [*player.in_previous_rounds(), player]
    known = rounds[:-1] if page == "forecast" else rounds
    total = player.participant.payoff_plus_participation_fee()
    state = ForecastPage(
        page=page,
        parameters=design.parameters,
        forecasters=len(player.group.get_players()),
        pay=design.pay,
        number=player.round_number,
        prices=[parse_money(one.group.price) for one in known],
        given=[_amount(one.field_maybe_none("f0")) for one in known],
        rewards=[_amount(one.field_maybe_none("reward")) for one in known],
        payoff=Fraction(Decimal(total)) if page == "final" else None,
    )
    return {"market_view": script_json(forecasting_view(state))}
