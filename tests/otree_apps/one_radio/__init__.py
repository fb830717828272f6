"""Radio buttons below each other, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets


class C(BaseConstants):
    NAME_IN_URL = "one_radio"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    radio = models.IntegerField(
        label="Which lottery?", choices=[[1, "Safe"], [2, "Risky"]], widget=widgets.RadioSelect
    )


class Ask(Page):
    form_model = "player"
    form_fields = ["radio"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
