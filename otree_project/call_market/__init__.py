"""The call market: practice rounds, then paid ones; a round is trade, forecast, wait for the others, results.

Pages are thin: `trading` turns rows into what `markets` works on, and back.
"""

from __future__ import annotations

from typing import Any

from market_pages import FinalPage, PhaseStartPage, ResultsPage, is_played, timer
from market_report import finished_rounds, market_design, report
from otree.api import BaseConstants, Page
from pausing import PausableWaitPage
from session_market import MAX_ROUNDS, begin_markets, market_of, page_data, ref_of

from markets.institution import Institution

from .exports import (
    custom_export_forecasts,
    custom_export_markets,
    custom_export_orders,
    custom_export_traders,
)
from .tables import Group, Message, Player, Subsession
from .trading import (
    after_clearing,
    answer,
    before_clearing,
    clear_market,
    forecast_errors,
    tidy_forecasts,
)

__all__ = [
    "C",
    "Group",
    "Message",
    "Player",
    "Subsession",
    "creating_session",
    "custom_export_forecasts",
    "custom_export_markets",
    "custom_export_orders",
    "custom_export_traders",
    "page_sequence",
    "vars_for_admin_report",
]

doc = "One asset, traded in a call market: one price a round for everybody."


class C(BaseConstants):
    NAME_IN_URL = "market"
    PLAYERS_PER_GROUP = None  # the session config's traders_per_market makes the groups
    NUM_ROUNDS = MAX_ROUNDS


def creating_session(subsession: Subsession) -> None:
    """Check the session's config, then make the markets and give the endowments."""
    begin_markets(subsession, Institution.CALL_MARKET)


def vars_for_admin_report(subsession: Subsession) -> dict[str, Any]:
    """Return the report on the whole session, whichever round is asked for."""
    session = subsession.session
    return report(session, finished_rounds(Group, session), market_design(session))


class PhaseStart(PhaseStartPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return PhaseStartPage.words(player) | page_data(before_clearing(player, "phase_start"))


class Trade(Page):
    is_displayed = is_played

    @staticmethod
    def live_method(player: Player, message: Any) -> dict[int, Any]:
        return {player.id_in_group: answer(player, message)}

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return timer(player, "trade")

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return page_data(before_clearing(player, "trade"))

    @staticmethod
    def before_next_page(player: Player, timeout_happened: bool) -> None:
        player.trade_timed_out = timeout_happened


class Forecast(Page):
    form_model = "player"

    @staticmethod
    def is_displayed(player: Player) -> bool:
        return is_played(player) and bool(Forecast.get_form_fields(player))

    @staticmethod
    def get_form_fields(player: Player) -> list[str]:
        asked = market_of(player.participant).parameters.questions(ref_of(player))
        return [question.field for question in asked]

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return timer(player, "forecast")

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return page_data(before_clearing(player, "forecast"))

    @staticmethod
    def error_message(player: Player, values: dict[str, str | None]) -> dict[str, str]:
        return forecast_errors(player, values)

    @staticmethod
    def before_next_page(player: Player, timeout_happened: bool) -> None:
        player.forecast_timed_out = timeout_happened
        tidy_forecasts(player)


class ClearMarket(PausableWaitPage):
    template_name = "market/Waiting.html"
    is_displayed = is_played

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {
            "waiting_title": "The market is about to be cleared",
            "waiting_text": "The others are still trading or forecasting.",
        }

    @staticmethod
    def after_all_players_arrive(group: Group) -> None:
        clear_market(group)


class Results(ResultsPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return page_data(after_clearing(player, "results"))


class Final(FinalPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return FinalPage.words(player) | page_data(after_clearing(player, "final"))


page_sequence = [PhaseStart, Trade, Forecast, ClearMarket, Results, Final]
