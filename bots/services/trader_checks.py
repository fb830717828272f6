"""What has to be there before traders are asked: keys, addresses, prices, parameters that are taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from bots.adapters.clock import SystemClock
from bots.adapters.models.catalogue import Catalogue
from bots.adapters.models.local import LOCAL_MODEL, local_model_python
from bots.domain.errors import UserMustMend
from bots.domain.records import Usage
from bots.services.configuration import settings_file
from bots.services.provider_reach import base_url_of, key_of
from bots.services.trader_specs import TraderSpec


def check_ready(specs: Iterable[TraderSpec], catalogue: Catalogue, environment: Mapping[str, str]) -> None:
    """Check that every model's provider has its key and address.

    Raises:
        UserMustMend: names the setting that is missing and where to put it.
    """
    checked: set[str] = set()
    for spec in specs:
        if asks_shipped_model(spec, catalogue, environment):
            local_model_python(environment)
            continue
        if spec.model is None or spec.model.provider in checked:
            continue
        checked.add(spec.model.provider)
        provider = catalogue.providers[spec.model.provider]
        if provider.kind == "scripted":
            continue
        base_url_of(spec.model.provider, provider, environment)
        if provider.api_key_env and provider.key_required and key_of(provider, environment) is None:
            raise UserMustMend(
                f"{provider.api_key_env} is not set, and {spec.asked} ({spec.name}) needs it",
                where=str(settings_file()),
                mend=f"Add the line {provider.api_key_env}=your key there, or run `bots init` to be asked.",
            )


def asks_shipped_model(spec: TraderSpec, catalogue: Catalogue, environment: Mapping[str, str]) -> bool:
    """Tell whether a seat asks the shipped local model and no server of the user's takes its place."""
    if spec.model is None or spec.model.model != LOCAL_MODEL:
        return False
    provider = catalogue.providers[spec.model.provider]
    return provider.kind == "local" and not environment.get(provider.base_url_env or "")


def check_priced(specs: Iterable[TraderSpec], catalogue: Catalogue, where: str = "--max-cost") -> None:
    """Check that the price of every model is known, without which a limit of money cannot hold.

    Raises:
        UserMustMend: names the model and how to give its price.
    """
    from bots.adapters.models.prices import Price, cost_usd

    used = Usage(input_tokens=1, output_tokens=1)
    for spec in specs:
        if spec.model is None or catalogue.providers[spec.model.provider].kind == "scripted":
            continue
        own = Price(spec.model.price.input, spec.model.price.output) if spec.model.price else None
        provider = catalogue.providers[spec.model.provider].prices
        if cost_usd(used, own=own, provider=provider, model=spec.model.model) is None:
            raise UserMustMend(
                f"no price is known for {spec.name}, so a limit of money cannot hold",
                where=where,
                mend=f'Add price = {{ input = "2.50", output = "10.00" }} to it in {catalogue.where}, '
                "or limit the tokens instead.",
            )


async def check_parameters(
    specs: Iterable[TraderSpec], catalogue: Catalogue, set_in: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check that each model would be sent the parameters it has, and asked in the form its entry names.

    Args:
        set_in: by parameter, where it was set in the place of the entry, such as a plan.

    Raises:
        UserMustMend: names where the parameter was set, and the parameter.
    """
    for spec in set(specs):
        if spec.model is None:
            continue
        provider = catalogue.providers[spec.model.provider]
        if provider.kind != "scripted":
            from bots.adapters.models.parameters import (
                check_parameters as check,  # loads providers' libraries
            )

            await check(spec.asked, spec.model, provider, SystemClock(), catalogue.where, set_in)
