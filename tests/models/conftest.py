"""The shipped models, and a local server that speaks the protocols of their providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bots.adapters.models.catalogue import Catalogue, load_catalogue
from tests.standins.model_server import ModelServer


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(Path("bots/config/models.toml"))


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server
