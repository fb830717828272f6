"""A slider, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_slider"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    slider = models.IntegerField(min=0, max=50)


class Ask(Page):
    form_model = "player"
    form_fields = ["slider"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
