"""One page with each widget of oTree and some that it does not know, then a last page without a button."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, models, widgets


class C(BaseConstants):
    NAME_IN_URL = "questions"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    age = models.IntegerField(label="How old are you?", min=18, max=99)
    offer = models.CurrencyField(label="Your offer", min=0, max=10)
    share = models.FloatField(label="Share kept")
    city = models.StringField(label="City", max_length=20)
    reason = models.LongStringField(label="Why?", help_text="One or two sentences.")
    happy = models.IntegerField(
        label="How happy are you?",
        choices=[[1, "Not at all"], [2, "A little"], [3, "Very"]],
        widget=widgets.RadioSelect,
    )
    agree = models.IntegerField(
        label="I agree", choices=[1, 2, 3, 4, 5], widget=widgets.RadioSelectHorizontal
    )
    country = models.StringField(
        label="Country", choices=[["at", "Austria"], ["de", "Germany"], ["fr", "France"]]
    )
    news = models.BooleanField(label="Send me news", blank=True, widget=widgets.CheckboxInput)
    terms = models.BooleanField(label="I accept the terms", widget=widgets.CheckboxInput)
    member = models.BooleanField(label="Are you a member?")
    nick = models.StringField(label="Nickname", blank=True)
    slider = models.IntegerField(min=0, max=100)
    moved = models.StringField(blank=True)
    colours = models.StringField(blank=True)
    choice = models.StringField()


class Start(Page):
    pass


class Form(Page):
    form_model = "player"
    form_fields = [  # noqa: RUF012 - as oTree wants it
        "age", "offer", "share", "city", "reason", "happy", "agree", "country", "news", "terms",
        "member", "nick", "slider", "moved", "colours", "choice",
    ]  # fmt: skip

    @staticmethod
    def error_message(player, values):
        if values["city"] == "Atlantis":
            return "Atlantis has sunk."
        return None

    @staticmethod
    def js_vars(player):
        return {"session": player.session.code}


def age_error_message(player, value):
    return "Nobody here is 42." if value == 42 else None


class End(Page):
    pass


page_sequence = [Start, Form, End]
