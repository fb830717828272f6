"""An input without a wrapper and without a label, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_raw"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    raw = models.IntegerField(min=1, max=6)


class Ask(Page):
    form_model = "player"
    form_fields = ["raw"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
