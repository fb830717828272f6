"""Orders, trades and forecasts of a run as rows: the bots' from the journal, people's from oTree's tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bots.analysis.codebook import TABLES
from bots.analysis.otree_tables import OTreeTables
from bots.analysis.people import Person, people_of
from bots.analysis.period_fills import PeriodOrder, own_numbers, period_fills
from bots.analysis.played import PlayedRun, PlayedSeat, RoundKey, Sent
from bots.analysis.rows import Row, number, of_person, of_round, of_seat
from bots.domain.market import ForecastInput, MarketRules, Period
from markets.orders import Side


def order_rows(run: PlayedRun) -> Iterator[Row]:
    """Yield the orders sent."""
    every: list[Row] = []
    for seat in run.seats.values():
        cancelled, placed = _cancelled(seat), _placed(seat)
        about = of_seat(run, seat)
        rows = [{**about, **_order(run, seat, one, cancelled)} for one in placed]
        if is_continuous(run):
            _fill_of_periods(run, seat, rows, placed, cancelled)
        else:
            _fill(seat, rows)
        every += rows
    for person in people_of(run):
        every += _orders_of_person(run, person)
    _let_stand(run, every)
    yield from every


def _let_stand(run: PlayedRun, rows: Sequence[Row]) -> None:
    """Tell the shares of each order that were in the book when it cleared, or when its period closed."""
    emptied = run.rules is not None and run.rules.clears_after_trade
    last: dict[tuple[Any, ...], int] = {}  # market and period → number of the latest order that traded
    for row in rows if emptied else ():
        if row["filled"] and row["order_id"] is not None:
            where = (row["market"], row["overall"])
            last[where] = max(last.get(where, 0), row["order_id"])
    for row in rows:
        if row["status"] != "placed":
            row["standing"] = None if row["status"] == "unanswered" else 0
        elif not is_continuous(run):
            row["standing"] = row["quantity"]
        elif row["filled"] is not None:
            traded_after = last.get((row["market"], row["overall"]), 0) >= (row["order_id"] or 0)
            row["standing"] = 0 if emptied and traded_after else row["quantity"] - row["filled"]


def _cancelled(seat: PlayedSeat) -> dict[Any, Mapping[str, Any]]:
    """Return the answer to each cancel that was accepted, by the order's number."""
    return {
        one.act.content.get("order_id"): one.answer.content or {}
        for one in seat.sent
        if one.act.content.get("type") == "cancel" and one.answer and one.answer.accepted
    }


def _placed(seat: PlayedSeat) -> list[Sent]:
    return [one for one in seat.sent if one.act.act == "live" and one.act.content.get("type") == "place"]


def is_continuous(run: PlayedRun) -> bool:
    """Tell whether orders trade as they come."""
    return run.rules is not None and run.rules.institution == "double_auction"


def _orders_of_person(run: PlayedRun, person: Person) -> Iterator[Row]:
    """Yield what a person sent, as the server recorded it."""
    history = run.history(person.market)
    for row in person.orders:
        if row["kind"] == "place":
            key = run.round_of(int(row["overall"]))
            past = history.get(key) if key else None
            cancelled = row["cancelled"] not in ("", "0", "False")  # a double auction tells when
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
                "standing": None,
                "price": number(past.price) if past else None,
                "words": row["codes"],
                "sent": _utc(row["received"]),
                "seconds": None,
            }


def _utc(text: str) -> datetime:
    """Return when the server received something; its clock is UTC."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _order(run: PlayedRun, seat: PlayedSeat, sent: Sent, cancelled: Mapping[Any, Any]) -> Row:
    act, answer, key = sent.act, sent.answer, run.round_of(sent.act.round)
    order_id = _number_of(answer.content) if answer and answer.content else None
    past = seat.history.get(key) if key else None
    status = status_of(sent)
    return {
        **of_round(run, key),
        "ref": act.ref,
        "order_id": order_id,
        "side": str(act.content.get("side")),
        "quantity": int(act.content.get("quantity") or 0),
        "limit": number(act.content.get("limit")),
        "status": "cancelled" if status == "placed" and order_id in cancelled else status,
        "filled": None,
        "standing": None,
        "price": number(past.price) if past else None,
        "words": " ".join(answer.words) if answer else (sent.unanswered.reason if sent.unanswered else ""),
        "sent": act.at,
        "seconds": (answer.at - act.at).total_seconds() if answer else None,
    }


def _number_of(frame: Mapping[str, Any]) -> int | None:
    """Return the number of the order that an answer places: a call market's tells the whole order."""
    number: int | None = (frame.get("order") or frame).get("order_id")
    return number


def status_of(sent: Sent) -> str:
    """Return what became of what was sent."""
    if sent.answer is None:
        return "unanswered"
    return "placed" if sent.answer.accepted else "refused"


def _fill(seat: PlayedSeat, rows: list[Row]) -> None:
    """Spread what the trader bought and sold over its orders: better prices first, then earlier ones."""
    sent: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        sent.setdefault((row["phase"], row["round"], row["side"]), []).append(row)
    for key, own in seat.own.items():
        for side, traded, sign in (("buy", own.bought, -1), ("sell", own.sold, 1)):
            left, standing = traded, sent.get((*key, side), [])
            placed = [r for r in standing if r["status"] in ("placed", "unanswered")]
            for row in sorted(placed, key=lambda r: (sign * (r["limit"] or 0), r["sent"])):
                row["filled"] = min(left, row["quantity"])
                left -= row["filled"]
            for row in standing:
                row["filled"] = row["filled"] or 0


