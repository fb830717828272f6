"""A run in order → tidy tables, as `bots.analysis.codebook` describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from bots.analysis.act_rows import forecast_rows, order_rows, status_of, trade_rows
from bots.analysis.codebook import TABLES
from bots.analysis.collector import without_collector
from bots.analysis.endowments import expected_wealth, shares_outstanding
from bots.analysis.market_measures import measure_markets
from bots.analysis.measures import MEASURES, unit_of
from bots.analysis.people import LivedRound, Person, people_of
from bots.analysis.played import Call, Decided, PlayedRun, PlayedSeat
from bots.analysis.rows import Row, by_round, number, of_person, of_round, of_run, of_seat
from bots.analysis.surplus import PeriodGains, equilibrium_price, period_gains
from bots.domain.market import MarketRules

_CENT = Decimal("0.01")


def table(run: PlayedRun, name: str) -> pl.DataFrame:
    """Return one table of a run.

    Raises:
        KeyError: there is no table of this name.
    """
    with without_collector():
        return pl.DataFrame(list(_ROWS[name](run)), schema=TABLES[name].schema, orient="row")


def _runs(run: PlayedRun) -> Iterator[Row]:
    manifest, rules = run.manifest, run.rules
    commit = str(manifest.git.get("commit") or "")
    yield {
        **of_run(run),
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
    orders = by_round(order_rows(run))
    for market in run.markets:
        seats, shares = run.seats_of(market), shares_outstanding(run, market)
        balance = equilibrium_price(run, market)
        gains = {one.key: one for one in period_gains(run, market)}
        alone = run.rules is not None and run.rules.forecasts_alone
        for key, past in run.history(market).items():
            yield {
                **of_run(run),
                "market": market,
                **of_round(run, key),
                "price": number(past.price),
                "volume": None if alone else past.volume,
                "fundamental": number(run.fundamental(key)),
                "dividend": None if alone else number(past.dividend),
                "traders": run.rules.traders if run.rules else None,
                "shares": None if alone else shares,
                "bots": len(seats),
                **({} if alone else _book(orders.get((market, *key), []))),
                "equilibrium": balance,
                **_gains(gains.get(key)),
            }


def _book(orders: Iterable[Row]) -> Row:
    """Sum up the orders of a round that are known: those in the book at clearing or at the close, and all."""
    placed = [order for order in orders if order["status"] in ("placed", "cancelled")]
    sides = {side: [order for order in placed if order["side"] == side] for side in ("buy", "sell")}
    known = all(order["standing"] is not None for order in placed)
    bids, offers = ([order for order in own if order["standing"]] for own in sides.values())
    standing = {
        "bids": sum(order["standing"] for order in bids),
        "offers": sum(order["standing"] for order in offers),
        "bid_orders": len(bids),
        "offer_orders": len(offers),
        "best_bid": max((order["limit"] for order in bids), default=None),
        "best_offer": min((order["limit"] for order in offers), default=None),
    }
    submitted = {"bids_submitted": len(sides["buy"]), "offers_submitted": len(sides["sell"])}
    return {**(standing if known else {}), **submitted}


def _gains(one: PeriodGains | None) -> Row:
    if one is None:
        return {}
    surplus = {"surplus": float(one.realised), "surplus_possible": float(one.possible)}
    return {**surplus, "efficiency": one.efficiency, "smith_alpha": one.alpha}


def _trader_rounds(run: PlayedRun) -> Iterator[Row]:
    earned: dict[tuple[Any, ...], float] = {}
    for row in forecast_rows(run):
        if row["reward"] is not None:
            where = (row["participant"], row["phase"], row["target_round"])
            earned[where] = earned.get(where, 0.0) + row["reward"]
    alone = run.rules is not None and run.rules.forecasts_alone
    for row in _rounds_of_forecasters(run) if alone else _traded_rounds(run):
        yield {**row, "forecast_earnings": earned.get((row["participant"], row["phase"], row["round"]))}


def _rounds_of_forecasters(run: PlayedRun) -> Iterator[Row]:
    """Yield the finished rounds of everybody in markets in which nothing is held or traded."""
    everybody = [
        *((seat.market, of_seat(run, seat)) for seat in run.seats.values()),
        *((person.market, of_person(run, person)) for person in people_of(run)),
    ]
    for market, about in everybody:
        for key, past in run.history(market).items():
            yield {**about, **of_round(run, key), "price": number(past.price)}


def _traded_rounds(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        about = of_seat(run, seat)
        for key, own in seat.own.items():
            past = seat.history.get(key)
            value = run.value_after(key)
            yield {
                **about,
                **of_round(run, key),
                "bought": own.bought,
                "sold": own.sold,
                "price": number(past.price) if past else None,
                "interest": number(own.interest),
                "dividends": number(own.dividends),
                "cash": number(own.cash),
                "shares": own.shares,
                "wealth": None if value is None else float(own.cash + own.shares * value),
            }
    for person in people_of(run):
        about, history = of_person(run, person), run.history(person.market)
        for lived in person.rounds:
            value, past = run.value_after(lived.key), history.get(lived.key)
            yield {
                **about,
                **of_round(run, lived.key),
                "bought": lived.bought,
                "sold": lived.sold,
                "price": number(past.price) if past else None,
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
            **of_seat(run, seat),
            "outcome": (ended.outcome if ended else seat.record.outcome).value,
            "reason": (ended.reason if ended else seat.record.reason) or None,
            **_wealth(seat),
            "orders": sum(status_of(one) in ("placed", "cancelled") for one in sent),
            "refused": sum(status_of(one) == "refused" for one in sent),
            "decisions": len(seat.decisions),
            "fallbacks": sum(bool(one.made and one.made.fallback) for one in seat.decisions),
            "missed": len(seat.missed),
            "calls": len(calls),
            "input_tokens": _sum(calls, "input_tokens"),
            "output_tokens": _sum(calls, "output_tokens"),
            "cost_usd": number(_sum(calls, "cost_usd")),
        }
    for person in people_of(run):
        yield {**of_person(run, person), **_wealth_of_person(run, person)}


def _wealth(seat: PlayedSeat) -> Row:
    rules, final = seat.rules, seat.final
    if rules is None:
        return {}
    settled = {
        "forecast_earnings": number(final.forecast_earnings) if final else None,
        "payoff": number(final.payoff) if final else None,
    }
    if rules.forecasts_alone:
        return settled
    return {
        "endowment_cash": number(rules.endowment_cash),
        "endowment_shares": rules.endowment_shares,
        "expected_wealth": None if rules.induced else expected_wealth(rules),
        "final_cash": number(final.cash) if final else None,
        "final_shares": final.shares if final else None,
        "final_wealth": number(final.final_wealth) if final else None,
        **settled,
    }


def _wealth_of_person(run: PlayedRun, person: Person) -> Row:
    rules, paid = run.rules, [lived for lived in person.rounds if lived.key[0] == "paid"]
    if rules is not None and rules.forecasts_alone:
        earned = _earned_by(run, person)
        return {"forecast_earnings": earned, "payoff": None if earned is None else _paid(rules, earned)}
    if rules is None or not paid:
        return {}
    first, last, market = paid[0], paid[-1], paid[-rules.paid_rounds :]
    begun = {
        "endowment_cash": first.cash_before,
        "endowment_shares": first.shares_before,
        "expected_wealth": None if rules.induced else _expected(rules, first),
    }
    if last.key[1] < rules.paid_markets * rules.paid_rounds:
        return begun
    wealth = (
        max(0.0, sum(lived.earnings or 0.0 for lived in market))  # as the payoff counts
        if rules.induced
        else last.cash + last.shares * float(rules.buy_back)
    )
    return {
        **begun,
        "final_cash": last.cash,
        "final_shares": last.shares,
        "final_wealth": wealth,
        "forecast_earnings": sum(lived.forecast_reward for lived in market),
        "payoff": None if last.payoff is None else _paid(rules, sum(lived.payoff or 0.0 for lived in paid)),
    }


def _paid(rules: MarketRules, points: float) -> float:
    """Return what oTree pays for points: their product as floats, to the cent, and the participation fee.

    Source: `Currency.to_real_world_currency` of oTree 6. A half of a cent may go either way.
    """
    per_point = float(1 / Fraction(rules.cash_per_currency_unit))
    earned = Decimal(round(points, 2) * per_point).quantize(_CENT, ROUND_HALF_UP)
    return float(earned + rules.participation_fee)


def _earned_by(run: PlayedRun, person: Person) -> float | None:
    """Return what a forecaster's settled forecasts earned, once the market is over."""
    rows = [row for row in forecast_rows(run) if row["participant"] == person.participant]
    over = run.rules is not None and len(run.history(person.market)) == run.rules.paid_rounds
    return sum(row["reward"] or 0.0 for row in rows) if over else None


