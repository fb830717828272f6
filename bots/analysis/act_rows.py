"""Orders, trades and forecasts of a run as rows: the bots' from the journal, people's from oTree's tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bots.analysis.codebook import TABLES
from bots.analysis.people import Person, people_of
from bots.analysis.played import PlayedRun, PlayedSeat, RoundKey, Sent
from bots.analysis.rows import Row, number, of_person, of_round, of_seat
from bots.domain.market import ForecastInput, MarketRules


def order_rows(run: PlayedRun) -> Iterator[Row]:
    """Yield the orders sent."""
    for seat in run.seats.values():
        cancelled = {
            one.act.content.get("order_id")
            for one in seat.sent
            if one.act.content.get("type") == "cancel" and one.answer and one.answer.accepted
        }
        rows = [
            _order(run, seat, one, cancelled)
            for one in seat.sent
            if one.act.act == "live" and one.act.content.get("type") == "place"
        ]
        _fill(seat, rows)
        yield from rows
    for person in people_of(run):
        yield from _orders_of_person(run, person)


def _orders_of_person(run: PlayedRun, person: Person) -> Iterator[Row]:
    """Yield what a person sent, as the server recorded it."""
    history = run.history(person.market)
    for row in person.orders:
        if row["kind"] == "place":
            key = run.round_of(int(row["overall"]))
            past = history.get(key) if key else None
            cancelled = row["cancelled"] in ("1", "True")
            yield {
                **of_person(run, person),
                **of_round(run, key),
                "ref": row["ref"],
                "order_id": int(row["order_id"]) if row["order_id"] else None,
                "side": row["side"],
                "quantity": int(row["quantity"]) if row["quantity"].isdigit() else None,
                "limit": number(row["limit"]),
                "status": "cancelled" if cancelled else row["outcome"],
                "filled": int(row["filled"] or 0),
                "price": number(past.price) if past else None,
                "words": row["codes"],
                "sent": _utc(row["received"]),
                "seconds": None,
            }


def _utc(text: str) -> datetime:
    """Return when the server received something; its clock is UTC."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _order(run: PlayedRun, seat: PlayedSeat, sent: Sent, cancelled: set[Any]) -> Row:
    act, answer, key = sent.act, sent.answer, run.round_of(sent.act.round)
    order_id = ((answer.content or {}).get("order") or {}).get("order_id") if answer else None
    past = seat.history.get(key) if key else None
    status = status_of(sent)
    return {
        **of_seat(run, seat),
        **of_round(run, key),
        "ref": act.ref,
        "order_id": order_id,
        "side": str(act.content.get("side")),
        "quantity": int(act.content.get("quantity") or 0),
        "limit": number(act.content.get("limit")),
        "status": "cancelled" if status == "placed" and order_id in cancelled else status,
        "filled": None,
        "price": number(past.price) if past else None,
        "words": " ".join(answer.words) if answer else (sent.unanswered.reason if sent.unanswered else ""),
        "sent": act.at,
        "seconds": (answer.at - act.at).total_seconds() if answer else None,
    }


def status_of(sent: Sent) -> str:
    """Return what became of what was sent."""
    if sent.answer is None:
        return "unanswered"
    return "placed" if sent.answer.accepted else "refused"


def _fill(seat: PlayedSeat, rows: list[Row]) -> None:
    """Spread what the trader bought and sold over its orders: better prices first, then earlier ones."""
    for key, own in seat.own.items():
        for side, traded, sign in (("buy", own.bought, -1), ("sell", own.sold, 1)):
            left = traded
            standing = [r for r in rows if (r["phase"], r["round"]) == key and r["side"] == side]
            placed = [r for r in standing if r["status"] in ("placed", "unanswered")]
            for row in sorted(placed, key=lambda r: (sign * (r["limit"] or 0), r["sent"])):
                row["filled"] = min(left, row["quantity"])
                left -= row["filled"]
            for row in standing:
                row["filled"] = row["filled"] or 0


def trade_rows(run: PlayedRun, trader_rounds: Iterable[Row]) -> Iterator[Row]:
    """Yield what `trader_rounds` tell of trades, one row a side."""
    for row in trader_rounds:
        for side, column in (("buy", "bought"), ("sell", "sold")):
            if row[column]:
                kept = {key: value for key, value in row.items() if key in TABLES["trades"].schema}
                fundamental = run.fundamental((row["phase"], row["round"]))
                numbers = {"quantity": row[column], "fundamental": number(fundamental)}
                yield {**kept, "side": side, **numbers}


def forecast_rows(run: PlayedRun) -> Iterator[Row]:
    """Yield the forecasts given."""
    for seat in run.seats.values():
        for sent in seat.sent:
            if sent.act.page != "forecast" or sent.answer is None or not sent.answer.accepted:
                continue
            key = run.round_of(sent.act.round)
            values = sent.act.content.get("values") or {}
            for asked in sent.inputs:
                value = number(values.get(asked.field))
                if key is not None and value is not None and math.isfinite(value):
                    yield {**of_seat(run, seat), **_forecast(run, seat, key, asked, value)}
    for person in people_of(run):
        yield from _forecasts_of_person(run, person)


def _forecasts_of_person(run: PlayedRun, person: Person) -> Iterator[Row]:
    history = run.history(person.market)
    for row in person.forecasts:
        value, key = number(row["forecast"]), run.round_of(int(row["overall"]))
        if value is None or key is None:
            continue
        target: RoundKey = (key[0], key[1] + int(row["horizon"]))
        past = history.get(target)
        scored = _scored(run.rules, value, number(past.price) if past else None)
        told = {"horizon": int(row["horizon"]), "target_round": target[1], "forecast": value, **scored}
        yield {**of_person(run, person), **of_round(run, key), **told}


def _forecast(run: PlayedRun, seat: PlayedSeat, key: RoundKey, asked: ForecastInput, value: float) -> Row:
    target: RoundKey = (key[0], key[1] + asked.horizon)
    past = seat.history.get(target)
    price = number(past.price) if past else None
    told = {"horizon": asked.horizon, "target_round": target[1], "forecast": value}
    return {**of_round(run, key), **told, **_scored(run.rules, value, price)}


def _scored(rules: MarketRules | None, value: float, price: float | None) -> Row:
    if price is None or rules is None:
        return {"price": price, "error": None, "hit": None}
    error = value - price
    return {
        "price": price,
        "error": error,
        "hit": abs(error) <= float(rules.forecast_tolerance) + 1e-9,
    }
