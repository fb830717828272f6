"""A public good for four."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, WaitPage, models


class C(BaseConstants):
    NAME_IN_URL = "commons"
    PLAYERS_PER_GROUP = 4
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    total = models.IntegerField()


class Player(BasePlayer):
    contribution = models.IntegerField(label="Your contribution", min=0, max=20)


class Contribute(Page):
    form_model = "player"
    form_fields = ["contribution"]  # noqa: RUF012 - as oTree wants it


class Contributed(WaitPage):
    @staticmethod
    def after_all_players_arrive(group):
        group.total = sum(one.contribution for one in group.get_players())


class Result(Page):
    pass


page_sequence = [Contribute, Contributed, Result]
