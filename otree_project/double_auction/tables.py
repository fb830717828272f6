"""The market's rows. Amounts of cash are exact text (`markets.money.exact_text`), never floats.

A `Player` is one trader in one period, a `Group` is one market in one period, a `Message` is one thing that a
trader sent on a trade page, refused ones too. A period can be played again from its messages alone, and is
whenever the server does not remember it; a `TradeRow` tells what that finds, for those who read rows.
"""

from otree.api import BaseGroup, BasePlayer, BaseSubsession, ExtraModel, models
from sqlalchemy import Column, ForeignKey, Integer


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    opened = models.FloatField(doc="When the period opened, seconds since 1970")
    version = models.IntegerField(initial=0, doc="Messages kept and traders gone: what a replay has to reach")
    cleared = models.BooleanField(initial=False, doc="The period is over and its accounts are settled")
    price = models.LongStringField(blank=True, doc="Mean price of its trades; empty where it has no price")
    volume = models.IntegerField(initial=0, doc="Shares that changed hands")
    dividend = models.LongStringField(blank=True, doc="Cash per share")
    next_order_id = models.IntegerField(initial=1, doc="Of the period's first order; ids rise in a market")


class Player(BasePlayer):
    cash = models.LongStringField(blank=True, doc="Before trading")
    shares = models.IntegerField(doc="Before trading")
    bought = models.IntegerField(initial=0)
    sold = models.IntegerField(initial=0)
    interest = models.LongStringField(blank=True)
    dividends = models.LongStringField(blank=True)
    earnings = models.LongStringField(blank=True, doc="With induced values and costs")
    cash_after = models.LongStringField(blank=True, doc="After trading, interest and dividends")
    shares_after = models.IntegerField()
    left_trading = models.BooleanField(initial=False, doc="The trader has gone on from the trade page")
    trade_timed_out = models.BooleanField(initial=False, doc="The trade page was left by its timer")


class Message(ExtraModel):
    # Plain columns, because oTree's Link has no index.
    player_id = Column(Integer, ForeignKey("double_auction_player.id", ondelete="CASCADE"), index=True)
    group_id = Column(Integer, ForeignKey("double_auction_group.id", ondelete="CASCADE"), index=True)
    trader = models.IntegerField(doc="The sender's id in the market")
    received = models.StringField(doc="UTC")
    second = models.IntegerField(doc="Whole seconds since the period opened")
    ref = models.StringField(doc="The sender's name for the message")
    kind = models.StringField(doc="place, cancel, ready or malformed")
    side = models.StringField()
    quantity = models.StringField(doc="As sent")
    limit_price = models.StringField(doc="As sent, cash per share or unit")
    outcome = models.StringField(doc="placed, cancelled, ready, closed or refused")
    codes = models.StringField(doc="Why it was refused")
    order_id = models.IntegerField(doc="Of the order placed, or to be cancelled")
    sent = models.LongStringField(doc="An accepted message as JSON, to be played again")
    answer = models.LongStringField(doc="The frame that refused a message, as JSON")


class TradeRow(ExtraModel):
    group_id = Column(Integer, ForeignKey("double_auction_group.id", ondelete="CASCADE"), index=True)
    number = models.IntegerField(doc="Within the period, from 1")
    received = models.StringField(doc="UTC; when the order came that made it")
    second = models.IntegerField(doc="Whole seconds since the period opened")
    price = models.LongStringField(doc="Cash per share or unit")
    quantity = models.IntegerField()
    buyer = models.IntegerField(doc="Id in the market")
    seller = models.IntegerField(doc="Id in the market")
    bid_id = models.IntegerField(doc="The buyer's order")
    offer_id = models.IntegerField(doc="The seller's order")
    resting = models.StringField(doc="buy or sell: whose order had been waiting")
