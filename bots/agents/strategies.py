"""Traders of the literature: pure strategies, each deterministic given its seed and what it sees.

    zero-intelligence                 random, within a private value and its budget     Gode, Sunder 1993
    zero-intelligence-unconstrained   random, within what the server allows             Gode, Sunder 1993
    fundamentalist                    trades on the value the rules imply               Haruvy, Noussair 2006
    momentum                          extrapolates the last change of price             De Long et al. 1990
    speculator                        trades on the next price it expects               Haruvy, Noussair 2006
    market-maker                      quotes both sides, leans against its inventory    Amihud, Mendelson 1980
    hold                              never trades                                      buy and hold

Before it places orders on a page a strategy cancels those it still has open, so its whole account is its
budget. In a double auction it is asked again and again, and leaves its orders as they are where it would
place the same ones (`bots.agents.period_orders`). On forecast pages every strategy answers every input.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import cached_property, lru_cache
from itertools import islice

from bots.agents.period_orders import in_period
from bots.agents.rules import expected_dividend, fundamental_values
from bots.domain.market import (
    Decision,
    Forecast,
    ForecastInput,
    MarketRules,
    MarketView,
    OrderIntent,
    RoundRef,
)
from bots.domain.ports import DecisionMaker, Record, Situation
from markets.orders import Side

_NOTHING = Decision()
_BUDGET_SHARE = Decimal("0.5")  # of cash, or of shares, that one order of a directed strategy commits


@dataclass(slots=True)
class Worth:
    """Fundamental values, worked out anew where a trader is told other rules: to compare rules takes long."""

    rules: MarketRules | None = None
    values: tuple[Decimal, ...] = ()

    def of(self, rules: MarketRules, rounds: int) -> tuple[Decimal, ...]:
        """Return the values of a phase's `rounds`, that of round 1 first."""
        if rules is not self.rules or rounds != len(self.values):
            self.rules, self.values = rules, fundamental_values(rules, rounds)
        return self.values


@dataclass(frozen=True)
class Sight:
    """A trade or forecast page as the strategies read it; prices are cash per share."""

    view: MarketView
    now: RoundRef
    seed: str
    worth: Worth

    @cached_property
    def draw(self) -> random.Random:
        """Random draws of this page; many strategies need none."""
        return random.Random(self.seed)

    @property
    def price(self) -> Decimal:
        """The latest price of the phase, or the initial price."""
        return self.view.last_price

    @property
    def trend(self) -> Decimal | None:
        """The last change of price, P(t-1) - P(t-2); None before two prices are known.

        In a period of a double auction that has traded twice, prices are those of its trades.
        """
        if self.view.period and len(self.view.period.trades) >= 2:
            before, last = self.view.period.trades[-2:]
            return last.price - before.price
        latest = islice((past.price for past in reversed(self.view.history) if past.price is not None), 2)
        price, earlier = next(latest, None), next(latest, None)
        return None if price is None or earlier is None else price - earlier

    @cached_property
    def values(self) -> tuple[Decimal, ...]:
        """Fundamental values of the phase's rounds, that of round 1 first."""
        return self.worth.of(self.view.market, self.now.of)

    def value(self, number: int) -> Decimal:
        """The fundamental value of round `number` of the phase; where units have values, the next one's."""
        if self.view.units_left:
            return self.view.units_left[0]
        return self.values[min(number, self.now.of) - 1]

    def expected_price(self, number: int) -> Decimal:
        """The last price with its last change carried on to round `number`; unchanged without one."""
        return self.price + (self.trend or Decimal(0)) * (number - self.now.number + 1)

    def last_forecast(self, number: int) -> Decimal | None:
        """This trader's own latest forecast of round `number`, from an earlier page."""
        given = (one.value for one in reversed(self.view.forecasts) if one.round == number)
        return next(given, None)