def _expected(rules: MarketRules, first: LivedRound) -> float:
    return expected_wealth(rules, Decimal(str(first.cash_before)), first.shares_before)


def _decisions(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        about = of_seat(run, seat)
        for one in seat.decisions:
            yield {**about, **of_round(run, run.round_of(one.overall)), **_decision(one)}


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
        about, rounds = of_seat(run, seat), {one.name: run.round_of(one.overall) for one in seat.decisions}
        for decision, calls in seat.calls.items():
            for call in calls:
                where = of_round(run, rounds.get(decision))
                yield {**about, **where, **_call(call)}


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
        "cost_usd": number(replied.usage.cost_usd),
        "served_model": replied.served_model,
        "seconds": replied.seconds,
        "error": replied.error,
        "reply": replied.reply,
    }


def _pages(run: PlayedRun) -> Iterator[Row]:
    for seat in run.seats.values():
        about, missed = of_seat(run, seat), {(one.page, one.round): one.reason for one in seat.missed}
        for page in seat.pages:
            overall = page.view.round.overall if page.view and page.view.round else None
            yield {
                **about,
                **of_round(run, run.round_of(overall)),
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
    rules = run.rules
    kind = {"units": bool(rules and rules.induced), "forecasts": bool(rules and rules.forecasts_alone)}
    for name, results in measure_markets([run]).items():
        for place, market in enumerate(run.markets):
            one = results[place]
            yield {
                **of_run(run),
                "market": market,
                "treatment": run.manifest.model,
                "measure": name,
                "label": MEASURES[name].label,
                "value": one.value if one.defined else None,
                "unit": unit_of(name, **kind),
                "reason": one.reason or None,
            }


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
    "orders": order_rows,
    "trades": lambda run: trade_rows(run, _traded_rounds(run)),
    "forecasts": forecast_rows,
    "decisions": _decisions,
    "model_calls": _model_calls,
    "pages": _pages,
    "measures": _measures,
}
