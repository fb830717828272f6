"""A yes or a no, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_yes_no"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    yes_no = models.BooleanField(label="Did you take part before?")


class Ask(Page):
    form_model = "player"
    form_fields = ["yes_no"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
