"""How a market trades."""

from __future__ import annotations

from enum import StrEnum


class Institution(StrEnum):
    """Names of a session config's `institution`."""

    CALL_MARKET = "call_market"
    """All orders of a round clear at once, at one price (`markets.call_auction`)."""

    DOUBLE_AUCTION = "double_auction"
    """An order trades at once with the order it meets (`markets.double_auction`); a round is a period."""
