"""Consent, and instructions that are written from the session's own parameters."""

from __future__ import annotations

from typing import Any

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models
from session_market import market_of, page_data

from markets.view import PageName, PageState

from .instructions import instructions

doc = "Consent and instructions of the call market."


class C(BaseConstants):
    NAME_IN_URL = "welcome"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    consent = models.BooleanField(blank=True)


def consent_error_message(player: Player, value: bool | None) -> str | None:
    """Nobody goes on without having agreed."""
    return None if value else "You can go on only if you agree to take part."


def state(player: Player, page: PageName) -> PageState:
    """Return what a page outside the rounds is drawn from."""
    market = market_of(player.participant)
    return PageState(page, market.parameters, market.traders, market.pay)


class Consent(Page):
    form_model = "player"
    form_fields = ["consent"]

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {
            "computer_traders": market_of(player.participant).parameters.computer_traders,
            **page_data(state(player, "consent")),
        }


class Instructions(Page):
    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        return {**instructions(market_of(player.participant)), **page_data(state(player, "instructions"))}


page_sequence = [Consent, Instructions]
