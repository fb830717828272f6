"""One period of a double auction as its trade page plays it: live messages in, frames out.

    up    {"type": "place", "side": "buy" | "sell", "quantity": 2, "limit": "14.50", "ref": "…"}
          {"type": "cancel", "order_id": 17, "ref": "…"}
          {"type": "ready", "seq": 41, "ref": "…"}     nothing more to do unless step 42 comes
          {"type": "sync", "ref": "…"}                 tell me everything
    down  "placed", "cancelled", "ready", "refused" or "state", with the ref, to the sender
          "news" to everybody else, "closed" to everybody

An order or a cancel that is accepted is one step, and takes `seq` one further. All who still trade are told
of it with what it changed: `book`, the levels as they are now (quantity 0: none), and `trades`. Those whom it
concerns are told in the same frame what they hold, which orders they have open and what they traded. Whoever
has missed a step sends "sync". A ref that was answered gets its first answer again, as in `markets.live`.

The period closes once everybody has left or is ready; each step makes all unready, for they may want to
answer it. So nobody waits for a timer when all there is to do is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from markets.double_auction import DoubleAuction
from markets.live import OTHER_ROUND, Frame, malformed, missing_from, read_ref, refused_frame
from markets.money import shown
from markets.order_book import Level
from markets.orders import Side
from markets.trade_events import Cancelled, Event, Placed, Refused, Traded
from markets.view import holdings_view, order_view

KINDS: Final = ("place", "cancel", "ready", "sync")


@dataclass(frozen=True, slots=True)
class Trade:
    """The `number`-th trade of a period, `second` whole seconds after its opening; price in ticks."""

    number: int
    event: Traded
    second: int

    def side(self, trader: int) -> Side:
        """Return which way one of the two traded."""
        return Side.BUY if self.event.buyer == trader else Side.SELL


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a message did.

    Attributes:
        answer: for the sender; also among `frames`.
        frames: by trader, for everybody who is to be told.
        events: of the market.
        trades: that the message made.
        keep: whether the message is one to be kept: not one that only asks, nor one answered before.
    """

    answer: Frame
    frames: Mapping[int, Frame]
    events: tuple[Event, ...] = ()
    trades: tuple[Trade, ...] = ()
    keep: bool = True


@dataclass(slots=True)
class _Seat:
    """What the period remembers of one trader."""

    answers: dict[str, Frame] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    ready: bool = False
    left: bool = False


