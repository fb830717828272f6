"""Names of traders, for the shell's completion."""

from __future__ import annotations


def names_beginning(incomplete: str) -> list[str]:
    """Return the models, mixtures and strategies whose names begin so; without models.toml, strategies."""
    from bots.adapters.models.catalogue import load_catalogue
    from bots.agents.strategies import STRATEGIES
    from bots.domain.errors import UserMustMend
    from bots.services.configuration import models_file

    try:
        catalogue = load_catalogue(models_file())
    except UserMustMend:
        return sorted(name for name in STRATEGIES if name.startswith(incomplete))
    names = {*catalogue.models, *catalogue.mixed, *STRATEGIES}
    return sorted(name for name in names if name.startswith(incomplete))
