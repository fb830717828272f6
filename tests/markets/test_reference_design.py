"""What is known of the reference design: its fundamental value, its expected wealth, its draws."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.dividends import DividendOutcome, DividendProcess
from markets.fundamental import expected_final_wealth, fundamental_values
from markets.money import rounded
from markets.parameters import MarketParameters
from markets.presets import REFERENCE

PARAMETERS = MarketParameters.from_config(REFERENCE)
FAIR = DividendProcess((DividendOutcome(Fraction("0.40"), 1), DividendOutcome(Fraction(1), 1)))

rates = st.fractions(0, 1, max_denominator=40)
amounts = st.fractions(0, 50, max_denominator=100)


def test_fundamental_value_is_flat_at_14() -> None:
    assert PARAMETERS.fundamental_values() == (Fraction(14),) * 30


@pytest.mark.parametrize(("rounds", "wealth"), [(30, "674.223"), (20, "413.914")])
def test_the_endowment_grows_with_interest_and_dividends_to_the_expected_wealth(
    rounds: int, wealth: str
) -> None:
    exact = expected_final_wealth(
        Fraction(100), 4, [Fraction("0.7")] * rounds, [Fraction("0.05")] * rounds, Fraction(14)
    )
    assert exact == 156 * Fraction("1.05") ** rounds
    assert rounded(exact, 3) == Fraction(wealth)


@given(amounts, rates, amounts, st.integers(1, 30))
def test_fundamental_value_satisfies_its_recursion(
    dividend: Fraction, rate: Fraction, buy_back: Fraction, rounds: int
) -> None:
    values = (*fundamental_values([dividend] * rounds, [rate] * rounds, buy_back), buy_back)
    for now, after in pairwise(values):
        assert now * (1 + rate) == dividend + after


@given(st.lists(st.tuples(amounts, rates), min_size=1, max_size=12), amounts, amounts, st.integers(0, 9))
def test_expected_wealth_grows_from_cash_and_fundamental_value(
    schedule: list[tuple[Fraction, Fraction]], buy_back: Fraction, cash: Fraction, shares: int
) -> None:
    dividends, interest = [one for one, _ in schedule], [rate for _, rate in schedule]
    growth = Fraction(1)
    for rate in interest:
        growth *= 1 + rate
    first = fundamental_values(dividends, interest, buy_back)[0]
    wealth = expected_final_wealth(cash, shares, dividends, interest, buy_back)
    assert wealth == (cash + first * shares) * growth


def test_schedules_of_two_lengths_are_told() -> None:
    with pytest.raises(ValueError, match="zip"):
        fundamental_values([Fraction(1)], [], Fraction(1))


def test_dividend_draws_depend_on_seed_phase_and_round_alone() -> None:
    draws = [FAIR.draw("abc", phase, number) for phase in ("practice", "paid") for number in range(1, 60)]
    assert draws == [
        FAIR.draw("abc", phase, number) for phase in ("practice", "paid") for number in range(1, 60)
    ]
    assert draws[:59] != draws[59:]
    assert {*draws} == {Fraction("0.40"), Fraction(1)}
    assert draws[59:] != [FAIR.draw("abd", "paid", number) for number in range(1, 60)]


def test_dividend_draws_are_the_same_in_a_process_with_another_hash_seed() -> None:
    code = (
        "from markets.parameters import MarketParameters as M; "
        "print([str(M.from_config({}).dividends_in(1).draw('abc', 'paid', n)) for n in range(20)])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{[str(PARAMETERS.dividends_in(1).draw('abc', 'paid', n)) for n in range(20)]}\n"}


@pytest.mark.parametrize(
    ("phase", "market", "drawn"),
    [
        ("practice", 1, [70, 95, 0, 49, 35, 92]),
        ("paid", 1, [45, 61, 47, 36, 2, 32]),
        ("paid", 2, [24, 24, 50, 87, 20, 85]),
    ],
)
def test_a_seed_gives_the_dividends_it_has_always_given(phase: str, market: int, drawn: list[int]) -> None:
    """Other numbers here would mean that a session cannot be drawn again from the seed it was played with."""
    process = DividendProcess(tuple(DividendOutcome(Fraction(amount), 1) for amount in range(100)))
    assert [process.draw("abc", phase, number, market) for number in range(1, 7)] == drawn
    if market == 1:
        assert [process.draw("abc", phase, number) for number in range(1, 7)] == drawn


def test_dividend_odds_follow_the_weights() -> None:
    process = DividendProcess((DividendOutcome(Fraction(0), 3), DividendOutcome(Fraction(8), 1)))
    draws = [process.draw("s", "paid", number) for number in range(2000)]
    assert process.expected == 2
    assert 400 < draws.count(Fraction(8)) < 600


@pytest.mark.parametrize(("amount", "weight"), [(-1, 1), (1, 0)])
def test_impossible_dividends_cannot_be_built(amount: int, weight: int) -> None:
    with pytest.raises(ValueError, match="dividend"):
        DividendOutcome(Fraction(amount), weight)


def test_a_process_without_outcomes_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DividendProcess(())