class Strategy(ABC):
    """A decision maker that needs no model. Subclasses say what to trade and what to forecast."""

    name: str

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._worth = Worth()

    async def decide(self, situation: Situation, deadline: float, record: Record) -> Decision:
        """Decide at once; same seed, same sight, same decision."""
        del deadline, record  # nothing here takes time, and no model is asked
        return self.decision(situation.view)

    def decision(self, view: MarketView) -> Decision:
        """Return orders on a trade page, forecasts on a forecast page, nothing elsewhere."""
        if view.round is None:
            return Decision()
        step = f" {view.period.seq}" if view.period else ""
        seed = f"{self._seed} {view.round.overall} {view.page}{step}"
        sight = Sight(view, view.round, seed, self._worth)
        if view.period is not None and view.page == "trade":
            return in_period(view, lambda: self.orders(sight), requotes=self.requotes, bounded=self.bounded)
        if view.page == "trade":
            cancel = tuple(order.order_id for order in view.open_orders) if self.requotes else ()
            return _NOTHING.with_fields(orders=_placeable(view, self.orders(sight)), cancel=cancel)
        return _NOTHING.with_fields(
            forecasts=tuple([_answer(wanted, self, sight) for wanted in view.forecast_inputs])
        )

    requotes = True  # takes its open orders back before it places new ones
    bounded = True  # trades no unit at a loss, where units have values and costs

    @abstractmethod
    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        """Orders in the order of placing, prices already on the tick."""

    @abstractmethod
    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        """The price this trader expects in round `wanted.round`."""


class Hold(Strategy):
    """Chooses not to trade, and repeats its last forecast of a round, or the last price."""

    name = "hold"
    requotes = False

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        return ()

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        given = sight.last_forecast(wanted.round)
        return sight.price if given is None else given


class ZeroIntelligence(Strategy):
    """Random orders that never lose against a private value and never exceed the budget (ZI-C).

    An asset has no induced values, so each round's private value is drawn around the fundamental value.
    Where units have them, one unit is shouted for at a time, within its value or cost.
    """

    name = "zero-intelligence"

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        draw, view = sight.draw, sight.view
        private = sight.value(sight.now.number)
        if view.units:
            return (_unit_order(sight, view.units.side, private),)
        private *= _between(draw, Decimal("0.5"), Decimal("1.5"))
        if draw.random() < 0.5:
            return (_random_buy(sight, private),)
        return (_random_sale(sight, private, min(2 * private, view.market.max_price)),)

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return sight.price * _between(sight.draw, Decimal("0.5"), Decimal("1.5"))


class ZeroIntelligenceUnconstrained(Strategy):
    """Random orders anywhere within what the server accepts (ZI-U)."""

    name = "zero-intelligence-unconstrained"
    bounded = False

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        highest = sight.view.market.max_price
        if sight.view.units:
            side = sight.view.units.side
            return (_unit_order(sight, side, highest if side is Side.BUY else sight.view.market.tick),)
        if sight.draw.random() < 0.5:
            return (_random_buy(sight, highest),)
        return (_random_sale(sight, sight.view.market.tick, highest),)

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return _between(sight.draw, wanted.minimum, wanted.maximum)


class Fundamentalist(Strategy):
    """Bids just under the fundamental value and offers just over it."""

    name = "fundamentalist"

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        value, tick = sight.value(sight.now.number), sight.view.market.tick
        below = _ticks(value, tick) * tick
        bid = below if below < value else below - tick
        return (_buy(sight.view, bid), _sale(sight.view, below + tick))

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return sight.value(wanted.round)


class Momentum(Strategy):
    """Buys what has risen and sells what has fallen, at the price the change leads to."""

    name = "momentum"

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        target = _on_tick(sight.expected_price(sight.now.number), sight.view)
        if not sight.trend:
            return ()
        return (_buy(sight.view, target) if sight.trend > 0 else _sale(sight.view, target),)

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return sight.expected_price(wanted.round)


