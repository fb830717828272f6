"""A list in which several may be chosen, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_list"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    list = models.StringField()


class Ask(Page):
    form_model = "player"
    form_fields = ["list"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
