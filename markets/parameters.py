"""Parameters of one market session, read from a session's config with every problem told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from markets import fundamental
from markets.accounts import Account
from markets.call_auction import AuctionRules, PriceSelection, PriceWithoutTrade, Rationing
from markets.config import CONTINUOUS, SURROUNDINGS, read_config
from markets.dividends import DividendProcess
from markets.double_auction import DoubleAuctionRules
from markets.forecasts import ForecastQuestion, questions
from markets.induced import InducedSchedule
from markets.institution import Institution
from markets.orders import OrderRules, Side
from markets.presets import REFERENCE
from markets.rounds import Phase, RoundRef


class ParameterError(ValueError):
    """A session config cannot be used; `problems` holds one sentence for each key that must be mended."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class MarketParameters:
    """What a session is about. Amounts in cash, prices in cash per share, timers in seconds (None: no timer).

    The names are those of the session config; `endowments` holds cash and shares, `dividends` amounts and
    weights, `k` is the number after `k_double:` in `price_selection`. Schedules by round hold for every paid
    market, and their first entries for the practice rounds.
    """

    institution: Institution
    practice_rounds: int
    paid_rounds: int  # of each paid market
    paid_markets: int  # in a row, each from new endowments
    traders_per_market: int  # 0: everybody in the session is one market
    endowments: tuple[Account, ...]  # one for everybody, or one for each type of trader
    dividends: tuple[DividendProcess, ...]  # of every round, or by round of a paid market
    interest_rates: tuple[Fraction, ...]  # of every round, or by round; 0.05 is 5 %
    buy_back: Fraction
    initial_price: Fraction
    tick: Fraction
    max_price: Fraction
    max_quantity: int
    max_open_orders: int
    price_selection: PriceSelection
    k: Fraction
    rationing: Rationing
    price_without_trade: PriceWithoutTrade
    forecast_horizons: tuple[int, ...]
    forecast_tolerance: Fraction
    forecast_reward: Fraction
    forecast_max: Fraction
    trade_seconds: int | None
    forecast_seconds: int | None
    results_seconds: int | None
    phase_start_seconds: int | None
    phase_end_seconds: int | None
    final_seconds: int | None
    computer_traders: bool
    disclose_fundamental: bool
    dividend_seed: str
    must_improve: bool = False  # this and the next two: of a double auction
    clears_after_trade: bool = False
    schedule: InducedSchedule | None = None  # values and costs by trader; None: an asset is traded
    announce_computer_traders: bool = True
    ethics_reference: str = ""  # of the decision that allows not to announce them
    quiz: bool = False
    consent_seconds: int | None = None
    instructions_seconds: int | None = None
    quiz_seconds: int | None = None
    completion_url: str = ""  # where the last page sends participants

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MarketParameters:
        """Read a session config; keys it lacks are those of the reference design, of
        `markets.config.SURROUNDINGS` and of `markets.config.CONTINUOUS`, other keys are left aside.

        Raises:
            ParameterError: with all problems, each a sentence of key, what is wrong and what is allowed.
        """
        known = {**SURROUNDINGS, **CONTINUOUS, **REFERENCE}
        values, problems = read_config({**known, **{key: config[key] for key in known if key in config}})
        if problems:
            raise ParameterError(problems)
        return cls(**values)

    def endowment_of(self, trader: int) -> Account:
        """Return what a trader starts a phase with; types take turns, trader 1 has the first."""
        return self.endowments[(trader - 1) % len(self.endowments)]

    def dividends_in(self, number: int) -> DividendProcess:
        """Return the dividends of round `number` of a phase."""
        return self.dividends[number - 1 if len(self.dividends) > 1 else 0]

    def interest_in(self, number: int) -> Fraction:
        """Return the interest of round `number` of a phase; 0.05 is 5 %."""
        return self.interest_rates[number - 1 if len(self.interest_rates) > 1 else 0]

    def accounts_at_start(self, traders: Iterable[int]) -> dict[int, Account]:
        """Return what each trader holds when a phase starts; where there are values and costs, every round.

        There all are lent the endowment's cash, and each seller has as many units as costs.
        """
        if self.schedule is None:
            return {trader: self.endowment_of(trader) for trader in traders}
        return {
            trader: Account(self.endowment_of(trader).cash, len(self.schedule.costs.get(trader, ())))
            for trader in traders
        }

    @property
    def double_auction_rules(self) -> DoubleAuctionRules:
        """What a double auction accepts."""
        return DoubleAuctionRules(self.order_rules, self.must_improve, self.clears_after_trade)

    def units_of(self, trader: int) -> tuple[Side, tuple[Fraction, ...]] | None:
        """Return which way a trader trades and the values or costs of its units; None without a schedule."""
        if self.schedule is None:
            return None
        return self.schedule.side(trader), self.schedule.units(trader)

    @property
    def order_rules(self) -> OrderRules:
        """What the market accepts as an order."""
        return OrderRules(self.tick, self.max_price, self.max_quantity, self.max_open_orders)

    @property
    def auction_rules(self) -> AuctionRules:
        """How a round clears."""
        return AuctionRules(self.tick, self.price_selection, self.rationing, self.price_without_trade, self.k)

    @property
    def tells_of_computer_traders(self) -> bool:
        """Whether participants are told beforehand that computer traders may take part."""
        return self.computer_traders and self.announce_computer_traders

    @property
    def hides_computer_traders(self) -> bool:
        """Whether they are told only afterwards."""
        return self.computer_traders and not self.announce_computer_traders

    @property
    def decimals(self) -> int:
        """Places of displayed amounts."""
        return self.order_rules.decimals

    @property
    def rounds(self) -> int:
        """Practice rounds and the paid rounds of all markets together."""
        return self.practice_rounds + self.paid_markets * self.paid_rounds

    def rounds_of(self, phase: Phase) -> int:
        """Return how many rounds a phase has."""
        return self.practice_rounds if phase == "practice" else self.paid_rounds

    def round_at(self, overall: int) -> RoundRef:
        """Return the session's `overall`-th round, from 1.

        Raises:
            ValueError: the session has no such round.
        """
        if not 1 <= overall <= self.rounds:
            raise ValueError(f"The session has rounds 1 to {self.rounds}, not {overall}.")
        if overall <= self.practice_rounds:
            return RoundRef("practice", overall, self.practice_rounds, overall)
        market, before = divmod(overall - self.practice_rounds - 1, self.paid_rounds)
        return RoundRef("paid", before + 1, self.paid_rounds, overall, market + 1)

    def questions(self, ref: RoundRef) -> tuple[ForecastQuestion, ...]:
        """Return the forecasts that are asked for in a round."""
        return questions(self.forecast_horizons, ref.number, ref.of)

    def seconds(self, page: str, phase: Phase = "paid") -> int | None:
        """Return the timer of a page, by its name in the market view; None: no timer."""
        timers = {
            "consent": self.consent_seconds,
            "instructions": self.instructions_seconds,
            "quiz": self.quiz_seconds,
            "trade": self.trade_seconds,
            "forecast": self.forecast_seconds,
            "results": self.results_seconds,
            "phase_start": self.phase_start_seconds,
            "final": self.phase_end_seconds if phase == "practice" else self.final_seconds,
        }
        return timers.get(page)

    def fundamental_values(self, phase: Phase = "paid") -> tuple[Fraction, ...]:
        """Return FV_1 … FV_T of a phase's rounds, cash per share; practice has its own last round."""
        numbers = range(1, self.rounds_of(phase) + 1)
        dividends = [self.dividends_in(number).expected for number in numbers]
        rates = [self.interest_in(number) for number in numbers]
        return fundamental.fundamental_values(dividends, rates, self.buy_back)

    @property
    def expected_dividends(self) -> tuple[Fraction, ...]:
        """E[d] by round of a paid market, cash per share."""
        return tuple(self.dividends_in(number).expected for number in range(1, self.paid_rounds + 1))

    @property
    def _rates(self) -> tuple[Fraction, ...]:
        return tuple(self.interest_in(number) for number in range(1, self.paid_rounds + 1))

    def expected_wealth(self, trader: int) -> Fraction:
        """Return the expected cash, after the buy-back, of a trader who never trades in a paid market."""
        endowment = self.endowment_of(trader)
        return fundamental.expected_final_wealth(
            endowment.cash, endowment.shares, self.expected_dividends, self._rates, self.buy_back
        )
