"""A checkbox, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets


class C(BaseConstants):
    NAME_IN_URL = "one_tick"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    tick = models.BooleanField(label="I have read this.", widget=widgets.CheckboxInput, blank=True)


class Ask(Page):
    form_model = "player"
    form_fields = ["tick"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
