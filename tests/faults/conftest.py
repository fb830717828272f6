"""`TEST_FAULTS=1` (as `make test-faults` sets it) plays the long versions too."""

from __future__ import annotations

import os

import pytest

from tests.faults.mid_round import told

__all__ = ["told"]

LONG = bool(os.environ.get("TEST_FAULTS"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("long") and not LONG:
            item.add_marker(pytest.mark.skip(reason="make test-faults plays it"))
