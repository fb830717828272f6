"""Whether a provider answers, takes the key and has a model: its list of models tells, and costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from pydantic import SecretStr

from bots.adapters.models.catalogue import ProviderKind
from bots.adapters.models.transport import open_client

_SECONDS = 15.0
_KEY_PATHS: Mapping[str, str] = {"openrouter": "/key"}  # where the list of models is open to everybody


@dataclass(frozen=True, slots=True)
class Probe:
    """What a provider said.

    Attributes:
        reached: an HTTP answer came.
        key_accepted: None where it cannot be told without spending.
        models: identifiers the provider lists; None where it gives no list.
        words: what went wrong, without the key.
    """

    reached: bool
    key_accepted: bool | None = None
    models: frozenset[str] | None = None
    words: str = ""


async def probe(
    name: str, kind: ProviderKind, base_url: str, key: SecretStr | None, proxy: str | None = None
) -> Probe:
    """Ask a provider for its list of models."""
    async with open_client(1, proxy) as client:
        try:
            async with asyncio.timeout(_SECONDS):
                return await _ask(client, name, kind, base_url.rstrip("/"), key)
        except TimeoutError:
            return Probe(False, words=f"no answer in {_SECONDS:.0f} s")
        except httpx2.HTTPError as error:
            return Probe(False, words=_clean(str(error) or type(error).__name__, key))


async def _ask(
    client: httpx2.AsyncClient, name: str, kind: ProviderKind, base_url: str, key: SecretStr | None
) -> Probe:
    headers = _headers(kind, key)
    if name in _KEY_PATHS and key is not None:
        answer = await client.get(base_url + _KEY_PATHS[name], headers=headers)
        if answer.status_code in (401, 403):
            return Probe(True, False, words=_said(answer, key))
    answer = await client.get(base_url + _list_path(kind), headers=headers)
    if answer.status_code in (401, 403) or _google_refuses(answer):
        return Probe(True, False, words=_said(answer, key))
    if answer.status_code != 200:
        return Probe(True, words=f"{answer.status_code} for its list of models: {_said(answer, key)}")
    return Probe(True, key is not None or None, _listed(answer))


def _headers(kind: ProviderKind, key: SecretStr | None) -> Mapping[str, str]:
    if key is None:
        return {}
    secret = key.get_secret_value()
    if kind == "anthropic":
        return {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    return {"x-goog-api-key": secret} if kind == "google" else {"authorization": f"Bearer {secret}"}


def _list_path(kind: ProviderKind) -> str:
    """The providers' base addresses end where their libraries want them to."""
    paths = {
        "anthropic": "/v1/models?limit=1000",
        "mistral": "/v1/models",
        "google": "/v1beta/models?pageSize=1000",
    }
    return paths.get(kind, "/models")


def _google_refuses(answer: httpx2.Response) -> bool:
    return answer.status_code == 400 and "API_KEY_INVALID" in answer.text


def _listed(answer: httpx2.Response) -> frozenset[str] | None:
    found = _json(answer)
    entries = (found.get("data") or found.get("models")) if isinstance(found, dict) else found
    names: set[str] = set()
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict):
            said = [entry.get("id"), entry.get("name"), *(entry.get("aliases") or [])]
            names.update(name.removeprefix("models/") for name in said if isinstance(name, str))
    return frozenset(names | {name.removesuffix(":latest") for name in names}) or None


def _said(answer: httpx2.Response, key: SecretStr | None) -> str:
    found = _json(answer)
    error = found.get("error", found) if isinstance(found, dict) else None
    words = error.get("message") if isinstance(error, dict) else error
    return _clean(str(words or f"HTTP {answer.status_code}"), key)


def _json(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _clean(text: str, key: SecretStr | None) -> str:
    secret = key.get_secret_value() if key else ""
    cut = text.replace(secret, "[key]") if secret else text
    return " ".join(cut.split())[:300]
