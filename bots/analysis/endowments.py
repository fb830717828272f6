"""What follows from the public parameters of a session: shares, expected dividend, expected wealth."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

import numpy as np

from bots.analysis.benchmark import HUMAN_MEAN_PATH
from bots.analysis.panel import Floats, Gains, Panel, fitted
from bots.analysis.played import PlayedRun
from bots.analysis.run_data import expected_dividends, interest_rates
from bots.analysis.surplus import period_gains
from bots.domain.market import MarketRules
from markets.fundamental import expected_final_wealth

_REFERENCE = tuple(map(Decimal, ("100", "4", "0.4", "1", "1", "1", "0.05", "14")))


def shares_outstanding(run: PlayedRun, market: int) -> float | None:
    """Return the shares in a market; without oTree's tables, people count as the mean of the bots."""
    if run.otree and (told := run.otree.shares_in(market)) is not None:
        return float(told)
    held = [seat.rules.endowment_shares for seat in run.seats_of(market) if seat.rules]
    if not held or run.rules is None:
        return None
    return sum(held) + (run.rules.traders - len(held)) * sum(held) / len(held)


@lru_cache(maxsize=64)
def expected_wealth(rules: MarketRules, cash: Decimal | None = None, shares: int | None = None) -> float:
    """Return the expected final wealth, in cash, of a trader who never trades.

    Args:
        cash, shares: endowment; that of `rules` by default.
    """
    wealth = expected_final_wealth(
        Fraction(rules.endowment_cash if cash is None else cash),
        rules.endowment_shares if shares is None else shares,
        expected_dividends(rules),
        interest_rates(rules),
        Fraction(rules.buy_back),
    )
    return float(wealth)


def is_reference_design(rules: MarketRules) -> bool:
    """Tell whether prices may be compared with the human benchmark: its endowment, dividends and interest."""
    constant = rules.dividends_by_round is None and rules.interest_by_round is None
    return rules.institution == "call_market" and constant and _design(rules) == _REFERENCE


def _design(rules: MarketRules) -> tuple[Decimal, ...]:
    """Return endowment, dividends with odds, interest and buy-back; of schedules, only the first round's."""
    dividends = sorted((one.amount, Decimal(one.weight)) for one in rules.dividends)
    odds = dividends[0][1]
    paid = [number for amount, weight in dividends for number in (amount, weight / odds)]
    endowment = (rules.endowment_cash, Decimal(rules.endowment_shares))
    return (*endowment, *paid, rules.interest_rate, rules.buy_back)


def panel_of(runs: Sequence[PlayedRun]) -> Panel:
    """Return the paid rounds of all markets of `runs` as one panel, run by run.

    Each of several markets in a row is a market of its own.

    The human mean path is the reference where every run has the reference design.
    """
    markets = [
        (run, market, again)
        for run in runs
        for market in run.markets
        for again in range(markets_in_a_row(run))
    ]
    periods = max((run.rules.paid_rounds for run in runs if run.rules), default=1)
    prices, volumes, fundamentals = (np.full((len(markets), periods), np.nan) for _ in range(3))
    for row, (run, market, again) in enumerate(markets):
        before = again * run.rules.paid_rounds if run.rules else 0
        for (phase, number), past in run.history(market).items():
            column = number - before - 1
            if phase == "paid" and 0 <= column < (run.rules.paid_rounds if run.rules else periods):
                prices[row, column] = np.nan if past.price is None else float(past.price)
                volumes[row, column] = past.volume
                value = run.fundamental((phase, number))
                fundamentals[row, column] = np.nan if value is None else float(value)
    return Panel(
        names=tuple(
            f"{run.name} market {market}" + (f", {again + 1} in a row" if markets_in_a_row(run) > 1 else "")
            for run, market, again in markets
        ),
        prices=prices,
        fundamentals=fundamentals,
        volumes=volumes,
        shares=np.array([_or_nan(shares_outstanding(run, market)) for run, market, _ in markets]),
        dividends=np.array([_mean_dividend(run) for run, _, _ in markets]),
        reference=_reference(runs, periods),
        gains=_gains(markets) if any(run.rules and run.rules.induced for run in runs) else None,
    )


def markets_in_a_row(run: PlayedRun) -> int:
    """Return how many paid markets the same traders play one after another."""
    return run.rules.paid_markets if run.rules else 1


def _gains(markets: Sequence[tuple[PlayedRun, int, int]]) -> Gains:
    """Return the gains of each (run, market, paid markets before it in a row), over paid periods."""
    return Gains(
        *(np.array(column, dtype=np.float64) for column in zip(*map(_gains_in, markets), strict=True))
    )


def _gains_in(where: tuple[PlayedRun, int, int]) -> tuple[float, float, float, float]:
    run, market, again = where
    rounds = run.rules.paid_rounds if run.rules else 0
    paid = [
        one
        for one in period_gains(run, market)
        if one.key[0] == "paid" and again * rounds < one.key[1] <= (again + 1) * rounds
    ]
    if not paid:
        return (np.nan,) * 4
    units = sum(one.units for one in paid)
    squares = sum((one.spread * one.units for one in paid if one.spread is not None), Fraction(0))
    realised, possible = sum(one.realised for one in paid), sum(one.possible for one in paid)
    return float(realised), float(possible), float(paid[0].price), float(squares / units) if units else np.nan


def _mean_dividend(run: PlayedRun) -> float:
    """Return E[d], the mean over the rounds where they differ; NaN where it is not known."""
    if run.rules is None:
        return float("nan")
    expected = expected_dividends(run.rules)
    return float(sum(expected) / len(expected))


def _reference(runs: Sequence[PlayedRun], periods: int) -> Floats:
    comparable = runs and all(run.rules is not None and is_reference_design(run.rules) for run in runs)
    return fitted(HUMAN_MEAN_PATH if comparable else np.nan, periods)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value
