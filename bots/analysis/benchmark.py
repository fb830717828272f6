"""The published human benchmark of the reference design: mean price of 19 human markets over 30 rounds.

Source: the replication material of Henning, Ojha, Spoon, Han, Camerer, "LLM Agents Do Not Replicate Human
Market Traders: Evidence From Experimental Finance", arXiv:2502.15800 (2025).
"""

from __future__ import annotations

from typing import Final

HUMAN_MARKETS: Final = 19
HUMAN_PRICE_SUMS: Final = (
    *(290, 319, 346, 370, 398, 434, 464, 498, 535, 567),
    *(602, 639, 667, 702, 738, 776, 824, 855, 880, 877),
    *(862, 843, 815, 763, 707, 645, 589, 537, 492, 452),
)
"""Sum of the prices of the 19 markets in paid round 1 … 30, cash per share."""

HUMAN_MEAN_PATH: Final = tuple(total / HUMAN_MARKETS for total in HUMAN_PRICE_SUMS)
"""Mean price of the human markets in paid round 1 … 30, cash per share."""

SOURCE: Final = "Henning, Ojha, Spoon, Han, Camerer (2025), arXiv:2502.15800"
"""Where the path comes from, as reports name it."""
