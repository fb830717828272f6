"""Starts the local model where a run needs it and the user serves none."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bots.adapters.models.catalogue import Catalogue
from bots.adapters.models.local import local_model_python, served
from bots.services.configuration import Settings
from bots.services.trader_checks import asks_shipped_model
from bots.services.trader_specs import TraderSpec

_MOST_SLOTS = 2  # requests answered at a time; each has a context of its own, some 100 MB


@asynccontextmanager
async def with_local_model(
    specs: Iterable[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str], log: Path
) -> AsyncIterator[Mapping[str, str]]:
    """Yield the settings, with the address of the local model in them where one had to be started.

    Raises:
        UserMustMend: it is needed and not installed.
        SessionLost: it did not start.
    """
    seats = sum(asks_shipped_model(spec, catalogue, environment) for spec in specs)
    if not seats:
        yield environment
        return
    slots, threads = min(seats, _MOST_SLOTS), max(1, (os.cpu_count() or 2) // 2)
    async with served(local_model_python(environment), slots=slots, threads=threads, log=log) as url:
        settings = {
            provider.base_url_env: url
            for provider in catalogue.providers.values()
            if provider.kind == "local" and provider.base_url_env
        }
        yield Settings({**environment, **settings})
