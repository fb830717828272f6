"""Groups are made of those who wait, then everybody waits for everybody."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, WaitPage


class C(BaseConstants):
    NAME_IN_URL = "arrivals"
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    pass


class Gather(WaitPage):
    group_by_arrival_time = True


class Grouped(Page):
    pass


class Everybody(WaitPage):
    wait_for_all_groups = True


class Together(Page):
    pass


page_sequence = [Gather, Grouped, Everybody, Together]
