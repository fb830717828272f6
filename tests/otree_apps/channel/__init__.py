"""A live page that speaks the protocol of the market's trade page, then pages that say no in other ways."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "channel"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    heard = models.LongStringField(initial="")


class Live(Page):
    @staticmethod
    def live_method(player, data):
        if data["type"] == "crash":
            raise RuntimeError("on purpose")
        if data["type"] == "refuse":
            reasons = [{"code": "limit", "message": "The price is not on the tick."}]
            return {player.id_in_group: {"type": "refused", "ref": data["ref"], "reasons": reasons}}
        player.heard += data["text"]
        return {player.id_in_group: {"type": "placed", "ref": data["ref"], "heard": player.heard}}


class Held(Page):
    """The page's own script says no, as many experiments' quizzes do."""

    @staticmethod
    def is_displayed(player):
        return player.session.config["quiz"]


class Failing(Page):
    """Fails on the server when it is left."""

    @staticmethod
    def before_next_page(player, timeout_happened):
        if player.session.config["fail"]:
            raise RuntimeError("on purpose")


class Last(Page):
    pass


page_sequence = [Live, Held, Failing, Last]
