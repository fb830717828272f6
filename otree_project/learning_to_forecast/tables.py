"""The rows: a `Player` is a forecaster in one round, a `Group` a market in one round. Amounts are text."""

from otree.api import BaseGroup, BasePlayer, BaseSubsession, models


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    cleared = models.BooleanField(initial=False)
    price = models.LongStringField(blank=True, doc="Cash; made by the forecasts of this round")
    volume = models.IntegerField(initial=0, doc="0: nobody trades")
    dividend = models.LongStringField(blank=True, doc="Empty: nobody holds anything")


class Player(BasePlayer):
    consent = models.BooleanField(blank=True, doc="Asked in the first round")
    f0 = models.StringField(blank=True, doc="Forecast given in this round; empty: none")
    reward = models.LongStringField(
        blank=True, doc="For the forecast of this round's price; empty: there was none"
    )
    forecast_timed_out = models.BooleanField(initial=False, doc="The forecast page was left by its timer")
