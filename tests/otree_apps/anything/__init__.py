"""Pages of an app nobody knows: raw inputs, a table of them, two buttons, a server with an opinion."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models


class C(BaseConstants):
    NAME_IN_URL = "anything"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    risky_low = models.IntegerField()
    risky_high = models.IntegerField()
    safe_low = models.IntegerField()
    safe_high = models.IntegerField()
    belief = models.FloatField(min=0, max=1)
    region = models.StringField()
    tools = models.StringField(blank=True)
    born = models.StringField()
    moved = models.StringField(blank=True)
    slider = models.IntegerField(min=0, max=100)
    choice = models.StringField()
    mine = models.IntegerField(label="For you", min=0, max=100)
    theirs = models.IntegerField(label="For the other", min=0, max=100)


class Intro(Page):
    pass


class Raw(Page):
    form_model = "player"

    @staticmethod
    def get_form_fields(player):
        fields = [
            "risky_low", "risky_high", "safe_low", "safe_high", "belief",
            "region", "born", "slider", "choice",
        ]  # fmt: skip
        return [*fields, "moved"] if player.session.config["scripted"] else fields

    @staticmethod
    def vars_for_template(player):
        return {"regions": ["north", "south", "east"]}


class Split(Page):
    form_model = "player"
    form_fields = ["mine", "theirs"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def error_message(player, values):
        if values["mine"] + values["theirs"] != 100:
            return "The two amounts must add up to exactly 100 points."
        return None


class End(Page):
    pass


page_sequence = [Intro, Raw, Split, End]
