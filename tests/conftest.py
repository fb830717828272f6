"""Fixtures every area may ask for, and what every test with examples is held to."""

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.fixtures_server", "tests.slow_first"]

# How long an example takes, or its making, says how busy the machine is; pytest ends what hangs.
settings.register_profile(
    "any-speed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
# `make mutation` asks the same few examples of each of thousands of changed rules.
settings.register_profile(
    "mutants", settings.get_profile("any-speed"), max_examples=10, derandomize=True, database=None
)
settings.load_profile("any-speed")

# What reaches every branch of the rules and the domain: their own tests, and those of what is made of them.
_TESTS: Final = Path(__file__).parent
_COVERING: Final = [_TESTS / name for name in ("markets", "domain", "agents", "study/test_plan.py")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure, where coverage is asked for, in those tests alone: measuring doubles their time."""
    if os.environ.get("COVER_ALL"):
        return
    for item in items:
        if not any(item.path.is_relative_to(place) for place in _COVERING):
            item.add_marker("no_cover")
