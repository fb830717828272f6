"""What must hold after any fault: journal and oTree's export say the same; nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActAnswered, ActSent, ActUnanswered, Event, PageMissed, SeatEnded, SeatOutcome


def on_record(events: Sequence[Event]) -> list[str]:
    """Return the refs of all orders that were sent and answered, each as often as it was recorded as sent."""
    answered = {event.ref for event in events if isinstance(event, ActAnswered)}
    return [ref for ref in _orders(events) if ref in answered]


def _orders(events: Sequence[Event]) -> list[str]:
    return [
        event.ref for event in events if isinstance(event, ActSent) and event.content.get("type") == "place"
    ]


async def on_server(server: OTreeServer, session: str) -> list[str]:
    """Return the refs of all orders, placed or refused, in oTree's export."""
    rows = await server.rest.export_app_custom("call_market", session, function="custom_export_orders")
    return [row["ref"] for row in rows if row["kind"] == "place"]


def check(events: Sequence[Event], served: Sequence[str], *, rounds: int) -> None:
    """Check what must hold once all seats of a session of `rounds` rounds have finished.

    An order whose answer was lost may have reached the server or not; every other one has, once. Each act
    has its answer on record, or that there is none. Each decision page of each round was left by its trader,
    or is marked as missed.
    """
    sent, known = _orders(events), on_record(events)
    assert max(Counter(sent).values(), default=1) == 1
    assert max(Counter(served).values(), default=1) == 1
    assert set(known) <= set(served) <= set(sent)
    told = {event.ref for event in events if isinstance(event, ActAnswered | ActUnanswered)}
    assert {event.ref for event in events if isinstance(event, ActSent)} <= told
    left = {
        (event.seat, event.page, event.round)
        for event in events
        if isinstance(event, ActSent) and event.act == "form"
    }
    missed = [(event.seat, event.page, event.round) for event in events if isinstance(event, PageMissed)]
    ends = {event.seat: event.outcome for event in events if isinstance(event, SeatEnded)}
    assert set(ends.values()) == {SeatOutcome.FINISHED}
    expected = {(seat, "trade", number) for seat in ends for number in range(1, rounds + 1)}
    assert expected <= left | set(missed)
    assert max(Counter(missed).values(), default=1) == 1
