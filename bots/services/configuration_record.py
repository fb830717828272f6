"""The configuration of a run as it was resolved, for its record; never a key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bots.adapters.models.catalogue import Catalogue
from bots.services.plan import RunPlan
from bots.services.provider_reach import key_of
from bots.services.trader_specs import TraderSpec


def configuration_of(
    plan: RunPlan, specs: Iterable[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the configuration as it was resolved, for the record: options, providers, models; no key.

    Of settings that may be secret only the names of those that are set are told.
    """
    entries = {spec.asked: spec.model for spec in specs if spec.model is not None}
    providers = {}
    for name in sorted({entry.provider for entry in entries.values()}):
        provider = catalogue.providers[name]
        address = environment.get(provider.base_url_env or "") or provider.base_url
        told = provider.model_dump(mode="json", exclude_none=True)
        providers[name] = told | {
            "base_url": without_user(address or ""),
            "key_given": key_of(provider, environment) is not None,
        }
    return {
        "options": {
            name: str(value) if isinstance(value, Path | Decimal) else value
            for name, value in asdict(plan).items()
        },
        "models": {
            asked: entry.model_dump(mode="json", exclude_none=True) for asked, entry in entries.items()
        },
        "providers": providers,
        "proxy": without_user(environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""),
    }


def without_user(address: str) -> str:
    """Return an address without the user and password that may stand in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
