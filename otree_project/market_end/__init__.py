"""The last page: what the participant is paid. It has no button; the study ends here."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from call_market import Player as Trader
from call_market.trading import final_of, past_of
from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page
from session_market import market_of, page_data

from markets.view import PageState

doc = "The payment of the call market."


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


class Payment(Page):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        market = market_of(player.participant)
        last = market.parameters.rounds
        trader = Trader.objects_get(participant=player.participant, round_number=last)
        # Other apps of the session may have added to what the market pays.
        paid = Fraction(Decimal(player.participant.payoff_plus_participation_fee()))
        final = replace(final_of(trader, past_of(trader, through=last)), payoff=paid)
        return page_data(PageState("payment", market.parameters, market.traders, market.pay, final=final))


page_sequence = [Payment]
