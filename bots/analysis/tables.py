"""A run in order → tidy tables, as `bots.analysis.codebook` describes them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from bots.analysis.codebook import TABLES
from bots.analysis.endowments import expected_wealth, panel_of, shares_outstanding
from bots.analysis.measures import MEASURES, measure_all
from bots.analysis.people import Person, people_of
from bots.analysis.played import Call, Decided, PlayedRun, PlayedSeat, RoundKey, Sent
from bots.domain.market import ForecastInput, MarketRules

Row = dict[str, Any]


def table(run: PlayedRun, name: str) -> pl.DataFrame:
    """Return one table of a run.

    Raises:
        KeyError: there is no table of this name.
    """
    return pl.DataFrame(list(_ROWS[name](run)), schema=TABLES[name].schema, orient="row")


def _runs(run: PlayedRun) -> Iterator[Row]:
    manifest, rules = run.manifest, run.rules
    commit = str(manifest.git.get("commit") or "")
    yield {
        **_of_run(run),
        "model": manifest.model,
        "notes": manifest.notes,
        "production": manifest.production,
        "started": manifest.started,
        "ended": manifest.ended,
        "outcome": manifest.outcome.value,
        "reason": manifest.reason,
        "subjects": manifest.subjects,
        "bots": manifest.bots,
        "practice_rounds": rules.practice_rounds if rules else None,
        "paid_rounds": rules.paid_rounds if rules else None,
        "fallback": manifest.fallback,
        "seed": manifest.seed,
        "commit": (commit + ("+" if manifest.git.get("dirty") else "")) or None,
    }


def _market_rounds(run: PlayedRun) -> Iterator[Row]:
    orders = _by_round(_orders(run))
    for market in run.markets:
        seats, shares = run.seats_of(market), shares_outstanding(run, market)
        for key, past in run.history(market).items():
            yield {
                **_of_run(run),
                "market": market,
                **_of_round(run, key),
                "price": _number(past.price),
                "volume": past.volume,
                "fundamental": _number(run.fundamental(key)),
                "dividend": _number(past.dividend),
                "traders": run.rules.traders if run.rules else None,
                "shares": shares,
                "bots": len(seats),
                **_book(orders.get((market, *key), [])),
            }


def _book(orders: Iterable[Row]) -> Row:
    """Sum up the bots' orders that were in the book at clearing."""
    standing = [order for order in orders if order["status"] == "placed"]
    bids = [order for order in standing if order["side"] == "buy"]
    offers = [order for order in standing if order["side"] == "sell"]
    return {
        "bids": sum(order["quantity"] for order in bids),
        "offers": sum(order["quantity"] for order in offers),
        "bid_orders": len(bids),
        "offer_orders": len(offers),
        "best_bid": max((order["limit"] for order in bids), default=None),
        "best_offer": min((order["limit"] for order in offers), default=None),
    }


