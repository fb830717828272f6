"""Every measure against numbers derived by hand, the published path, and properties."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.analysis import measures as m
from bots.analysis import undefined
from bots.analysis.benchmark import HUMAN_MEAN_PATH, HUMAN_PRICE_SUMS
from bots.analysis.panel import Gains, Panel

# Four periods, F = 10, prices 12, 9, 15, 10: D = 2, -1, 5, 0. Volumes 1, 3, 0, 4. S = 16, E[d] = 0.5.
HAND = Panel.of(
    [12, 9, 15, 10], 10, volumes=[1, 3, 0, 4], shares=16, dividends=0.5, reference=[11, 11, 13, 13]
)
# Units of induced worth: 45 of 50 were earned; trades were 1, 1 and 2 units at 12, 10, 14 about P* = 10.
HAND = replace(HAND, gains=Gains(*map(np.array, ([45.0], [50.0], [10.0], [(4 + 0 + 2 * 16) / 4]))))
# Σ|D| = 8, ΣD = 6, ΣD² = 4 + 1 + 25 + 0 = 30. By volume: Σ V|D| = 2 + 3 = 5, Σ VD = 2 - 3 = -1, ΣV = 8.
BY_HAND = {
    "rad": 8 / 4 / 10,
    "rd": 6 / 4 / 10,
    "rad_volume_weighted": 5 / 8 / 10,
    "rd_volume_weighted": -1 / 8 / 10,
    # (12/10) · (10/9) · (15/10) · 1 = 2; 1.2 · 0.9 · 1.5 · 1 = 1.62
    "gad": 2 ** (1 / 4) - 1,
    "gd": 1.62 ** (1 / 4) - 1,
    # weights 1, 3, 0, 4 of 8: 1.2 · (10/9)³ and 1.2 · 0.9³
    "gad_volume_weighted": (1.2 * (10 / 9) ** 3) ** (1 / 8) - 1,
    "gd_volume_weighted": (1.2 * 0.9**3) ** (1 / 8) - 1,
    "rdmax": 0.5,
    "amplitude": 0.6,  # peak 0.5 in period 3; lowest before it -0.1
    "crash": 0.5,  # lowest after it 0
    "price_amplitude": 0.6,  # (5 - -1) / 10
    "price_amplitude_dividend": 12.0,  # (5 - -1) / 0.5
    "duration": 1.0,  # falls, rises, falls
    "turnover": 8 / 16,
    "haessel_r2": 1 - 30 / 21,  # mean P = 11.5: 0.25 + 6.25 + 12.25 + 2.25 = 21
    "average_bias": 1.5,
    "average_bias_volume_weighted": -1 / 8,
    "total_dispersion": 8.0,
    "mse_fundamental": 7.5,
    "mse_reference": (1 + 4 + 4 + 9) / 4,
    # dP = 0.5, -2.5, 3.5, -1.5; dR = -1, -1, 1, 1: Σ = 4, scale = sqrt(21 · 4)
    "pearson_reference": 4 / math.sqrt(84),
    "smith_alpha": 100 * math.sqrt(30 / 4) / 10,
    "smith_alpha_trades": 30.0,  # 100 · sqrt(9) / 10
    "efficiency": 0.9,
    "mean_price": 11.5,
    "mean_price_volume_weighted": (12 + 27 + 40) / 8,
    "total_volume": 8.0,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_measure_is_what_is_derived_by_hand(name: str) -> None:
    assert m.MEASURES[name].of(HAND)[0].value == pytest.approx(BY_HAND[name], abs=1e-12)


def test_every_measure_has_a_number_derived_by_hand() -> None:
    assert set(m.MEASURES) == {*BY_HAND, "pearson_fundamental"}


def test_pearson_with_a_moving_fundamental_value_is_derived_by_hand() -> None:
    # P = 1, 2, 4 and F = 3, 2, 1: dP = -4/3, -1/3, 5/3; dF = 1, 0, -1; Σ = -3; ΣdP² = 42/9; ΣdF² = 2
    assert m.pearson_fundamental(Panel.of([1, 2, 4], [3, 2, 1]))[0].value == pytest.approx(
        -3 / math.sqrt(42 / 9 * 2)
    )


def test_the_human_mean_path_gives_the_published_figures() -> None:
    assert (len(HUMAN_PRICE_SUMS), sum(HUMAN_PRICE_SUMS)) == (30, 18486)
    human = Panel.of(HUMAN_MEAN_PATH, 14, reference=HUMAN_MEAN_PATH)
    figures = {"rad": 1.3165, "rd": 1.3165, "rdmax": 2.3083, "gad": 1.2080, "mse_reference": 0.0}
    for name, figure in figures.items():
        assert m.MEASURES[name].of(human)[0].value == pytest.approx(figure, abs=5e-5)
    assert m.pearson_reference(human)[0].value == pytest.approx(1)


def test_duration_counts_the_longest_run_of_rises() -> None:
    # D = 0, 1, 2, 2, 3, 4, 5, 1: rises 2 in a row, stands, rises 3 in a row, falls
    assert m.duration(Panel.of([10, 11, 12, 12, 13, 14, 15, 11], 10))[0].value == 3
    # without the price in between the run ends
    assert m.duration(Panel.of([10, 11, np.nan, 13, 14], 10))[0].value == 1
    # D, and not P, must rise
    assert m.duration(Panel.of([4, 3, 2, 1], [4, 3, 2, 1]))[0].value == 0


def test_a_period_without_a_price_is_left_out_and_not_read_as_zero() -> None:
    gap = Panel.of([12, np.nan, 8], 10)
    assert m.rad(gap)[0].value == pytest.approx(0.2)
    assert m.average_bias(gap)[0].value == pytest.approx(0)


def test_markets_of_one_panel_do_not_touch_each_other() -> None:
    together = Panel.of(np.array([[12, 9, 15, 10], [20, 20, np.nan, np.nan]]), 10)
    assert m.rad(together).values.tolist() == pytest.approx([0.2, 1.0])
    assert m.total_dispersion(together).values.tolist() == pytest.approx([8, 20])


UNDEFINED: dict[str, tuple[Panel, str]] = {
    "haessel_r2": (Panel.of([14, 14, 14], 13), undefined.FLAT_PRICE),
    "pearson_fundamental": (Panel.of([14, 15], 14), undefined.FLAT_FUNDAMENTAL),
    "pearson_reference": (Panel.of([14, 15], 14, reference=[9, 9]), undefined.FLAT_REFERENCE),
    "mse_reference": (Panel.of([14, 15], 14), undefined.NO_REFERENCE),
    "rad": (Panel.of([14, 15]), undefined.NO_FUNDAMENTAL),
    "rd": (Panel.of([np.nan, np.nan], 14), undefined.NO_PRICE),
    "rd_volume_weighted": (Panel.of([14, 15], 14, volumes=0), undefined.NO_TRADE),
    "gad": (Panel.of([0.0, 15.0], 14), undefined.NO_LOGARITHM),
    "gd_volume_weighted": (Panel.of([14, 15], 14), undefined.NO_VOLUME),
    "rdmax": (Panel.of([14, 15], [0, 14]), undefined.NO_RATIO),
    "rad_volume_weighted": (Panel.of([14, 15], [-1, 1], volumes=1), undefined.NO_LEVEL),
    "turnover": (Panel.of([14, 15], 14, volumes=2), undefined.NO_SHARES),
    "total_volume": (Panel.of([14, 15], 14), undefined.NO_VOLUME),
    "price_amplitude_dividend": (Panel.of([14, 15], 14), undefined.NO_DIVIDEND),
    "efficiency": (Panel.of([14, 15], 14), undefined.NO_UNITS),
    "smith_alpha_trades": (Panel.of([14, 15], 14), undefined.NO_UNITS),
    "smith_alpha": (Panel.of([14, 15], [14, 15]), undefined.MOVING_FUNDAMENTAL),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_measure_that_is_not_defined_is_nan_with_its_reason(name: str) -> None:
    panel, reason = UNDEFINED[name]
    one = m.MEASURES[name].of(panel)[0]
    assert (math.isnan(one.value), one.reason, one.defined) == (True, reason, False)


def test_every_docstring_has_formula_and_unit_and_names_its_source() -> None:
    for name, described in m.MEASURES.items():
        told = described.of.__doc__ or ""
        assert ";" in told.splitlines()[0] + told.split("\n\n")[0], name
        if name not in ("total_volume", "mean_price", "mean_price_volume_weighted"):
            assert described.source, name


positive = st.floats(0.5, 500, allow_nan=False)
paths = st.lists(st.one_of(positive, st.just(math.nan)), min_size=2, max_size=12).filter(
    lambda path: not all(map(math.isnan, path))
)
SCALE_FREE = (
    *("rad", "rd", "gad", "gd", "rdmax", "amplitude", "crash", "price_amplitude", "duration", "turnover"),
    *("haessel_r2", "smith_alpha", "pearson_reference", "rad_volume_weighted", "rd_volume_weighted"),
    *("gad_volume_weighted", "gd_volume_weighted"),
)


@given(path=paths, fundamental=positive, scale=st.sampled_from([0.01, 0.25, 3.0, 200.0]))
def test_measures_do_not_depend_on_the_unit_of_money(
    path: list[float], fundamental: float, scale: float
) -> None:
    prices, volumes, reference = np.array(path), np.arange(len(path)) + 1.0, np.arange(len(path)) + 2.0
    plain = Panel.of(prices, fundamental, volumes=volumes, shares=9, reference=reference)
    scaled = Panel.of(
        prices * scale, fundamental * scale, volumes=volumes, shares=9, reference=reference * scale
    )
    for name in SCALE_FREE:
        one, other = m.MEASURES[name].of(plain)[0], m.MEASURES[name].of(scaled)[0]
        assert one.reason == other.reason, name
        assert one.value == pytest.approx(other.value, rel=1e-6, abs=1e-9, nan_ok=True), name


@given(path=st.lists(positive, min_size=2, max_size=12))
def test_prices_at_the_fundamental_value_deviate_by_nothing(path: list[float]) -> None:
    at_value = Panel.of(path, path, volumes=1)
    zero = "rad rd gad gd rdmax amplitude crash price_amplitude duration average_bias total_dispersion"
    for name in (*zero.split(), "mse_fundamental", "rad_volume_weighted", "gd_volume_weighted"):
        assert m.MEASURES[name].of(at_value)[0].value == pytest.approx(0, abs=1e-12), name


@given(path=paths, fundamental=positive)
def test_signed_measures_have_the_sign_of_the_mispricing_and_are_bounded_by_the_absolute_ones(
    path: list[float], fundamental: float
) -> None:
    panel = Panel.of(path, fundamental)
    above = Panel.of(np.abs(np.array(path) - fundamental) + fundamental, fundamental)
    assert m.rd(above)[0].value >= 0
    assert m.gd(above)[0].value >= 0
    assert m.rd(Panel.of(fundamental - 0.1 * fundamental * np.ones(3), fundamental))[0].value < 0
    assert abs(m.rd(panel)[0].value) <= m.rad(panel)[0].value + 1e-12
    assert m.gd(panel)[0].value <= m.gad(panel)[0].value + 1e-12
    for name in ("amplitude", "crash", "duration", "price_amplitude"):
        assert m.MEASURES[name].of(panel)[0].value >= 0


@given(path=paths, fundamental=positive)
def test_rdmax_is_no_less_than_rd_and_total_dispersion_is_rad_unscaled(
    path: list[float], fundamental: float
) -> None:
    panel, periods = Panel.of(path, fundamental), sum(not math.isnan(one) for one in path)
    assert m.rdmax(panel)[0].value >= m.rd(panel)[0].value - 1e-9
    assert m.total_dispersion(panel)[0].value == pytest.approx(
        m.rad(panel)[0].value * periods * fundamental, rel=1e-9, abs=1e-9
    )
