"""What models are told. The texts are files beside this one and are read once.

A changed text is a changed treatment: `texts_hash` goes into a run's manifest. No rule of a market stands in
a text: every number comes from the page's `MarketView`.
"""

from bots.agents.prompts.render import (
    NumberForm,
    again,
    page_prompt,
    reflection_prompt,
    system_prompt,
    texts_hash,
)
from bots.agents.prompts.texts import STANDARD, Wording, variants

__all__ = [
    "STANDARD",
    "NumberForm",
    "Wording",
    "again",
    "page_prompt",
    "reflection_prompt",
    "system_prompt",
    "texts_hash",
    "variants",
]
