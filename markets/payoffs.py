"""What a trader takes home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from markets.accounts import Account
from markets.money import rounded
from markets.rounds import OwnRound, Phase


@dataclass(frozen=True, slots=True)
class Pay:
    """How cash becomes money: `cash_per_currency_unit` 200 and currency "USD" is 200 cash = 1 USD.

    Attributes:
        currency: code of the currency.
        cash_per_currency_unit: cash, > 0.
        participation_fee: in `currency`, >= 0.
    """

    currency: str = "USD"
    cash_per_currency_unit: Fraction = Fraction(200)
    participation_fee: Fraction = Fraction(0)

    def in_currency(self, points: Fraction) -> Fraction:
        """Return the payment for `points` of cash, participation fee included, to the nearest cent."""
        return rounded(points / self.cash_per_currency_unit + self.participation_fee, 2)


@dataclass(frozen=True, slots=True)
class FinalOutcome:
    """The end of a phase for one trader; amounts in cash.

    Attributes:
        earlier: points of the paid markets before this one.
        payoff: in the currency, for all paid markets so far; None in practice.
    """

    phase: Phase
    account: Account
    buy_back_income: Fraction
    final_wealth: Fraction
    forecast_earnings: Fraction
    payoff: Fraction | None = None
    earlier: Fraction = Fraction(0)

    @property
    def points(self) -> Fraction:
        """Final wealth and forecast earnings together, in cash."""
        return self.final_wealth + self.forecast_earnings


def final_outcome(
    phase: Phase,
    account: Account,
    *,
    buy_back: Fraction,
    forecast_earnings: Fraction,
    pay: Pay | None = None,
    earlier: Fraction = Fraction(0),
) -> FinalOutcome:
    """Return the end of a phase: every share is bought back, and the cash counts.

    Args:
        phase: only the paid one has a payoff.
        account: after the last round's interest and dividends.
        buy_back: cash per share.
        forecast_earnings: cash earned by the phase's forecasts.
        pay: how points become money; None leaves the payoff open.
        earlier: points of the paid markets before this one, which are paid with it.
    """
    income, wealth = account.shares * buy_back, account.worth(buy_back)
    points = earlier + wealth + forecast_earnings
    payoff = pay.in_currency(points) if pay and phase == "paid" else None
    return FinalOutcome(phase, account, income, wealth, forecast_earnings, payoff, earlier)


def induced_outcome(
    phase: Phase, rounds: Sequence[OwnRound], pay: Pay | None = None, earlier: Fraction = Fraction(0)
) -> FinalOutcome:
    """Return the end of a phase in a market of induced values and costs: the earnings of its rounds count.

    What a trader holds at the end was lent for the period and goes back. Losses reach no further than what
    the trader has earned: the wealth is never below 0.

    Args:
        rounds: the trader's own, of the phase; at least one.
        pay: how points become money; None leaves the payoff open.
        earlier: points of the paid markets before this one, which are paid with it.
    """
    earned = max(Fraction(0), sum((own.earnings or Fraction(0) for own in rounds), Fraction(0)))
    payoff = pay.in_currency(earlier + earned) if pay and phase == "paid" else None
    account = Account(rounds[-1].cash, rounds[-1].shares)
    return FinalOutcome(phase, account, Fraction(0), earned, Fraction(0), payoff, earlier)
