"""Fundamental value: what a share pays from a round on, discounted at the interest on cash."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def fundamental_values(
    expected_dividends: Sequence[Fraction], interest_rates: Sequence[Fraction], buy_back: Fraction
) -> tuple[Fraction, ...]:
    """Return FV_1 … FV_T, each the value of a share to be traded in that round.

    FV_t = (E[d_t] + FV_{t+1}) / (1 + r_t) and FV_{T+1} is the buy-back: dividend and interest of a round are
    both paid after its trading.

    Args:
        expected_dividends: E[d] by round, cash per share.
        interest_rates: by round, as many; 0.05 is 5 %.
        buy_back: cash per share after the last round.

    Raises:
        ValueError: the two schedules differ in length.
    """
    values = [buy_back]
    for dividend, rate in zip(reversed(expected_dividends), reversed(interest_rates), strict=True):
        values.append((dividend + values[-1]) / (1 + rate))
    return tuple(reversed(values[1:]))


def expected_final_wealth(
    cash: Fraction,
    shares: int,
    expected_dividends: Sequence[Fraction],
    interest_rates: Sequence[Fraction],
    buy_back: Fraction,
) -> Fraction:
    """Return the expected cash of a trader who never trades, after the buy-back.

    It is also the mean over all traders with the same endowment whatever the prices are: trading only moves
    cash and shares between accounts. It equals (cash + FV_1 · shares) · Π(1 + r_t).

    Args:
        cash: endowment.
        shares: endowment.
        expected_dividends, interest_rates, buy_back: as in `fundamental_values`.
    """
    for dividend, rate in zip(expected_dividends, interest_rates, strict=True):
        cash = cash * (1 + rate) + shares * dividend
    return cash + shares * buy_back
