"""What a trader sees and does.

`MarketView` is the data block that every page of the shipped market carries (`id="market-view"`): the page's
own script draws from it what people see, so people and bots have the same information. Amounts of money are
decimal strings on the page and exact `Decimal` here, as they are shown to people (cash is rounded down to
the displayed decimals, so what is shown can always be spent). Prices are cash per share.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from markets.orders import Side
from markets.rounds import Phase
from markets.view import PageName

Shares = Annotated[int, Field(ge=0)]

# How a frozen value is made and filled, without the look-up of every `object.__setattr__`.
_new: Final = object.__new__
_SLOTS: Final = BaseModel.__dict__
_set_fields: Final = _SLOTS["__dict__"].__set__
_set_named: Final = _SLOTS["__pydantic_fields_set__"].__set__
_set_extra: Final = _SLOTS["__pydantic_extra__"].__set__
_set_private: Final = _SLOTS["__pydantic_private__"].__set__


class Value(BaseModel):
    """A frozen value that is valid once built; unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    _named: ClassVar[set[str]]  # all fields; one set for all values that have them

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._named = set(cls.model_fields)

    @classmethod
    def of_valid(cls, fields: dict[str, Any]) -> Self:
        """Return the value of fields that are valid already, all of them; nothing is looked at again.

        For what is made thousands of times a second from values that are: `model_construct` is no faster than
        validation. The dictionary is the value's from now on.
        """
        value = _new(cls)
        _set_fields(value, fields)
        _set_named(value, cls._named)
        _set_extra(value, None)
        _set_private(value, None)
        return value

    def with_fields(self, **fields: Any) -> Self:
        """Return the value with some fields changed to ones that are valid already."""
        return self.of_valid({**self.__dict__, **fields})


class DividendOutcome(Value):
    """One possible dividend: `amount` in cash per share, drawn with odds `weight` among all weights."""

    amount: Decimal
    weight: int = Field(gt=0)


class MarketRules(Value):
    """The session's parameters as every participant may know them."""

    institution: Literal["call_market", "double_auction", "learning_to_forecast"]
    stated_by: Literal["market", "readPage"] = "market"  # readPage: states a part of these rules only
    traders: int = Field(gt=0)
    computer_traders: bool  # participants are told that computer traders may take part
    tick: Decimal  # smallest step of a price, in cash
    decimals: int  # of amounts as displayed
    initial_price: Decimal
    endowment_cash: Decimal  # this trader's own
    endowment_shares: Shares
    dividends: tuple[DividendOutcome, ...]  # of the first round, and of all where there is no schedule
    dividends_by_round: tuple[tuple[DividendOutcome, ...], ...] | None = None  # of a phase; None: all alike
    interest_rate: Decimal  # of the first round, on cash held after trading; 0.05 is 5 %
    interest_by_round: tuple[Decimal, ...] | None = None
    buy_back: Decimal  # cash per share after the last paid round
    fundamental_values: tuple[Decimal, ...] | None  # by paid round; None where not disclosed
    practice_rounds: int = Field(ge=0)
    paid_rounds: int = Field(gt=0)  # of each paid market
    paid_markets: int = Field(default=1, gt=0)  # in a row, each from new endowments
    max_price: Decimal
    max_quantity: int = Field(gt=0)  # shares in one order
    max_open_orders: int = Field(gt=0)  # of one trader in one round
    price_selection: str
    rationing: str
    price_without_trade: str
    forecast_horizons: tuple[int, ...]  # rounds ahead; 0 is this round
    forecast_tolerance: Decimal
    forecast_reward: Decimal  # cash for each forecast within the tolerance
    forecast_max: Decimal
    forecast_feedback: Literal["positive", "negative"] | None = None  # where forecasts alone make the price
    must_improve: bool = False  # double auction: a bid must be above the best bid, an offer below the best
    clears_after_trade: bool = False  # double auction: each trade empties the book
    induced: bool = False  # units have a value or a cost to each trader, instead of dividends
    trade_seconds: int | None  # None: no timer
    forecast_seconds: int | None
    results_seconds: int | None
    cash_per_currency_unit: Decimal  # 200 cash = 1 unit of `currency`
    currency: str
    participation_fee: Decimal

    @property
    def forecasts_alone(self) -> bool:
        """Whether forecasts make the price and nothing is held or traded: learning to forecast."""
        return self.forecast_feedback is not None

    def dividends_in(self, number: int) -> tuple[DividendOutcome, ...]:
        """Return the possible dividends of round `number` of a phase."""
        return self.dividends_by_round[number - 1] if self.dividends_by_round else self.dividends

    def interest_in(self, number: int) -> Decimal:
        """Return the interest of round `number` of a phase."""
        return self.interest_by_round[number - 1] if self.interest_by_round else self.interest_rate


