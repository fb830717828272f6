"""A text of several lines, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_long_text"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    long_text = models.LongStringField(label="What did you think of?")


class Ask(Page):
    form_model = "player"
    form_fields = ["long_text"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
