"""A whole number within limits, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_whole"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    whole = models.IntegerField(label="How many units?", min=3, max=17)


class Ask(Page):
    form_model = "player"
    form_fields = ["whole"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
