from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

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
