"""An amount of money, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_amount"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    amount = models.CurrencyField(label="How much do you give?", min=0, max=10)


class Ask(Page):
    form_model = "player"
    form_fields = ["amount"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
