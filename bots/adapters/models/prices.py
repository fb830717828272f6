"""What tokens cost, in USD: by the user's own price, else by the installed price table, else not known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import metadata

from bots.domain.records import Usage


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens."""

    input: Decimal
    output: Decimal


def price_table_version() -> str:
    """Name and version of the price table, for a run's manifest."""
    return f"genai-prices {metadata.version('genai-prices')}"


def cost_usd(usage: Usage, *, own: Price | None, provider: str | None, model: str) -> Decimal | None:
    """Return what an exchange cost; None where its tokens or its price are not known, which is never 0.

    Args:
        own: the user's price for this model, from models.toml.
        provider: as the price table names it; None for servers it does not know.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    if own is not None:
        return (own.input * usage.input_tokens + own.output * usage.output_tokens) / 1_000_000
    if provider is None or not _listed(provider, model):
        return None
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    priced = PricedUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens or 0,
    )
    return calc_price(priced, model, provider_id=provider).total_price


@cache
def _listed(provider: str, model: str) -> bool:
    from genai_prices import Usage as PricedUsage
    from genai_prices import calc_price

    try:
        calc_price(PricedUsage(input_tokens=1, output_tokens=1), model, provider_id=provider)
    except LookupError:
        return False
    return True