class Speculator(Strategy):
    """Buys where the next price it expects, with the dividend, is worth more than a share costs now.

    It expects what it has forecast for the next round, else half of the last change carried on, seen through
    an opinion of its own (up to 10 % either way, drawn each round).
    """

    name = "speculator"

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        market = sight.view.market
        number = sight.now.number
        earned = self._expected(sight) + expected_dividend(market, number)
        worth = earned / (1 + market.interest_in(number))
        limit = _on_tick(worth, sight.view)
        return (_buy(sight.view, limit) if worth > sight.price else _sale(sight.view, limit),)

    def _expected(self, sight: Sight) -> Decimal:
        following = sight.now.number + 1
        if following > sight.now.of:
            return sight.view.market.buy_back
        given = sight.last_forecast(following)
        return self._opinion(sight, following) if given is None else given

    def _opinion(self, sight: Sight, number: int) -> Decimal:
        half = (sight.price + sight.expected_price(number)) / 2
        return half * _between(sight.draw, Decimal("0.9"), Decimal("1.1"))

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return self._opinion(sight, wanted.round)


class MarketMaker(Strategy):
    """Quotes 2 % under and over the last price; the more shares it holds, the lower it quotes."""

    name = "market-maker"

    def orders(self, sight: Sight) -> Iterable[OrderIntent | None]:
        view, holdings = sight.view, sight.view.holdings
        usual = max(1, view.market.endowment_shares)
        surplus = Decimal((holdings.shares if holdings else usual) - usual) / usual
        lean = max(Decimal(-1), min(Decimal(1), surplus)) * Decimal("0.02")
        middle = sight.price * (1 - lean)
        bid = _on_tick(middle * Decimal("0.98"), view)
        offer = max(_on_tick(middle * Decimal("1.02"), view), bid + view.market.tick)
        return (_buy(view, bid), _sale(view, offer))

    def forecast(self, sight: Sight, wanted: ForecastInput) -> Decimal:
        return sight.price


@dataclass(frozen=True, slots=True)
class Described:
    """A strategy as users choose it: its name, one line on it, and where it comes from."""

    name: str
    summary: str
    source: str
    make: Callable[[int], DecisionMaker]


STRATEGIES: Mapping[str, Described] = {
    entry.name: entry
    for entry in (
        Described(
            ZeroIntelligence.name,
            "random orders within a private value drawn around the fundamental value, and within its budget",
            "Gode and Sunder (1993), ZI-C; private values take the place of induced ones",
            ZeroIntelligence,
        ),
        Described(
            ZeroIntelligenceUnconstrained.name,
            "random orders anywhere within what the server accepts",
            "Gode and Sunder (1993), ZI-U",
            ZeroIntelligenceUnconstrained,
        ),
        Described(
            Fundamentalist.name,
            "bids just under and offers just over the fundamental value that the rules imply",
            "Haruvy and Noussair (2006), fundamental value traders",
            Fundamentalist,
        ),
        Described(
            Momentum.name,
            "buys after a rise and sells after a fall, extrapolating the last change of price",
            "De Long, Shleifer, Summers and Waldmann (1990), positive feedback; Haruvy and Noussair (2006)",
            Momentum,
        ),
        Described(
            Speculator.name,
            "buys where the next price it expects, with the dividend, is worth more than the present one",
            "Haruvy and Noussair (2006), rational speculators",
            Speculator,
        ),
        Described(
            MarketMaker.name,
            "quotes both sides around the last price and leans against its inventory",
            "Amihud and Mendelson (1980), inventory-dependent quotes",
            MarketMaker,
        ),
        Described(Hold.name, "never trades; repeats its last forecasts", "buy and hold", Hold),
    )
}


def _answer(wanted: ForecastInput, strategy: Strategy, sight: Sight) -> Forecast:
    """A forecast within the input's limits, rounded to the displayed decimals."""
    step = _smallest(sight.view.market.decimals)
    within = max(wanted.minimum, min(wanted.maximum, strategy.forecast(sight, wanted)))
    return Forecast.of_valid({"field": wanted.field, "value": within.quantize(step, ROUND_HALF_EVEN)})


