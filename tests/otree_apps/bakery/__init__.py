"""A page that only its own script can fill, for the recipe of page readers."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "bakery"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    loaves = models.IntegerField(min=0, max=12)


class Oven(Page):
    form_model = "player"
    form_fields = ["loaves"]  # noqa: RUF012 - as oTree wants it


class Closed(Page):
    pass


page_sequence = [Oven, Closed]
