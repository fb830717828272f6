"""How the settings say that a provider is reached: its address, key and proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from bots.adapters.models.catalogue import ProviderEntry
from bots.domain.errors import UserMustMend
from bots.services.configuration import settings_file


@dataclass(frozen=True, slots=True)
class Reach:
    """How a provider is reached from here."""

    base_url: str
    key: SecretStr | None
    proxy: str | None = field(repr=False)  # its address may hold a password


def reach(name: str, provider: ProviderEntry, environment: Mapping[str, str]) -> Reach:
    """Return how the settings say a provider is reached.

    Raises:
        UserMustMend: its address is missing, or is none.
    """
    base_url = base_url_of(name, provider, environment)
    return Reach(base_url, key_of(provider, environment), _proxy(base_url, environment))


def base_url_of(name: str, provider: ProviderEntry, environment: Mapping[str, str]) -> str:
    base_url = environment.get(provider.base_url_env or "", "") or provider.base_url or ""
    setting = provider.base_url_env or "base_url"
    if not base_url:
        raise UserMustMend(
            f"{setting} is not set, and the provider {name!r} is reached by it",
            where=str(settings_file()),
            mend=f"Add the line {setting}=http://127.0.0.1:8080/v1 with your server's address.",
        )
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserMustMend(
            f"the address of the provider {name!r} is no http or https address",
            where=f"{setting} in {settings_file()}",
            mend="Write it with its scheme, such as https://api.example.org/v1.",
        )
    if parts.username is not None or parts.query:
        raise UserMustMend(
            f"the address of the provider {name!r} holds a user name, a password or a query",
            where=f"{setting} in {settings_file()}",
            mend=f"Write the address alone; a key belongs into {provider.api_key_env or 'api_key_env'}.",
        )
    return base_url


def key_of(provider: ProviderEntry, environment: Mapping[str, str]) -> SecretStr | None:
    key = environment.get(provider.api_key_env or "", "").strip()
    return SecretStr(key) if key else None


def _proxy(base_url: str, environment: Mapping[str, str]) -> str | None:
    if urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        return None
    return environment.get("HTTPS_PROXY") or environment.get("https_proxy")
