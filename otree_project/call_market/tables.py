"""The market's rows. Amounts of cash are exact text (`markets.money.exact_text`), never floats.

A `Player` is one trader in one round, a `Group` is one market in one round, a `Message` is one thing that a
trader sent on a trade page: refused and cancelled orders are data too.
"""

from otree.api import BaseGroup, BasePlayer, BaseSubsession, ExtraModel, models
from sqlalchemy import Column, ForeignKey, Integer


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    cleared = models.BooleanField(initial=False)
    price = models.LongStringField(blank=True, doc="Cash per share; empty where the round has no price")
    volume = models.IntegerField(initial=0, doc="Shares that changed hands")
    dividend = models.LongStringField(blank=True, doc="Cash per share")
    next_order_id = models.IntegerField(initial=1, doc="Order ids are unique in a market and rise with time")


class Player(BasePlayer):
    cash = models.LongStringField(blank=True, doc="Before trading")
    shares = models.IntegerField(doc="Before trading")
    bought = models.IntegerField(initial=0)
    sold = models.IntegerField(initial=0)
    interest = models.LongStringField(blank=True)
    dividends = models.LongStringField(blank=True)
    cash_after = models.LongStringField(blank=True, doc="After trading, interest and dividends")
    shares_after = models.IntegerField()
    forecast_reward = models.LongStringField(blank=True, doc="Cash for forecasts of this round's price")
    trade_timed_out = models.BooleanField(initial=False, doc="The trade page was left by its timer")
    forecast_timed_out = models.BooleanField(initial=False, doc="The forecast page was left by its timer")
    f0 = models.StringField(blank=True, doc="Forecast for the first horizon of the session's list; so on")
    f1 = models.StringField(blank=True)
    f2 = models.StringField(blank=True)
    f3 = models.StringField(blank=True)
    f4 = models.StringField(blank=True)
    f5 = models.StringField(blank=True)
    f6 = models.StringField(blank=True)
    f7 = models.StringField(blank=True)
    f8 = models.StringField(blank=True)
    f9 = models.StringField(blank=True)
    f10 = models.StringField(blank=True)
    f11 = models.StringField(blank=True)
    f12 = models.StringField(blank=True)
    f13 = models.StringField(blank=True)
    f14 = models.StringField(blank=True)


class Message(ExtraModel):
    # Plain columns, because oTree's Link has no index, and every trade page asks for its own trader's rows.
    player_id = Column(Integer, ForeignKey("call_market_player.id", ondelete="CASCADE"), index=True)
    group_id = Column(Integer, ForeignKey("call_market_group.id", ondelete="CASCADE"), index=True)
    received = models.StringField(doc="UTC")
    ref = models.StringField(doc="The sender's name for the message")
    kind = models.StringField(doc="place, cancel or malformed")
    side = models.StringField()
    quantity = models.StringField(doc="As sent")
    limit_price = models.StringField(doc="As sent, cash per share")
    outcome = models.StringField(doc="placed, cancelled or refused")
    codes = models.StringField(doc="Why it was refused")
    order_id = models.IntegerField(doc="Of the order placed, or to be cancelled")
    ticks = models.IntegerField(doc="Limit of a placed order, in ticks")
    cancelled = models.StringField(doc="UTC; when a placed order was cancelled")
    filled = models.IntegerField(doc="Shares of a placed order that traded, once the market is cleared")
    answer = models.LongStringField(doc="The frame that was sent back, as JSON")
