"""A table of inputs, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_table"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    table_low = models.IntegerField(min=0, max=9)
    table_high = models.IntegerField(min=10, max=19)


class Ask(Page):
    form_model = "player"
    form_fields = ["table_low", "table_high"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
