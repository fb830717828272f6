"""Published schedules of induced values and costs, by name."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType

from markets.induced import InducedSchedule

_QUARTERS = tuple(Fraction(quarters, 4) for quarters in range(3, 14))

SMITH1962 = InducedSchedule(
    values={number: (value,) for number, value in enumerate(reversed(_QUARTERS), start=1)},
    costs={number: (cost,) for number, cost in enumerate(_QUARTERS, start=12)},
)
"""Test 1: eleven buyers (1 to 11) and eleven sellers (12 to 22) of one unit each.

Values and costs both run from 0.75 to 3.25 by 0.25, so six units trade at 2.00 and earn 7.50 together.

Source: Smith, "An Experimental Study of Competitive Market Behavior", Journal of Political Economy 70 (1962).
Uncertain: the values and costs are taken from later descriptions of the test, not from the paper itself.
"""

INDUCED_PRESETS: Mapping[str, InducedSchedule] = MappingProxyType({"smith1962": SMITH1962})
"""All schedules by name."""
