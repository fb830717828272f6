"""A decimal number within limits, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_decimal"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    decimal = models.FloatField(label="How likely is it?", min=0, max=1)


class Ask(Page):
    form_model = "player"
    form_fields = ["decimal"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
