"""A line of text, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_text"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    text = models.StringField(label="Your favourite market")


class Ask(Page):
    form_model = "player"
    form_fields = ["text"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