@lru_cache(maxsize=16)
def _smallest(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)


def _placeable(view: MarketView, orders: Iterable[OrderIntent | None]) -> tuple[OrderIntent, ...]:
    return tuple(order for order in orders if order is not None)[: view.market.max_open_orders]


def _between(draw: random.Random, low: Decimal, high: Decimal) -> Decimal:
    """A uniform draw in thousandths of the way from low to high."""
    return low + (high - low) * draw.randint(0, 1000) / 1000


def _ticks(amount: Decimal, tick: Decimal) -> int:
    return int((amount / tick).to_integral_value(ROUND_FLOOR))


def _on_tick(amount: Decimal, view: MarketView) -> Decimal:
    """The nearest legal price at or below `amount`: at least one tick, at most the market's highest."""
    tick = view.market.tick
    return max(1, min(_ticks(amount, tick), _ticks(view.market.max_price, tick))) * tick


def _buy(view: MarketView, limit: Decimal, quantity: int | None = None) -> OrderIntent | None:
    """A bid for half the cash's worth, or for `quantity` shares; None where the cash buys no share."""
    cash = view.holdings.cash if view.holdings else Decimal(0)
    if limit < view.market.tick or limit > cash or limit > view.market.max_price:
        return None
    most = min(int(cash // limit), view.market.max_quantity)
    wanted = int(cash * _BUDGET_SHARE // limit) if quantity is None else quantity
    return OrderIntent(side=Side.BUY, quantity=max(1, min(wanted, most)), limit=limit)


def _sale(view: MarketView, limit: Decimal, quantity: int | None = None) -> OrderIntent | None:
    """An offer of half the shares, rounded up, or of `quantity`; None without a share to sell."""
    shares = view.holdings.shares if view.holdings else 0
    if shares <= 0 or limit < view.market.tick or limit > view.market.max_price:
        return None
    wanted = (shares + 1) // 2 if quantity is None else quantity
    return OrderIntent(
        side=Side.SELL, quantity=max(1, min(wanted, shares, view.market.max_quantity)), limit=limit
    )


def _unit_order(sight: Sight, side: Side, bound: Decimal) -> OrderIntent:
    """A shout for one unit at a random tick: a bid of at most `bound`, an offer of at least that."""
    market = sight.view.market
    highest, middle = _ticks(market.max_price, market.tick), max(1, _ticks(bound, market.tick))
    if middle * market.tick < bound and side is Side.SELL:
        middle += 1
    low, high = (1, min(middle, highest)) if side is Side.BUY else (min(middle, highest), highest)
    return OrderIntent(side=side, quantity=1, limit=sight.draw.randint(low, high) * market.tick)


def _random_buy(sight: Sight, bound: Decimal) -> OrderIntent | None:
    """A bid at a random tick up to `bound` and to the cash, for a random quantity the cash can pay."""
    market, cash = sight.view.market, sight.view.holdings.cash if sight.view.holdings else Decimal(0)
    most = _ticks(min(bound, cash, market.max_price), market.tick)
    if most < 1:
        return None
    limit = sight.draw.randint(1, most) * market.tick
    affordable = max(1, min(int(cash // limit), market.max_quantity))
    return _buy(sight.view, limit, sight.draw.randint(1, affordable))


def _random_sale(sight: Sight, low: Decimal, high: Decimal) -> OrderIntent | None:
    """An offer at a random tick in [low, high], for a random quantity of the shares held."""
    market, shares = sight.view.market, sight.view.holdings.shares if sight.view.holdings else 0
    if shares < 1:
        return None
    lowest, highest = max(1, -_ticks(-low, market.tick)), _ticks(min(high, market.max_price), market.tick)
    limit = sight.draw.randint(min(lowest, highest), highest) * market.tick
    return _sale(sight.view, limit, sight.draw.randint(1, min(shares, market.max_quantity)))