def _trader_rounds(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        for key, own in seat.own.items():
            past = seat.history.get(key)
            value = run.value_after(key)
            yield {
                **_of_seat(run, seat),
                **_of_round(run, key),
                "bought": own.bought,
                "sold": own.sold,
                "price": _number(past.price) if past else None,
                "interest": _number(own.interest),
                "dividends": _number(own.dividends),
                "cash": _number(own.cash),
                "shares": own.shares,
                "wealth": None if value is None else float(own.cash + own.shares * value),
            }
    for person in people_of(run):
        for lived in person.rounds:
            value = run.value_after(lived.key)
            yield {
                **_of_person(run, person),
                **_of_round(run, lived.key),
                "bought": lived.bought,
                "sold": lived.sold,
                "price": lived.price,
                "interest": lived.interest,
                "dividends": lived.dividends,
                "cash": lived.cash,
                "shares": lived.shares,
                "wealth": None if value is None else lived.cash + lived.shares * float(value),
            }


def _traders(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        sent = [one for one in seat.sent if one.act.content.get("type") == "place"]
        calls = [call for calls in seat.calls.values() for call in calls]
        ended = seat.ended
        yield {
            **_of_seat(run, seat),
            "outcome": (ended.outcome if ended else seat.record.outcome).value,
            "reason": (ended.reason if ended else seat.record.reason) or None,
            **_wealth(seat),
            "orders": sum(_status(one) in ("placed", "cancelled") for one in sent),
            "refused": sum(_status(one) == "refused" for one in sent),
            "decisions": len(seat.decisions),
            "fallbacks": sum(bool(one.made and one.made.fallback) for one in seat.decisions),
            "missed": len(seat.missed),
            "calls": len(calls),
            "input_tokens": _sum(calls, "input_tokens"),
            "output_tokens": _sum(calls, "output_tokens"),
            "cost_usd": _number(_sum(calls, "cost_usd")),
        }
    for person in people_of(run):
        yield {**_of_person(run, person), **_wealth_of_person(run, person)}


def _wealth(seat: PlayedSeat) -> Row:
    rules, final = seat.rules, seat.final
    if rules is None:
        return {}
    return {
        "endowment_cash": _number(rules.endowment_cash),
        "endowment_shares": rules.endowment_shares,
        "expected_wealth": expected_wealth(rules),
        "final_cash": _number(final.cash) if final else None,
        "final_shares": final.shares if final else None,
        "final_wealth": _number(final.final_wealth) if final else None,
        "forecast_earnings": _number(final.forecast_earnings) if final else None,
        "payoff": _number(final.payoff) if final else None,
    }


def _wealth_of_person(run: PlayedRun, person: Person) -> Row:
    rules, paid = run.rules, [lived for lived in person.rounds if lived.key[0] == "paid"]
    if rules is None or not paid:
        return {}
    first, last = paid[0], paid[-1]
    through = last.key[1] == rules.paid_markets * rules.paid_rounds
    wealth = last.cash + last.shares * float(rules.buy_back)
    return {
        "endowment_cash": first.cash_before,
        "endowment_shares": first.shares_before,
        "expected_wealth": expected_wealth(rules, Decimal(str(first.cash_before)), first.shares_before),
        "final_cash": last.cash if through else None,
        "final_shares": last.shares if through else None,
        "final_wealth": wealth if through else None,
    }


def _orders(run: PlayedRun) -> Iterator[Row]:
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


def _order(run: PlayedRun, seat: PlayedSeat, sent: Sent, cancelled: set[Any]) -> Row:
    act, answer, key = sent.act, sent.answer, run.round_of(sent.act.round)
    order_id = ((answer.content or {}).get("order") or {}).get("order_id") if answer else None
    past = seat.history.get(key) if key else None
    status = _status(sent)
    return {
        **_of_seat(run, seat),
        **_of_round(run, key),
        "ref": act.ref,
        "order_id": order_id,
        "side": str(act.content.get("side")),
        "quantity": int(act.content.get("quantity") or 0),
        "limit": _number(act.content.get("limit")),
        "status": "cancelled" if status == "placed" and order_id in cancelled else status,
        "filled": None,
        "price": _number(past.price) if past else None,
        "words": " ".join(answer.words) if answer else (sent.unanswered.reason if sent.unanswered else ""),
        "sent": act.at,
        "seconds": (answer.at - act.at).total_seconds() if answer else None,
    }


def _status(sent: Sent) -> str:
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


def _trades(run: PlayedRun) -> Iterator[Row]:
    for row in _trader_rounds(run):
        for side, column in (("buy", "bought"), ("sell", "sold")):
            if row[column]:
                kept = {key: value for key, value in row.items() if key in TABLES["trades"].schema}
                fundamental = run.fundamental((row["phase"], row["round"]))
                numbers = {"quantity": row[column], "fundamental": _number(fundamental)}
                yield {**kept, "side": side, **numbers}


def _forecasts(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        for sent in seat.sent:
            if sent.act.page != "forecast" or sent.answer is None or not sent.answer.accepted:
                continue
            key = run.round_of(sent.act.round)
            values = sent.act.content.get("values") or {}
            for asked in sent.inputs:
                value = _number(values.get(asked.field))
                if key is not None and value is not None and math.isfinite(value):
                    yield {**_of_seat(run, seat), **_forecast(run, seat, key, asked, value)}
    for person in people_of(run):
        history = run.history(person.market) if person.market in run.markets else {}
        for lived in person.rounds:
            for horizon, value in lived.forecasts.items():
                target: RoundKey = (lived.key[0], lived.key[1] + horizon)
                past = history.get(target)
                price = _number(past.price) if past else None
                scored = _scored(run.rules, value, price)
                told = {"horizon": horizon, "target_round": target[1], "forecast": value, **scored}
                yield {**_of_person(run, person), **_of_round(run, lived.key), **told}


def _forecast(run: PlayedRun, seat: PlayedSeat, key: RoundKey, asked: ForecastInput, value: float) -> Row:
    target: RoundKey = (key[0], key[1] + asked.horizon)
    past = seat.history.get(target)
    price = _number(past.price) if past else None
    told = {"horizon": asked.horizon, "target_round": target[1], "forecast": value}
    return {**_of_round(run, key), **told, **_scored(run.rules, value, price)}


def _scored(rules: MarketRules | None, value: float, price: float | None) -> Row:
    if price is None or rules is None:
        return {"price": price, "error": None, "hit": None}
    error = value - price
    return {
        "price": price,
        "error": error,
        "hit": abs(error) <= float(rules.forecast_tolerance) + 1e-9,
    }


def _decisions(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        for one in seat.decisions:
            yield {**_of_seat(run, seat), **_of_round(run, run.round_of(one.overall)), **_decision(one)}


def _decision(one: Decided) -> Row:
    made, failed = one.made, one.failed
    content = made.content if made else None
    return {
        "decision": one.name,
        "page": one.page,
        "made": made.at if made else None,
        "by": made.by if made else None,
        "fallback": made.fallback if made else None,
        "failure": failed.kind.value if failed else None,
        "failure_reason": failed.reason if failed else None,
        "seconds": next((event.seconds for event in (failed, made) if event is not None), None),
        "orders": len(content.orders) if content else None,
        "cancels": len(content.cancel) if content else None,
        "forecasts": len(content.forecasts) if content else None,
        "plan": content.plan if content else None,
        "insight": content.insight if content else None,
        "reasoning": content.reasoning if content else None,
        "content": content.model_dump_json() if content else None,
    }


def _model_calls(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        rounds = {one.name: run.round_of(one.overall) for one in seat.decisions}
        for decision, calls in seat.calls.items():
            for call in calls:
                where = _of_round(run, rounds.get(decision))
                yield {**_of_seat(run, seat), **where, **_call(call)}


def _call(call: Call) -> Row:
    asked, replied = call.asked, call.replied
    row: Row = {
        "decision": asked.decision,
        "attempt": asked.attempt,
        "asked": asked.at,
        "model": asked.model,
        "parameters": json.dumps(asked.parameters, ensure_ascii=False, default=str),
        "prompt_hash": asked.prompt_hash,
        "prompt": asked.prompt,
    }
    if replied is None:
        return {**row, "error": "no reply is recorded"}
    usage = replied.usage.model_dump(exclude={"cost_usd"})
    told = {name: value for name, value in usage.items() if name in TABLES["model_calls"].schema}
    return {
        **row,
        **told,
        "cost_usd": _number(replied.usage.cost_usd),
        "served_model": replied.served_model,
        "seconds": replied.seconds,
        "error": replied.error,
        "reply": replied.reply,
    }


def _pages(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        missed = {(one.page, one.round): one.reason for one in seat.missed}
        for page in seat.pages:
            overall = page.view.round.overall if page.view and page.view.round else None
            yield {
                **_of_seat(run, seat),
                **_of_round(run, run.round_of(overall)),
                "seen": page.at,
                "page": page.page,
                "kind": page.kind,
                "location": page.location,
                "seconds_left": page.seconds_left,
                "missed": missed.get((page.page, overall)),
                "errors": " ".join(page.errors) or None,
                "text": page.text or None,
            }


def _measures(run: PlayedRun) -> Iterator[Row]:
    panel = panel_of([run])
    for name, results in measure_all(panel).items():
        for number, market in enumerate(run.markets):
            one, described = results[number], MEASURES[name]
            yield {
                **_of_run(run),
                "market": market,
                "treatment": run.manifest.model,
                "measure": name,
                "label": described.label,
                "value": one.value if one.defined else None,
                "unit": described.unit,
                "reason": one.reason or None,
            }


# What many rows begin with.


def _of_run(run: PlayedRun) -> Row:
    return {"run": run.name, "run_id": run.manifest.run_id}


def _of_seat(run: PlayedRun, seat: PlayedSeat) -> Row:
    return {
        **_of_run(run),
        "market": seat.market,
        "seat": seat.record.seat,
        "participant": seat.record.participant,
        "is_bot": True,
        "trader_kind": seat.kind,
        "trader": seat.record.trader,
    }


def _of_person(run: PlayedRun, person: Person) -> Row:
    return {
        **_of_run(run),
        "market": person.market,
        "participant": person.participant,
        "is_bot": False,
        "trader_kind": "person",
        "trader": "person",
    }


def _of_round(run: PlayedRun, key: RoundKey | None) -> Row:
    if key is None:
        return {"phase": None, "round": None, "overall": None}
    return {"phase": key[0], "round": key[1], "overall": run.overall(key)}


def _by_round(rows: Iterable[Row]) -> dict[tuple[int, str, int], list[Row]]:
    found: dict[tuple[int, str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["market"], row["phase"], row["round"]), []).append(row)
    return found


def _number(value: Decimal | str | float | None) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _sum(calls: Iterable[Call], name: str) -> Any:
    """Sum what calls cost; None where none of them told it."""
    told = [getattr(call.replied.usage, name) for call in calls if call.replied]
    known = [value for value in told if value is not None]
    return sum(known) if known else None


_ROWS: Mapping[str, Callable[[PlayedRun], Iterator[Row]]] = {
    "runs": _runs,
    "market_rounds": _market_rounds,
    "trader_rounds": _trader_rounds,
    "traders": _traders,
    "orders": _orders,
    "trades": _trades,
    "forecasts": _forecasts,
    "decisions": _decisions,
    "model_calls": _model_calls,
    "pages": _pages,
    "measures": _measures,
}