class TradingPeriod:
    """One period. It changes with every call.

    Args:
        market: just opened.
        overall: the session's number of the round; messages for another one are refused.

    Attributes:
        seq: how many steps there have been.
        trades: of the period, earliest first.
        quotes: best bid and best offer when the period closed, in ticks; before that those of now.
    """

    def __init__(self, market: DoubleAuction, overall: int) -> None:
        self.market = market
        self.overall = overall
        self.seq = 0
        self.trades: list[Trade] = []
        self._seats = {trader: _Seat() for trader in market.accounts()}
        self._last_quotes: tuple[int | None, int | None] = (None, None)

    def receive(self, trader: int, message: object, second: int) -> Outcome:
        """Take one live message; never raises, whatever JSON holds.

        Args:
            trader: the sender.
            message: as received.
            second: whole seconds since the period opened.

        Raises:
            KeyError: nobody of this id trades here.
        """
        seat = self._seats[trader]
        ref = read_ref(message)
        if not isinstance(ref, str):
            return self._to_sender(trader, refused_frame("", ref))
        assert isinstance(message, dict)  # or it had no ref
        if ref in seat.answers:
            return self._to_sender(trader, dict(seat.answers[ref]), keep=False)
        if message.get("type") == "sync":
            return self._to_sender(trader, {"type": "state", "ref": ref, **self.state(trader)}, keep=False)
        outcome = self._react(trader, message, ref, second)
        seat.answers[ref] = outcome.answer
        return outcome

    def recall(self, trader: int, frame: Frame) -> None:
        """Remember the answer to a message that changed nothing, for a period that is played again."""
        if frame["ref"]:
            self._seats[trader].answers[frame["ref"]] = frame

    def leave(self, trader: int) -> Mapping[int, Frame]:
        """Let a trader go; its orders stay. Returns what the others are told if that closes the period."""
        self._seats[trader].left = True
        return self._close_if_done()

    def close(self) -> Mapping[int, Frame]:
        """End the period; returns what all who are still there are told, nothing if it is closed."""
        if self.market.closed:
            return {}
        self._last_quotes = self.quotes
        levels = {level for side in Side for level in self.market.depth(side)}
        self.market.close()
        self.seq += 1
        gone = [Level(level.side, level.limit, 0) for level in sorted(levels, key=_place)]
        return {
            trader: {"type": "closed", **self._public(gone, ()), **self._private(trader, ())}
            for trader in self._there()
        }

    @property
    def closed(self) -> bool:
        """Whether the period is over."""
        return self.market.closed

    @property
    def quotes(self) -> tuple[int | None, int | None]:
        """Best bid and best offer, in ticks; those it closed with once the period is over."""
        if self.closed:
            return self._last_quotes
        return self.market.best(Side.BUY), self.market.best(Side.SELL)

    def state(self, trader: int) -> dict[str, Any]:
        """Return all that a trader can know of the period, as the page's data block holds it."""
        return {
            "period": {
                "seq": self.seq,
                "open": not self.closed,
                "bids": [self._level(level) for level in self.market.depth(Side.BUY)],
                "offers": [self._level(level) for level in self.market.depth(Side.SELL)],
                "trades": [self._trade(trade) for trade in self.trades],
                "own_trades": [self._own_trade(trade, trader) for trade in self._seats[trader].trades],
            },
            **self._account(trader),
        }

    def _react(self, trader: int, message: Mapping[str, object], ref: str, second: int) -> Outcome:
        if "round" in message and message["round"] != self.overall:
            return self._to_sender(trader, refused_frame(ref, OTHER_ROUND))
        kind = message.get("type")
        if kind == "ready":
            return self._take_ready(trader, message.get("seq"), ref)
        if kind == "cancel":
            return self._step(trader, self.market.cancel(trader, message.get("order_id"), ref), ref, second)
        if kind != "place":
            told = malformed(f"The type of a message must be one of {', '.join(KINDS)}.")
            return self._to_sender(trader, refused_frame(ref, told))
        if (missing := missing_from(message)) is not None:
            return self._to_sender(trader, refused_frame(ref, missing))
        events = self.market.place(trader, message["side"], message["quantity"], message["limit"], ref)
        return self._step(trader, events, ref, second)

    def _step(self, trader: int, events: tuple[Event, ...], ref: str, second: int) -> Outcome:
        """Tell what the market made of an order or a cancel."""
        first = events[0]
        if isinstance(first, Refused):
            frame = refused_frame(ref, *first.reasons)
            return Outcome(frame, {trader: frame}, events)
        self.seq += 1
        trades = self._remember(events, second)
        for seat in self._seats.values():
            seat.ready = False
        public = self._public(self.market.changed_levels(events), trades)
        concerned = {one for event in events for one in event.traders}
        frames = {
            one: {"type": "news", **public, **(self._private(one, trades) if one in concerned else {})}
            for one in self._there()
        }
        answer = {**_answer(first, ref), **public, **self._private(trader, trades)}
        return Outcome(answer, {**frames, trader: answer}, events, trades)

    def _remember(self, events: Iterable[Event], second: int) -> tuple[Trade, ...]:
        traded = [event for event in events if isinstance(event, Traded)]
        trades = tuple(
            Trade(number, event, second) for number, event in enumerate(traded, len(self.trades) + 1)
        )
        self.trades += trades
        for trade in trades:
            self._seats[trade.event.buyer].trades.append(trade)
            self._seats[trade.event.seller].trades.append(trade)
        return trades

    def _take_ready(self, trader: int, seq: object, ref: str) -> Outcome:
        """Note that a trader has nothing more to do, if it has seen the last step."""
        if isinstance(seq, bool) or not isinstance(seq, int):
            told = malformed("To be ready, send the seq of the last step you have seen, a whole number.")
            return self._to_sender(trader, refused_frame(ref, told))
        seat = self._seats[trader]
        seat.ready = seq == self.seq and not self.closed
        frame = {"type": "ready", "ref": ref, "seq": self.seq, "counts": seat.ready}
        closing = self._close_if_done()
        return self._last(frame, trader, closing) if closing else self._to_sender(trader, frame)

    def _last(self, frame: Frame, trader: int, closing: Mapping[int, Frame]) -> Outcome:
        """The answer to the message that closed the period says so itself: one frame goes to each trader."""
        answer = {**closing[trader], "type": "closed", "ref": frame["ref"], "counts": True}
        return Outcome(answer, {**closing, trader: answer})

    def _close_if_done(self) -> Mapping[int, Frame]:
        done = all(seat.ready or seat.left for seat in self._seats.values())
        return self.close() if done else {}

    def _there(self) -> list[int]:
        return [trader for trader, seat in self._seats.items() if not seat.left]

    def _to_sender(self, trader: int, frame: Frame, *, keep: bool = True) -> Outcome:
        return Outcome(frame, {trader: frame}, keep=keep)

    # Frames.

    def _public(self, levels: Iterable[Level], trades: Iterable[Trade]) -> Frame:
        book = [{"side": level.side.value, **self._level(level)} for level in levels]
        return {"seq": self.seq, "book": book, "trades": [self._trade(trade) for trade in trades]}

    def _private(self, trader: int, trades: Iterable[Trade]) -> Frame:
        own = [
            self._own_trade(trade, trader)
            for trade in trades
            if trader in (trade.event.buyer, trade.event.seller)
        ]
        return {**self._account(trader), "own_trades": own}

    def _account(self, trader: int) -> Frame:
        rules, own = self.market.rules.orders, self.market.open_orders(trader)
        return {
            "holdings": holdings_view(self.market.account(trader), own, rules),
            "open_orders": [order_view(order, rules) for order in own],
        }

    def _price(self, ticks: int) -> str:
        rules = self.market.rules.orders
        return shown(rules.to_price(ticks), rules.decimals)

    def _level(self, level: Level) -> Frame:
        return {"limit": self._price(level.limit), "quantity": level.quantity}

    def _trade(self, trade: Trade) -> Frame:
        return {
            "number": trade.number,
            "price": self._price(trade.event.price),
            "quantity": trade.event.quantity,
            "second": trade.second,
        }

    def _own_trade(self, trade: Trade, trader: int) -> Frame:
        return {**self._trade(trade), "side": trade.side(trader).value}


def _answer(first: Event, ref: str) -> Frame:
    if isinstance(first, Placed):
        return {"type": "placed", "ref": ref, "order_id": first.order.order_id}
    assert isinstance(first, Cancelled)
    return {"type": "cancelled", "ref": ref, "order_id": first.order_id}


def _place(level: Level) -> tuple[str, int]:
    return level.side.value, level.limit
