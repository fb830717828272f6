"""Radio buttons in a row, and nothing else."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets


class C(BaseConstants):
    NAME_IN_URL = "one_scale"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    scale = models.IntegerField(
        label="How content are you?", choices=[1, 2, 3, 4, 5], widget=widgets.RadioSelectHorizontal
    )


class Ask(Page):
    form_model = "player"
    form_fields = ["scale"]  # noqa: RUF012 - as oTree wants it


page_sequence = [Ask]