class RoundRef(Value):
    """A round: the `number`-th of `of` in its phase, the `overall`-th of the session; all from 1.

    `market` counts the paid markets of a session that has several in a row.
    """

    phase: Phase
    number: int = Field(ge=1)
    of: int = Field(ge=1)
    overall: int = Field(ge=1)
    market: int = Field(default=1, ge=1)


class Holdings(Value):
    """A trader's account; what open orders do not reserve is available."""

    cash: Decimal
    shares: int
    cash_available: Decimal
    shares_available: int


class PastRound(Value):
    """What everybody knows of a finished round. `price` is None where the rule says missing."""

    phase: Phase
    number: int
    price: Decimal | None
    volume: Shares
    dividend: Decimal  # cash per share


class OwnRound(Value):
    """What happened to this trader in a finished round; cash and shares are those after it."""

    phase: Phase
    number: int
    bought: Shares
    sold: Shares
    interest: Decimal
    dividends: Decimal
    cash: Decimal
    shares: int
    earnings: Decimal | None = None  # with induced values and costs


class OpenOrder(Value):
    """An order of this trader that the server holds."""

    order_id: int
    side: Side
    quantity: int  # shares still open
    limit: Decimal  # cash per share
    ref: str | None  # the sender's own name for it; placing it again is the same order


class ForecastInput(Value):
    """One price to be forecast: that of paid or practice round `round` of the present phase."""

    field: str
    horizon: int
    round: int
    minimum: Decimal
    maximum: Decimal
    value: Decimal | None  # forecast already given


class ScoredForecast(Value):
    """A forecast whose round is now known, and the cash it earned."""

    made_in: int
    round: int
    horizon: int
    value: Decimal
    price: Decimal
    reward: Decimal


class RoundResult(Value):
    """A finished round as its results page tells it to one trader."""

    price: Decimal | None
    volume: Shares
    bought: Shares
    sold: Shares
    dividend: Decimal  # cash per share
    dividends: Decimal  # cash received
    interest: Decimal  # cash received
    earnings: Decimal | None = None  # with induced values and costs
    forecasts: tuple[ScoredForecast, ...]


class FinalResult(Value):
    """The end of a phase; the paid one has the payoff in `currency`."""

    phase: Phase
    cash: Decimal
    shares: int
    buy_back_income: Decimal
    final_wealth: Decimal  # cash + buy-back · shares
    forecast_earnings: Decimal | None  # cash; None where it is not told
    earlier_markets: Decimal = Decimal(0)  # cash that the paid markets before this one earned
    payoff: Decimal | None  # in currency, for all markets and with the fee; None in practice


class BookLevel(Value):
    """What waits at one price."""

    limit: Decimal
    quantity: Shares


class PeriodTrade(Value):
    """The `number`-th trade of a period, `second` whole seconds after its opening."""

    number: int = Field(ge=1)
    price: Decimal
    quantity: Shares
    second: int


class OwnTrade(PeriodTrade):
    """One that this trader made."""

    side: Side


