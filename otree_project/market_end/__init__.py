"""Debriefing where it is due, and the last page: what the participant is paid. That one has no button."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from call_market import Player as CallMarketTrader
from call_market.trading import final_of, past_of
from codebook import codebook
from double_auction import Player as DoubleAuctionTrader
from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page
from session_market import market_of, page_data

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
    """What each participant is paid, by label: the one table that may name people. It is for paying them."""
    yield ["session", "seat", "label", "participant", "payoff_points", "payoff", "fee", "total", "finished"]
    for player in players:
        participant, session = player.participant, player.session
        yield [
            *(session.code, participant.id_in_session, participant.label or "", participant.code),
            *(Decimal(participant.payoff), Decimal(participant.payoff.to_real_world_currency(session))),
            *(Decimal(session.config["participation_fee"]), _total(participant)),
            int(participant._current_page_name == Payment.__name__),
        ]


def _total(participant: Any) -> Decimal:
    return Decimal(participant.payoff_plus_participation_fee())


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
        paid = Fraction(_total(player.participant))
        final = replace(final_of(trader, past_of(trader, through=last)), payoff=paid)
        return {
            "several": market.parameters.paid_markets > 1,
            "completion_url": market.parameters.completion_url,
            **page_data(
                PageState(
                    "payment",
                    market.parameters,
                    market.traders,
                    market.pay,
                    final=final,
                    trader=trader.id_in_group,
                )
            ),
        }


page_sequence = [Debriefing, Payment]
