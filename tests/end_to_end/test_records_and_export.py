from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from bots.adapters.otree_server import OTreeServer
from bots.domain.records import ActAnswered, ActSent, ModelAsked, ModelReplied, PageSeen
from tests.end_to_end.command import Ended, run
from tests.standins.model_server import ModelServer

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.mark.slow
async def test_every_recorded_order_and_forecast_is_in_otrees_export_and_the_other_way_round(
    market_server: OTreeServer, tmp_path: Path
) -> None:
    config = {"practice_rounds": 1, "paid_rounds": 2, "forecast_horizons": "0, 1"}
    session = await market_server.rest.create_session("demo", 2, modified=config)
    url = f"{market_server.url}/SessionStartLinks/{session['code']}"
    async with ModelServer() as model:
        ended = await run(tmp_path, url, "gpt-4o", environment=model.environment("sk-a-key-nobody-may-see"))

    assert ended.code == 0, ended.output
    participants = {seat.seat: seat.participant for seat in ended.manifest.seats}
    orders = await market_server.rest.export_app_custom(
        "call_market", session["code"], function="custom_export_orders"
    )
    exported = Counter(
        (
            row["participant"],
            row["ref"],
            row["side"],
            int(row["quantity"]),
            Decimal(row["limit"]),
            row["outcome"],
        )
        for row in orders
        if row["kind"] == "place"
    )
    recorded = recorded_orders(ended, participants)
    assert recorded == exported
    assert len(recorded) > 4

    forecasts = await market_server.rest.export_app_custom(
        "call_market", session["code"], function="custom_export_forecasts"
    )
    assert recorded_forecasts(ended, participants) == Counter(
        (row["participant"], int(row["overall"]), int(row["horizon"]), Decimal(row["forecast"]))
        for row in forecasts
    )
    asked = [event for event in ended.events if isinstance(event, ModelAsked)]
    replied = [event for event in ended.events if isinstance(event, ModelReplied)]
    assert len(asked) == len(replied) >= 2 * 3 * 2
    assert not [
        path for path in ended.run.rglob("*") if path.is_file() and b"nobody-may-see" in path.read_bytes()
    ]


def recorded_orders(ended: Ended, participants: dict[int, str]) -> Counter[tuple[object, ...]]:
    accepted = {event.ref: event.accepted for event in ended.events if isinstance(event, ActAnswered)}
    return Counter(
        (
            participants[event.seat],
            event.ref,
            event.content["side"],
            event.content["quantity"],
            Decimal(event.content["limit"]),
            "placed" if accepted[event.ref] else "refused",
        )
        for event in ended.events
        if isinstance(event, ActSent) and event.content.get("type") == "place"
    )


def recorded_forecasts(ended: Ended, participants: dict[int, str]) -> Counter[tuple[object, ...]]:
    """Join each form that was sent with the inputs of the page it was sent from."""
    found: Counter[tuple[object, ...]] = Counter()
    views = {}
    for event in ended.events:
        if isinstance(event, PageSeen) and event.view is not None:
            views[event.seat] = event.view
        if isinstance(event, ActSent) and event.page == "forecast":
            horizons = {one.field: one.horizon for one in views[event.seat].forecast_inputs}
            for field, value in event.content["values"].items():
                found[participants[event.seat], event.round, horizons[field], Decimal(value)] += 1
    return found
