from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from bots.analysis.behaviour import Behaviour, behaviour
from bots.analysis.codebook import TABLES
from bots.analysis.disposition import disposition
from bots.analysis.inference import paired_permutation_test, permutation_test
from bots.analysis.kinds import compared_over_markets, compared_within


def rounds(*rows: tuple[float | None, int, int, int]) -> pl.DataFrame:
    """Rows of a trader: price, bought, sold, shares after."""
    columns = ("price", "bought", "sold", "shares")
    return pl.DataFrame(
        [
            {"phase": "paid", "round": number, **dict(zip(columns, row, strict=True))}
            for number, row in enumerate(rows, start=1)
        ]
    )


def test_disposition_is_derived_by_hand() -> None:
    # 4 shares at 14. Price 16: gain, 1 of 4 sold. Then 3 at 14. Price 10: loss, none of 3 sold; 3 bought at
    # 10, so 6 at 12. Price 13: gain, 3 of 6 sold. Price 11: loss, 3 of 3 sold.
    told = disposition(rounds((16, 0, 1, 3), (10, 3, 0, 6), (13, 0, 3, 3), (11, 0, 3, 0)), 4, 14)
    assert told.gains_realised.value == pytest.approx((1 + 3) / (4 + 6))
    assert told.losses_realised.value == pytest.approx(3 / (3 + 3))
    assert told.effect.value == pytest.approx(0.4 - 0.5)


def test_disposition_without_gain_or_loss_or_price_has_no_number_but_a_reason() -> None:
    told = disposition(rounds((16, 0, 1, 3), (None, 0, 0, 3)), 4, 14)
    assert told.gains_realised.value == 0.25
    assert told.effect.reason == "never held a share at a loss"
    assert np.isnan(told.effect.value)
    assert disposition(rounds((14, 0, 4, 0)), 4, 14).effect.reason
    assert disposition(rounds((16, 0, 0, 4)), None, 14).effect.reason


def test_disposition_begins_with_the_endowment_in_each_market_of_a_row() -> None:
    # Twice the same two rounds with 4 shares at 14: 1 of 4 sold at a gain, then 3 of 3 at a loss.
    row = ((16, 0, 1, 3), (12, 0, 3, 0))
    once, twice = disposition(rounds(*row), 4, 14), disposition(rounds(*row, *row), 4, 14, market_rounds=2)
    assert (twice.gains_realised.value, twice.losses_realised.value) == (0.25, 1.0)
    assert twice == once


def acted(*rows: tuple[float, int, int], market_rounds: int | None = None) -> Behaviour:
    """A trader that neither ordered nor forecast on record: price, bought, sold; the value is 14."""
    own = pl.DataFrame(
        [
            {"phase": "paid", "round": number, "price": price, "bought": bought, "sold": sold}
            for number, (price, bought, sold) in enumerate(rows, start=1)
        ]
    )
    prices = own.select("phase", "round", "price", fundamental=pl.lit(14.0))
    none = {name: pl.DataFrame(schema=TABLES[name].schema) for name in ("orders", "forecasts")}
    return behaviour(own, none["orders"], none["forecasts"], prices, market_rounds=market_rounds)


def test_the_type_of_a_trader_is_derived_by_hand() -> None:
    # Below 14 it buys, above it sells, in 3 of 4 trades; the last change foretells 1 of 2.
    told = acted((12, 1, 0), (13, 1, 0), (15, 1, 0), (16, 0, 2), (14, 0, 0))
    assert told.matches["fundamental"].value == pytest.approx(3 / 4)
    assert told.matches["momentum"].value == pytest.approx(1 / 2)
    assert told.matches["speculator"].reason == "no trade the type foretells"
    assert (told.type, told.bought, told.sold) == ("fundamental", 3, 2)


def test_momentum_does_not_reach_from_one_market_of_a_row_into_the_next() -> None:
    # Up and bought; then, in another market, sold three times, before which its price fell once.
    rows = ((12, 0, 0), (13, 0, 0), (14, 1, 0), (15, 0, 1), (14, 0, 1), (14, 0, 1))
    assert acted(*rows, market_rounds=3).matches["momentum"].value == 1
    assert acted(*rows).matches["momentum"].value == pytest.approx(2 / 4)


def test_paired_test_is_derived_by_hand() -> None:
    # Of the 8 assignments of signs to 1, 2, 3 only +++ and --- are as far from 0 as the one observed.
    told = paired_permutation_test(np.array([1.0, 2.0, 3.0]))
    assert (told.difference, told.exact, told.splits) == (2.0, True, 8)
    assert told.p == pytest.approx(2 / 8)
    assert paired_permutation_test(np.array([1.0, np.nan])).reason == "too few markets"
    assert not paired_permutation_test(np.arange(1.0, 31.0)).exact


def outcomes(*rows: tuple[str, str, str, Sequence[float]]) -> pl.DataFrame:
    """One row a trader: run, trader, kind, gains."""
    return pl.DataFrame(
        [
            {
                "run_id": run,
                "market": 1,
                "participant": f"{run}{trader}{number}",
                "trader": trader,
                "trader_kind": kind,
                "gain": gain,
                "traded": 1.0,
                "error": None,
                "earned": None,
            }
            for run, trader, kind, gains in rows
            for number, gain in enumerate(gains)
        ],
        schema_overrides={"error": pl.Float64, "earned": pl.Float64},
    )


def test_kinds_of_one_market_are_compared_over_its_traders() -> None:
    told = compared_within(outcomes(("a", "m:x", "model", [5, 6]), ("a", "hold", "strategy", [1, 2, 3])))
    (gain,) = [one for one in told if one.outcome == "Final wealth − expected"]
    assert (gain.first, gain.second, gain.counts) == ("hold", "m:x", (3, 2))
    # 10 splits; only the one observed has the two largest together: two-sided 2/10.
    assert gain.difference.difference == pytest.approx(-3.5)
    assert gain.difference.p == pytest.approx(0.2)


def test_one_trader_against_many_is_compared_exactly() -> None:
    for first, second in (([9.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [9.0])):
        told = permutation_test(np.array(first), np.array(second))
        assert (told.exact, told.splits) == (True, 4)
        assert told.p == pytest.approx(2 * 1 / 4)  # one of four is as far out, on one side


def test_people_and_bots_are_compared_where_there_are_several_of_a_kind() -> None:
    told = compared_within(
        outcomes(
            ("a", "m:x", "model", [5, 6]), ("a", "m:y", "model", [7, 8]), ("a", "person", "person", [1, 2])
        )
    )
    pairs = {(one.first, one.second) for one in told}
    assert pairs == {("model", "person"), ("m:x", "m:y"), ("m:x", "person"), ("m:y", "person")}


def test_over_markets_only_those_count_in_which_both_kinds_trade() -> None:
    rows = [(run, "m:x", "model", [gain, gain + 2]) for run, gain in (("a", 4.0), ("b", 6.0), ("c", 9.0))]
    rows += [(run, "hold", "strategy", [1.0]) for run in ("a", "b")]
    told = compared_over_markets(outcomes(*rows))
    (gain,) = [one for one in told if one.outcome == "Final wealth − expected"]
    assert gain.counts == (2, 2)
    assert gain.difference.difference == pytest.approx(((1 - 5) + (1 - 7)) / 2)
    assert gain.difference.p == pytest.approx(2 / 4)
