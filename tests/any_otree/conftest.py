"""Bots on a real oTree server with pages of many kinds, in a browser and without one."""

from __future__ import annotations

import pytest

from tests.adapters.conftest import browser, http, neutral_server
from tests.adapters.participants import Transport

__all__ = ["browser", "http", "neutral_server"]


@pytest.fixture(scope="session", params=[pytest.param("browser", marks=pytest.mark.browser), "http"])
def transport(request: pytest.FixtureRequest) -> Transport:
    made: Transport = request.getfixturevalue(request.param)
    return made
