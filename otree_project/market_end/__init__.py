"""Debriefing where it is due, and the last page: what the participant is paid. That one has no button."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from call_market import Player as CallMarketTrader
from codebook import codebook
from double_auction import Player as DoubleAuctionTrader
from market_pages import words_of
from market_rows import final_of, past_of
from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page
from session_market import PAYMENT_COLUMNS, market_of, page_data, payment_row

from markets.institution import Institution
from markets.view import PageState

doc = "The payment of the market."


class C(BaseConstants):
    NAME_IN_URL = "payment"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    pass


def custom_export_codebook(players: Sequence[Player]) -> Iterator[list[str]]:
    """What the columns of all exports mean."""
    del players  # the same for every session
    return codebook()


def custom_export_payments(players: Sequence[Player]) -> Iterator[list[Any]]:
    """What each participant is paid, by label."""
    yield PAYMENT_COLUMNS
    for player in players:
        yield payment_row(player.participant, Payment.__name__)


class Debriefing(Page):
    """Tells afterwards what the ethics decision allowed not to tell before."""

    @staticmethod
    def is_displayed(player: Player) -> bool:
        return market_of(player.participant).parameters.hides_computer_traders

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {"reference": market_of(player.participant).parameters.ethics_reference}


class Payment(Page):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        market = market_of(player.participant)
        last = market.parameters.rounds
        continuous = market.parameters.institution is Institution.DOUBLE_AUCTION
        table = DoubleAuctionTrader if continuous else CallMarketTrader
        trader = table.objects_get(participant=player.participant, round_number=last)
        # Other apps of the session may have added to what the market pays.
        paid = Fraction(Decimal(player.participant.payoff_plus_participation_fee()))
        final = replace(final_of(trader, past_of(trader, through=last)), payoff=paid)
        state = PageState(
            *("payment", market.parameters, market.traders, market.pay),
            final=final,
            trader=trader.id_in_group,
        )
        words = {**words_of(trader), "completion_url": market.parameters.completion_url}
        return words | page_data(state)


page_sequence = [Debriefing, Payment]
