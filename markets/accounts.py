"""What a trader holds, and what a round does to it."""

from __future__ import annotations

from fractions import Fraction

from markets.money import shown
from markets.values import often_made


@often_made(frozen=True, slots=True)
class Account:
    """Cash and shares of one trader; never short, never in debt.

    Attributes:
        cash: exact, >= 0.
        shares: >= 0.
    """

    cash: Fraction
    shares: int

    def __post_init__(self) -> None:
        if self.cash.numerator < 0:
            raise ValueError(f"An account cannot be in debt: cash would be {shown(self.cash)}.")
        if self.shares < 0:
            raise ValueError(f"An account cannot be short: shares would be {self.shares}.")

    def after_trade(self, *, bought: int, sold: int, price: Fraction) -> Account:
        """Return the account once `bought` and `sold` shares have traded at one price, in cash per share.

        Raises:
            ValueError: the trade would leave the account in debt or short.
        """
        net = bought - sold
        if not net:
            return self
        return Account(self.cash - net * price, self.shares + net)

    def interest(self, rate: Fraction) -> Fraction:
        """Return the interest on the cash held; 0.05 is 5 %. It is not rounded."""
        return self.cash * rate

    def dividends(self, per_share: Fraction) -> Fraction:
        """Return the cash paid on the shares held."""
        return self.shares * per_share

    def after_income(self, rate: Fraction, dividends: Fraction) -> Account:
        """Return the account once interest at `rate` and the cash of its dividends are paid in."""
        # Not cash + interest: to add two fractions of many digits takes four times as long as this product.
        return Account(self.cash * (1 + rate) + dividends, self.shares)

    def worth(self, price: Fraction) -> Fraction:
        """Return cash and shares together, each share at `price`; at the buy-back this is final wealth."""
        return self.cash + self.shares * price
