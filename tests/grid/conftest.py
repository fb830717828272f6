"""The neutral oTree server, and a Selenium Grid, for tests that are asked for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.conftest import neutral_server
from tests.faults.mid_round import told
from tests.grid.selenium_grid import Grid, selenium_grid

__all__ = ["neutral_server", "told"]


@pytest.fixture
def jar() -> Path:
    """Selenium's server."""
    jar = os.environ.get("TEST_GRID_JAR", "")
    if not jar:
        pytest.skip("opt-in: make test-grid")
    if shutil.which("java") is None:
        pytest.skip("needs Java 11 or newer")
    return Path(jar)


@pytest.fixture
def grid(jar: Path, tmp_path: Path) -> Iterator[Grid]:
    """Two nodes, each with room for the browsers of both."""
    with selenium_grid(jar, nodes=2, logs=tmp_path) as grid:
        yield grid


@pytest.fixture
def classic_grid(jar: Path, tmp_path: Path) -> Iterator[Grid]:
    """A node that offers no WebDriver BiDi."""
    with selenium_grid(jar, nodes=1, logs=tmp_path, bidi=False) as grid:
        yield grid


@pytest.fixture
def firefox_grid(jar: Path, tmp_path: Path) -> Iterator[Grid]:
    """A node with Firefox, which a grid drives by geckodriver."""
    if shutil.which("geckodriver") is None:
        pytest.skip("needs geckodriver and Firefox")
    with selenium_grid(jar, nodes=1, logs=tmp_path, browser="firefox") as grid:
        yield grid
