"""Learning to forecast: a round is a forecast, a wait for the others, and the price that forecasts make."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from market_report import finished_rounds, forecasting_design, report
from otree.api import BaseConstants, Page
from pausing import PausableWaitPage
from session_market import MAX_ROUNDS, PAYMENT_COLUMNS, payment_row, refuse_for, set_markets

from markets.forecasts import read_forecast
from markets.money import exact_text, parse_money, readable, shown

from .forecasting import close_round, design_of, page_data, problems
from .tables import Group, Player, Subsession

__all__ = ["C", "Group", "Player", "Subsession", "creating_session", "page_sequence", "vars_for_admin_report"]

doc = "Learning to forecast: forecasts alone make the price."


class C(BaseConstants):
    NAME_IN_URL = "forecasting"
    PLAYERS_PER_GROUP = None  # the session config's traders_per_market makes the groups
    NUM_ROUNDS = MAX_ROUNDS


def creating_session(subsession: Subsession) -> None:
    """Check the session's config, then make the markets."""
    if subsession.round_number == 1:
        refuse_for(subsession.session, tuple(problems(subsession.session)))
    set_markets(subsession, design_of(subsession.get_players()[0]).parameters.traders_per_market)


def vars_for_admin_report(subsession: Subsession) -> dict[str, Any]:
    """Return the report on the whole session, whichever round is asked for."""
    session, parameters = subsession.session, design_of(subsession.get_players()[0]).parameters
    return report(session, finished_rounds(Group, session), forecasting_design(session, parameters))


def custom_export_forecasts(players: Sequence[Player]) -> Iterator[list[Any]]:
    """One forecaster in one round a row; rounds that are not over are left out."""
    yield [
        *("session", "market", "round", "participant", "seat", "forecast_round", "forecast"),
        *("forecast_timed_out", "price", "reward"),
    ]
    for player in players:
        if player.group.cleared:
            asked = design_of(player).parameters.question(player.round_number)
            participant = player.participant
            yield [
                *(participant._session_code, player.group.id_in_subsession, player.round_number),
                *(participant.code, participant.id_in_session, asked.round),
                *(player.field_maybe_none("f0") or "", int(player.forecast_timed_out)),
                *(player.group.price, player.field_maybe_none("reward") or ""),
            ]


def custom_export_payments(players: Sequence[Player]) -> Iterator[list[Any]]:
    """What each participant is paid, by label."""
    yield PAYMENT_COLUMNS
    for player in players:
        if player.round_number == 1:
            yield payment_row(player.participant, Final.__name__)


def is_played(player: Player) -> bool:
    """Whether the session has this round; oTree keeps rows for more."""
    return player.round_number <= design_of(player).parameters.rounds


class Introduction(Page):
    form_model = "player"
    form_fields = ["consent"]

    @staticmethod
    def is_displayed(player: Player) -> bool:
        return player.round_number == 1

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return design_of(player).parameters.consent_seconds

    @staticmethod
    def error_message(player: Player, values: dict[str, Any]) -> dict[str, str] | None:
        return None if values["consent"] else {"consent": "You can go on only if you agree to take part."}

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        design = design_of(player)
        parameters, rules = design.parameters, design.parameters.rules
        error = rules.reward_error / 2
        return {
            "others": len(player.group.get_players()) - 1,
            "rounds": parameters.rounds,
            "positive": rules.feedback > 0,
            "ahead": rules.ahead,
            "computer_traders": parameters.computer_traders,
            "shocks": rules.noise_sd > 0,
            "highest": readable(rules.highest),
            "forecast_max": readable(parameters.forecast_max),
            "most": readable(rules.reward_most),
            "zero_at": readable(rules.reward_error),
            "example_error": readable(error),
            "example_reward": readable(rules.reward(error, error * 2)),
            "unit_points": readable(design.pay.cash_per_currency_unit),
            "currency": design.pay.currency,
            "fee": shown(design.pay.participation_fee, 2) if design.pay.participation_fee else "",
        }


class Forecast(Page):
    form_model = "player"
    form_fields = ["f0"]
    is_displayed = is_played

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return design_of(player).parameters.forecast_seconds

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return page_data(player, "forecast")

    @staticmethod
    def error_message(player: Player, values: dict[str, str | None]) -> dict[str, str] | None:
        text = (values["f0"] or "").strip()
        read = read_forecast(text, design_of(player).parameters.forecast_max) if text else None
        return {"f0": read} if isinstance(read, str) else None

    @staticmethod
    def before_next_page(player: Player, timeout_happened: bool) -> None:
        player.forecast_timed_out = timeout_happened
        text = (player.field_maybe_none("f0") or "").strip()
        player.f0 = exact_text(parse_money(text)) if text else ""


class MakePrice(PausableWaitPage):
    template_name = "market/Waiting.html"
    is_displayed = is_played

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {
            "waiting_title": "The price is about to be made",
            "waiting_text": "The others are still forecasting.",
        }

    @staticmethod
    def after_all_players_arrive(group: Group) -> None:
        close_round(group)


class Results(Page):
    is_displayed = is_played

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return design_of(player).parameters.results_seconds

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return page_data(player, "results")


class Final(Page):
    @staticmethod
    def is_displayed(player: Player) -> bool:
        return player.round_number == design_of(player).parameters.rounds

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        url = design_of(player).parameters.completion_url
        return {"completion_url": url, **page_data(player, "final")}


page_sequence = [Introduction, Forecast, MakePrice, Results, Final]
