"""The rounds of a market with exact amounts, for terminals and figures."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bots.analysis.played import PlayedRun
from markets.rounds import Phase


@dataclass(frozen=True, slots=True)
class MarketRound:
    """One round of a market. `price` is cash per share, None where the round has none."""

    phase: Phase
    round: int
    price: Decimal | None
    volume: int  # shares
    fundamental: Decimal | None  # cash per share; of paid rounds of an asset
    dividend: Decimal  # cash per share


def market_rounds(run: PlayedRun, market: int) -> tuple[MarketRound, ...]:
    """Return the rounds that any bot of a market has seen finished, practice first, in order."""
    return tuple(
        MarketRound(*key, past.price, past.volume, run.fundamental(key), past.dividend)
        for key, past in run.history(market).items()
    )