def _fill_of_periods(
    run: PlayedRun,
    seat: PlayedSeat,
    rows: Sequence[Row],
    placed: Sequence[Sent],
    cancelled: Mapping[Any, Mapping[str, Any]],
) -> None:
    """Fill the orders of a double auction as its periods told; unknown where a period's end was not seen."""
    by_period: dict[tuple[Any, ...], list[tuple[Row, Sent]]] = {}
    for row, sent in zip(rows, placed, strict=True):
        by_period.setdefault((row["phase"], row["round"]), []).append((row, sent))
    for key, period in seat.periods.items():
        here = by_period.get(key, [])
        orders = [
            _period_order(row, sent, cancelled.get(row["order_id"]))
            for row, sent in here
            if row["status"] != "refused"
        ]
        filled = period_fills(orders, period.own_trades, seat.steps.get(run.overall(key), {}))
        for row, _ in here:
            row["filled"] = filled.get(row["ref"], 0)


def _period_order(row: Row, sent: Sent, cancel: Mapping[str, Any] | None) -> PeriodOrder:
    told = (sent.answer.content if sent.answer else None) or {}
    return PeriodOrder(
        ref=row["ref"],
        side=Side(row["side"]),
        quantity=row["quantity"],
        limit=Decimal(str(sent.act.content.get("limit"))),
        step=told.get("seq"),
        met=own_numbers(told),
        cancelled=cancel.get("seq") if cancel else None,
    )


def trade_rows(run: PlayedRun, trader_rounds: Iterable[Row]) -> Iterator[Row]:
    """Yield trades: each one of a double auction as its period or oTree told, else one row a round and side.

    What a trader of a double auction paid on the whole in a round is no price of a trade: it is left empty.
    """
    for row in trader_rounds:
        seat = run.seats.get(row.get("seat") or 0)
        period = seat.periods.get((row["phase"], row["round"])) if seat else None
        if period is not None:
            yield from _trades_of_period(run, row, period)
        elif run.otree is not None and run.otree.trades:
            yield from _trades_on_the_server(run, row, run.otree)
        else:
            yield from _sides(run, {**row, "price": None} if is_continuous(run) else row)


def _trades_on_the_server(run: PlayedRun, row: Row, otree: OTreeTables) -> Iterator[Row]:
    """Yield a trader's sides of the trades of one period, as oTree's table has them."""
    for trade in otree.trades_in(row["market"], row["overall"]):
        for side, column in (("buy", "buyer"), ("sell", "seller")):
            if trade[column] == row["participant"]:
                yield _trade(
                    run, row, int(trade["trade"]), side, int(trade["quantity"]), number(trade["price"])
                )


def _trade(run: PlayedRun, row: Row, named: int | None, side: str, quantity: int, price: float | None) -> Row:
    kept = {key: value for key, value in row.items() if key in TABLES["trades"].schema}
    fundamental = number(run.fundamental((row["phase"], row["round"])))
    told = {"trade": named, "side": side, "quantity": quantity, "price": price, "fundamental": fundamental}
    return {**kept, **told}


def _trades_of_period(run: PlayedRun, row: Row, period: Period) -> Iterator[Row]:
    for one in period.own_trades:
        yield _trade(run, row, one.number, one.side.value, one.quantity, number(one.price))


def _sides(run: PlayedRun, row: Row) -> Iterator[Row]:
    for side, column in (("buy", "bought"), ("sell", "sold")):
        if row[column]:
            yield _trade(run, row, None, side, row[column], row["price"])


def forecast_rows(run: PlayedRun) -> Iterator[Row]:
    """Yield the forecasts given."""
    for seat in run.seats.values():
        about = of_seat(run, seat)
        for sent in seat.sent:
            if sent.act.page != "forecast" or sent.answer is None or not sent.answer.accepted:
                continue
            key = run.round_of(sent.act.round)
            values = sent.act.content.get("values") or {}
            for asked in sent.inputs:
                value = number(values.get(asked.field))
                if key is not None and value is not None and math.isfinite(value):
                    yield {**about, **_forecast(run, seat, key, asked, value)}
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
        return {"price": price, "error": None, "hit": None, "reward": None}
    error = value - price
    hit = abs(error) <= float(rules.forecast_tolerance) + 1e-9
    return {"price": price, "error": error, "hit": hit, "reward": _reward(rules, error, hit=hit)}


def _reward(rules: MarketRules, error: float, *, hit: bool) -> float:
    """Return what a forecast earns in cash: as much as any other within the tolerance; where forecasts make
    the price, less by the square of its error, and nothing from the tolerance on."""
    if not rules.forecasts_alone:
        return float(rules.forecast_reward) if hit else 0.0
    share = 1 - (error / float(rules.forecast_tolerance)) ** 2
    return round(max(0.0, float(rules.forecast_reward) * share), rules.decimals)