class Period(Value):
    """A period of a double auction as far as this trader knows it.

    `seq` is the last step that is in it; `complete` is False where a step between is missing, so that it must
    be asked for anew.
    """

    seq: int = Field(ge=0)
    open: bool
    bids: tuple[BookLevel, ...]  # best first, as the offers
    offers: tuple[BookLevel, ...]
    trades: tuple[PeriodTrade, ...]  # earliest first, as the own ones
    own_trades: tuple[OwnTrade, ...]
    complete: bool = True

    @property
    def best_bid(self) -> Decimal | None:
        return self.bids[0].limit if self.bids else None

    @property
    def best_offer(self) -> Decimal | None:
        return self.offers[0].limit if self.offers else None


class Units(Value):
    """Values (of a buyer) or costs (of a seller) of a trader's units, in the sequence in which they trade."""

    side: Side
    worth: tuple[Decimal, ...]


class MarketView(Value):
    """Everything the present page of the shipped market tells one trader."""

    version: Literal[1]
    page: PageName
    market: MarketRules
    round: RoundRef | None  # None on consent, instructions and payment
    holdings: Holdings | None
    history: tuple[PastRound, ...]  # of the present phase, oldest first
    own: tuple[OwnRound, ...]
    open_orders: tuple[OpenOrder, ...]
    orders_known: bool = True  # False: the server has not told which orders it holds
    forecast_inputs: tuple[ForecastInput, ...]
    forecasts: tuple[ForecastInput, ...]  # given in earlier rounds, whose price is not known yet
    result: RoundResult | None
    final: FinalResult | None
    period: Period | None = None  # of a double auction, on trade and results pages
    units: Units | None = None  # in a market of induced values and costs

    @property
    def units_left(self) -> tuple[Decimal, ...]:
        """Values or costs of the units that have not traded in the present period, the next one first."""
        if self.units is None:
            return ()
        done = sum(trade.quantity for trade in self.period.own_trades) if self.period else 0
        return self.units.worth[done:]

    @property
    def last_price(self) -> Decimal:
        """The latest price of the phase, or the initial price before there is one."""
        if self.period and self.period.trades:
            return self.period.trades[-1].price
        for past in reversed(self.history):
            if past.price is not None:
                return past.price
        return self.market.initial_price


class OrderIntent(Value):
    """An order a trader means to place: `quantity` shares at `limit` cash per share or better."""

    side: Side
    quantity: int = Field(gt=0)
    limit: Decimal = Field(gt=0)


class Forecast(Value):
    """A forecast for the page's input `field`, in cash per share."""

    field: str
    value: Decimal


class PageMove(Value):
    """What a participant does on a page that is no page of a market.

    Attributes:
        do: `submit` the form, `use` a control of the page, `send` a live message, or `wait` for news.
        values: texts by name of field or input; several for fields of several choices.
        button: place among the form's buttons, from 0; None where the page has no more than one.
        control: place among the page's controls, from 0.
        message: what is sent.
        seconds: longest wait for news.
    """

    do: Literal["submit", "use", "send", "wait"] = "submit"
    values: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    button: int | None = None
    control: int | None = None
    message: Any = None
    seconds: float | None = None


class Decision(Value):
    """What a trader does on one page. No orders means: chose not to trade.

    On a page that is no page of a market, `move` is the whole of it and `plan` what to remember.
    """

    orders: tuple[OrderIntent, ...] = ()
    cancel: tuple[int, ...] = ()  # ids of own open orders
    leave: bool = False  # in a double auction: nothing more to do in this period, whatever happens
    forecasts: tuple[Forecast, ...] = ()
    plan: str | None = None  # carried to later rounds
    insight: str | None = None
    reasoning: str | None = None
    move: PageMove | None = None

    @model_validator(mode="after")
    def _each_forecast_once(self) -> Self:
        fields = [forecast.field for forecast in self.forecasts]
        if len(fields) != len(set(fields)):
            raise ValueError("each forecast field may be answered once")
        return self
