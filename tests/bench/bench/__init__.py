"""In each of ten rounds an information page and a form of three numbers; then the end."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "bench"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 10


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    first = models.IntegerField(label="How many apples?", min=0, max=100)
    second = models.IntegerField(label="How many pears?", min=0, max=100)
    third = models.IntegerField(label="How many plums?", min=0, max=100)


class Info(Page):
    pass


class Ask(Page):
    form_model = "player"
    form_fields = ["first", "second", "third"]  # noqa: RUF012 - as oTree wants it


class End(Page):
    @staticmethod
    def is_displayed(player):
        return player.round_number == C.NUM_ROUNDS


page_sequence = [Info, Ask, End]
