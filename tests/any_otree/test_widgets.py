"""One app for each widget that a page can ask by, played to the end on a real oTree server."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import pytest

from bots.domain.records import DecisionMade, DecisionNotMade, RunOutcome
from tests.adapters.neutral_server import NeutralServer
from tests.adapters.participants import Transport
from tests.any_otree.players import Lab, model

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]

FIELDS = {
    "text", "long_text", "whole", "decimal", "amount", "radio", "scale", "tick", "yes_no", "menu", "list",
    "slider", "raw", "table_low", "table_high",
}  # fmt: skip


async def test_each_widget_is_answered_and_the_server_stores_what_was_decided(
    transport: Transport, neutral_server: NeutralServer
) -> None:
    code, links = neutral_server.session("widgets")
    played = await Lab(transport).play(links, [model(11)])

    assert played.end.outcome is RunOutcome.FINISHED, played.end.seats
    assert not [event for event in played.events if isinstance(event, DecisionNotMade)]
    [row] = neutral_server.stored(code)
    stored = {
        column.rpartition(".")[2]: value
        for column, value in row.items()
        if column.startswith("one_") and ".player." in column
    }
    accepted = played.accepted(1)
    assert accepted.keys() >= FIELDS
    for name in FIELDS:
        assert as_stored(stored[name]) == as_stored(accepted[name]), name
    pressed = [
        event.content.move.button
        for event in played.events
        if isinstance(event, DecisionMade) and event.content.move is not None
    ]
    assert {"stay": 0, "leave": 1}[stored["choice"]] == pressed[-1]


def as_stored(value: object) -> object:
    """Return a value as oTree's export tells it: numbers as such, truths as 1 or 0, the first of several."""
    first = value[0] if isinstance(value, tuple) else value
    text = {"True": "1", "False": "0", "y": "1"}.get(str(first), str(first))
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
