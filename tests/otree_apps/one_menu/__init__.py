"""A menu of choices, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "one_menu"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    menu = models.StringField(label="Where do you live?", choices=["north", "south", "east"])


class Ask(Page):
    form_model = "player"
    form_fields = ["menu"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
