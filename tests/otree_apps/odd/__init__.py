"""Pages that ask for odd things: inputs of one name, files, answers that obey a rule of their own."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "odd"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    weight = models.IntegerField(min=0, max=9)
    together = models.StringField(blank=True)
    left = models.IntegerField(min=0, max=20)
    middle = models.IntegerField(min=0, max=20)
    right = models.FloatField(min=0, max=20)


class Weights(Page):
    form_model = "player"

    @staticmethod
    def get_form_fields(player):
        return ["weight", "together"] if player.session.config["scripted"] else ["weight"]


class Upload(Page):
    timeout_seconds = 90

    @staticmethod
    def is_displayed(player):
        return player.session.config["upload"]


class Rule(Page):
    form_model = "player"
    form_fields = ["left", "middle", "right"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def error_message(player, values):
        if player.session.config["rule"] == "never":
            return "No answer is right."
        if sum(values.values()) != 20:
            return "Use all 20 tokens."
        return None


class End(Page):
    pass


page_sequence = [Weights, Upload, Rule, End]
