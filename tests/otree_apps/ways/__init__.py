"""Pages with ways back and several buttons: oTree's own way back, and buttons of the page's own."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "ways"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    first = models.IntegerField(min=0, max=9)
    second = models.IntegerField(min=5, max=9)
    choice = models.StringField()


class First(Page):
    form_model = "player"
    form_fields = ["first"]  # noqa: RUF012 - as oTree wants it


class Second(Page):
    form_model = "player"
    form_fields = ["second"]  # noqa: RUF012 - as oTree wants it
    allow_back_button = True


class Third(Page):
    form_model = "player"
    form_fields = ["choice"]  # noqa: RUF012 - as oTree wants it


class End(Page):
    pass


page_sequence = [First, Second, Third, End]
