"""Every transport in turn, on one real oTree server."""

from __future__ import annotations

import pytest

from tests.adapters.participants import Transport


@pytest.fixture(scope="session", params=[pytest.param("browser", marks=pytest.mark.browser), "http"])
def transport(request: pytest.FixtureRequest) -> Transport:
    made: Transport = request.getfixturevalue(request.param)
    return made
