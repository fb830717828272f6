"""Consent, instructions and quiz, all three written from the session's own parameters."""

from __future__ import annotations

from typing import Any

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets
from session_market import market_of, page_data

from markets.view import PageName, PageState

from .instructions import instructions
from .quiz import MOST_ATTEMPTS, Question, questions

doc = "Consent, instructions and quiz of the market."

_COUNTS = {2: "Two", 4: "Four"}


class C(BaseConstants):
    NAME_IN_URL = "welcome"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    consent = models.BooleanField(blank=True, doc="Empty or False: the page's timer ended first")
    quiz_attempts = models.IntegerField(initial=0, doc="How often the quiz was sent")
    quiz_wrong_at_first = models.IntegerField(doc="Wrong answers when the quiz was first sent")
    quiz_interest = models.StringField(widget=widgets.RadioSelect)
    quiz_dividends = models.StringField(widget=widgets.RadioSelect)
    quiz_buy_back = models.StringField(widget=widgets.RadioSelect)
    quiz_price = models.StringField(widget=widgets.RadioSelect)
    quiz_unit = models.StringField(widget=widgets.RadioSelect, doc="Where units have values and costs")


def consent_error_message(player: Player, value: bool | None) -> str | None:
    """Nobody goes on without having agreed."""
    return None if value else "You can go on only if you agree to take part."


def state(player: Player, page: PageName) -> PageState:
    """Return what a page outside the rounds is drawn from."""
    market = market_of(player.participant)
    trader = market.trader(player.participant)
    return PageState(page, market.parameters, market.traders, market.pay, trader=trader)


def timer(player: Player, page: str) -> int | None:
    """Return the seconds of a page's timer, or None where it has none."""
    return market_of(player.participant).parameters.seconds(page)


def asked(player: Player) -> dict[str, Question]:
    """Return the quiz by field."""
    market = market_of(player.participant)
    return questions(market.parameters, market.trader(player.participant))


def quiz_interest_choices(player: Player) -> tuple[str, ...]:
    return asked(player)["quiz_interest"].choices


def quiz_dividends_choices(player: Player) -> tuple[str, ...]:
    return asked(player)["quiz_dividends"].choices


def quiz_buy_back_choices(player: Player) -> tuple[str, ...]:
    return asked(player)["quiz_buy_back"].choices


def quiz_price_choices(player: Player) -> tuple[str, ...]:
    return asked(player)["quiz_price"].choices


def quiz_unit_choices(player: Player) -> tuple[str, ...]:
    return asked(player)["quiz_unit"].choices


class Consent(Page):
    form_model = "player"
    form_fields = ["consent"]

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return timer(player, "consent")

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        parameters = market_of(player.participant).parameters
        return {
            "computer_traders": parameters.tells_of_computer_traders,
            "induced": parameters.schedule is not None,
            "forecasts": bool(parameters.forecast_horizons),
            **page_data(state(player, "consent")),
        }


class Instructions(Page):
    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return timer(player, "instructions")

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        market = market_of(player.participant)
        told = instructions(market, market.trader(player.participant))
        return {**told, **page_data(state(player, "instructions"))}


class Quiz(Page):
    """Says what is wrong and why; after a few attempts everybody may pass: it teaches, it does not sort."""

    form_model = "player"

    @staticmethod
    def get_form_fields(player: Player) -> list[str]:
        return list(asked(player))

    @staticmethod
    def is_displayed(player: Player) -> bool:
        return market_of(player.participant).parameters.quiz

    @staticmethod
    def get_timeout_seconds(player: Player) -> int | None:
        return timer(player, "quiz")

    @staticmethod
    def vars_for_template(player: Player) -> dict[str, Any]:
        told = [{"name": field, "text": one.text} for field, one in asked(player).items()]
        return {"attempts": MOST_ATTEMPTS, "questions": told, "count": _COUNTS[len(told)]}

    @staticmethod
    def error_message(player: Player, values: dict[str, str | None]) -> dict[str, str] | None:
        wrong = {field: one.why for field, one in asked(player).items() if values[field] != one.answer}
        if not player.quiz_attempts:
            player.quiz_wrong_at_first = len(wrong)
        player.quiz_attempts += 1
        return wrong if player.quiz_attempts < MOST_ATTEMPTS else None


page_sequence = [Consent, Instructions, Quiz]
