"""Two people wait for each other, then stand on a timed page."""

from otree.api import BaseConstants, BaseGroup, BasePlayer, BaseSubsession, Page, WaitPage, models


class C(BaseConstants):
    NAME_IN_URL = "pairs"
    PLAYERS_PER_GROUP = 2
    NUM_ROUNDS = 1


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    note = models.StringField(label="Note", blank=True)
    timed_out = models.BooleanField(initial=False)


class Ready(Page):
    pass


class Meet(WaitPage):
    title_text = "Please wait"
    body_text = "Waiting for the other one."


class Timed(Page):
    form_model = "player"
    form_fields = ["note"]  # noqa: RUF012 - as oTree wants it

    @staticmethod
    def get_timeout_seconds(player):
        return player.session.config["timer"]

    @staticmethod
    def before_next_page(player, timeout_happened):
        player.timed_out = timeout_happened


class Quiet(Page):
    """A timed page without a button."""

    timeout_seconds = 60


class Done(Page):
    pass


page_sequence = [Ready, Meet, Timed, Quiet, Done]
