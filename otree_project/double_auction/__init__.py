"""The continuous double auction: practice periods, then paid ones; orders trade as they come.

A period begins for everybody at once and ends for everybody at once: when its time is over, or when everybody
has left the trade page or is ready to. Pages are thin: `periods` holds what is being traded, `trading` turns
rows into what `markets` works on, and back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from market_pages import FinalPage, PhaseStartPage, ResultsPage, is_played, timer
from market_report import finished_rounds, market_design, report
from otree.api import BaseConstants, Page, WaitPage
from pausing import PausableWaitPage
from session_market import MAX_ROUNDS, begin_markets, market_of, page_data

from markets.institution import Institution
from markets.live import Frame

from .exports import (
    custom_export_book,
    custom_export_markets,
    custom_export_orders,
    custom_export_traders,
    custom_export_trades,
)
from .periods import leave, seconds_left, take
from .tables import Group, Message, Player, Subsession, TradeRow
from .trading import after_trading, before_trading, open_now, settle, while_trading

__all__ = [
    "C",
    "Group",
    "Message",
    "Player",
    "Subsession",
    "TradeRow",
    "creating_session",
    "custom_export_book",
    "custom_export_markets",
    "custom_export_orders",
    "custom_export_traders",
    "custom_export_trades",
    "page_sequence",
    "vars_for_admin_report",
]

doc = "One asset, or units with induced values and costs, traded in a continuous double auction."


class C(BaseConstants):
    NAME_IN_URL = "auction"
    PLAYERS_PER_GROUP = None  # the session config's traders_per_market makes the groups
    NUM_ROUNDS = MAX_ROUNDS


def creating_session(subsession: Subsession) -> None:
    """Check the session's config, then make the markets and give the endowments."""
    begin_markets(subsession, Institution.DOUBLE_AUCTION)


def vars_for_admin_report(subsession: Subsession) -> dict[str, Any]:
    """Return the report on the whole session, whichever round is asked for."""
    session = subsession.session
    return report(session, finished_rounds(Group, session), market_design(session))


class PhaseStart(PhaseStartPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return PhaseStartPage.words(player) | page_data(before_trading(player, "phase_start"))


class OpenMarket(PausableWaitPage):
    template_name = "market/Waiting.html"
    is_displayed = is_played

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {
            "waiting_title": "The market is about to open",
            "waiting_text": "It opens for everybody at once.",
        }

    @staticmethod
    def after_all_players_arrive(group: Group) -> None:
        open_now(group)


class Trade(Page):
    is_displayed = is_played

    @staticmethod
    def live_method(player: Player, message: Any) -> Mapping[int, Frame]:
        return take(player, message)

    @staticmethod
    def get_timeout_seconds(player: Player) -> float | None:
        return seconds_left(player.group, timer(player, "trade"))

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        induced = market_of(player.participant).parameters.schedule is not None
        return {"induced": induced, **page_data(while_trading(player))}

    @staticmethod
    def before_next_page(player: Player, timeout_happened: bool) -> None:
        leave(player, timed_out=timeout_happened)


class CloseMarket(WaitPage):
    template_name = "market/Waiting.html"
    is_displayed = is_played

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {
            "waiting_title": "The period is about to end",
            "waiting_text": "The others are still trading; your open orders are in the market until the end.",
        }

    @staticmethod
    def after_all_players_arrive(group: Group) -> None:
        settle(group)


class Results(ResultsPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        induced = market_of(player.participant).parameters.schedule is not None
        return {"induced": induced, **page_data(after_trading(player, "results"))}


class Final(FinalPage):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return FinalPage.words(player) | page_data(after_trading(player, "final"))


page_sequence = [PhaseStart, OpenMarket, Trade, CloseMarket, Results, Final]
