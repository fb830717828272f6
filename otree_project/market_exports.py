"""What the two institutions' exports have in common: tidy tables for oTree's Data page and its REST export.

Amounts are exact text. Participants stand in the tables by their code, never by their label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from session_market import market_of, ref_of

from markets.money import exact_text, parse_money
from markets.rounds import RoundRef

Row = list[Any]
Player = Any  # of either institution

Entry = tuple[Player, RoundRef, Row]
"""A trader in a round, and the columns that its rows begin with."""

ROUND_COLUMNS = ["session", "market", "phase", "in_a_row", "round", "overall"]
"""`in_a_row` counts the paid markets of a session that has several in a row; in practice it is 1."""


def played(players: Sequence[Player]) -> Iterator[Entry]:
    """Yield the rows of rounds that have begun, with the columns that every table begins with.

    A row gets its cash when its round can begin; rows of unused rounds and of refused sessions never do.
    """
    for player in players:
        if player.field_maybe_none("cash") is not None:
            ref, code = ref_of(player), player.participant._session_code
            market = player.group.id_in_subsession
            yield player, ref, [code, market, ref.phase, ref.market, ref.number, ref.overall]


def total(amounts: Iterable[str]) -> str:
    """Return the sum of amounts that are exact text, as exact text."""
    return exact_text(sum((parse_money(amount) for amount in amounts), Fraction(0)))


def fundamental_text(player: Player, ref: RoundRef) -> str:
    """Return the fundamental value of a paid round.

    Empty in practice, which has no horizon of its own to value, and where units have values and costs.
    """
    parameters = market_of(player.participant).parameters
    if ref.phase == "practice" or parameters.schedule:
        return ""
    return exact_text(parameters.fundamental_values()[ref.number - 1])
