"""Classic games for two: guess two thirds, public goods, trust, ultimatum, a chat, a live auction."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, WaitPage, models


class C(BaseConstants):
    NAME_IN_URL = "games"
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    sent = models.IntegerField(label="How much do you send?", min=0, max=20)
    sent_back = models.IntegerField(label="How much do you send back?", min=0)
    offer = models.IntegerField(label="Your offer", choices=[0, 2, 4, 6, 8, 10])
    accepted = models.StringField()
    highest = models.IntegerField(initial=0)
    leader = models.IntegerField(initial=0)
    finished = models.BooleanField(initial=False)


class Player(BasePlayer):
    guess = models.FloatField(label="Your guess", min=0, max=100)
    contribution = models.IntegerField(label="Your contribution", min=0, max=20)
    average = models.FloatField()
    passed = models.BooleanField(initial=False)


def sent_back_max(group):
    return group.sent * 3


class Guess(Page):
    form_model = "player"
    form_fields = ["guess"]  # noqa: RUF012 - as oTree wants it


class Contribute(Page):
    form_model = "player"
    form_fields = ["contribution"]  # noqa: RUF012 - as oTree wants it


class Contributed(WaitPage):
    @staticmethod
    def after_all_players_arrive(group):
        total = sum(one.contribution for one in group.get_players())
        for one in group.get_players():
            one.average = total / 2


class Send(Page):
    form_model = "group"
    form_fields = ["sent"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 1


class Sent(WaitPage):
    pass


class SendBack(Page):
    form_model = "group"
    form_fields = ["sent_back"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 2


class Offer(Page):
    form_model = "group"
    form_fields = ["offer"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 1


class Offered(WaitPage):
    pass


class Respond(Page):
    form_model = "group"
    form_fields = ["accepted"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def is_displayed(player):
        return player.id_in_group == 2


class Answered(WaitPage):
    pass


class Talk(Page):
    @staticmethod
    def is_displayed(player):
        return player.session.config["talk"]


class Auction(Page):
    @staticmethod
    def get_timeout_seconds(player):
        return player.session.config["timer"]

    @staticmethod
    def live_method(player, data):
        group = player.group
        if data["type"] == "bid" and not group.finished and data["amount"] > group.highest:
            group.highest, group.leader = data["amount"], player.id_in_group
        if data["type"] == "pass":
            player.passed = True
            group.finished = any(one.passed for one in group.get_players())
        state = {"highest": group.highest, "leader": group.leader, "finished": group.finished}
        return {0: state}


class Results(Page):
    pass


page_sequence = [
    Guess, Contribute, Contributed, Send, Sent, SendBack, Offer, Offered, Respond, Answered, Talk, Auction,
    Results,
]  # fmt: skip
