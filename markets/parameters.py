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

    The names are those of the session config; `dividends` holds amounts and weights, `k` is the number after
    `k_double:` in `price_selection`.
    """

    institution: Institution
    practice_rounds: int
    paid_rounds: int
    traders_per_market: int  # 0: everybody in the session is one market
    endowment_cash: Fraction
    endowment_shares: int
    dividends: DividendProcess
    interest_rate: Fraction
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

    @property
    def endowment(self) -> Account:
        """What every trader starts a phase with."""
        return Account(self.endowment_cash, self.endowment_shares)

    def accounts_at_start(self, traders: Iterable[int]) -> dict[int, Account]:
        """Return what each trader holds when a phase starts; where there are values and costs, every round.

        There all are lent the endowment's cash, and each seller has as many units as costs.
        """
        if self.schedule is None:
            return dict.fromkeys(traders, self.endowment)
        return {
            trader: Account(self.endowment_cash, len(self.schedule.costs.get(trader, ())))
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
        """Practice and paid rounds together."""
        return self.practice_rounds + self.paid_rounds

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
        return RoundRef("paid", overall - self.practice_rounds, self.paid_rounds, overall)

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

    def fundamental_values(self) -> tuple[Fraction, ...]:
        """Return FV_1 … FV_T of the paid rounds, cash per share."""
        return fundamental.constant_fundamental_values(
            self.dividends.expected, self.interest_rate, self.buy_back, self.paid_rounds
        )
