"""What the admin's Report page tells while a session runs: prices and volumes, who is where, who is late."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from otree.database import dbq
from otree.models import Participant, Session
from pausing import is_paused
from session_market import SessionMarket, market_of

from markets.money import parse_money, readable, shown
from markets.parameters import MarketParameters

SLOW_SECONDS = 120
"""On a page without a timer, for which others may wait, somebody is late after so long."""

GRACE_SECONDS = 3
"""After a timer's end, until the page that its script sent has come."""

CHART_WIDTH, CHART_HEIGHT = 320, 90

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One market in one round: what the report needs of an app's rows; money as exact text, "" for none."""

    market: int
    overall: int
    price: str
    volume: int
    dividend: str


def finished_rounds(groups: type[Any], session: Session) -> list[RoundRow]:
    """Return the rounds that are over, of all markets of a session; `groups` is the app's `Group`."""
    query = dbq(groups).filter(groups.session_id == session.id, groups.cleared)
    return [
        RoundRow(group.id_in_subsession, group.round_number, group.price, group.volume, group.dividend)
        for group in query.order_by(groups.round_number)
    ]


def report(session: Session, rows: Iterable[RoundRow]) -> Json:
    """Return the report's template variables.

    Args:
        rows: finished rounds of all markets of the session.
    """
    participants = list(session.pp_set.order_by("id_in_session"))
    market = market_of(participants[0])
    people = [person(one, market, time.time()) for one in participants]
    by_market: dict[int, list[RoundRow]] = defaultdict(list)
    for row in rows:
        by_market[row.market].append(row)
    return {
        "session_code": session.code,
        "paused": is_paused(session),
        "people": people,
        "late": [one["seat"] for one in people if one["state"] == "late"],
        "finished": sum(one["state"] == "done" for one in people),
        "markets": [_market(number, by_market[number], market.parameters) for number in sorted(by_market)],
    }


def person(participant: Participant, market: SessionMarket, now: float) -> Json:
    """Return one participant's row: where it is, since when, and whether others wait for it."""
    since = max(0, int(now - (participant._last_page_timestamp or now)))
    return {
        "seat": participant.id_in_session,
        "label": participant.label or "",
        "code": participant.code,
        "market": (participant.id_in_session - 1) // market.traders + 1,
        "page": participant._current_page_name or "",
        "round": _round(participant, market.parameters),
        "since": f"{since // 60}:{since % 60:02}",
        "state": _state(participant, since, now),
    }


def _round(participant: Participant, parameters: MarketParameters) -> str:
    number = participant._round_number
    if participant._current_app_name not in ("call_market", "double_auction") or not number:
        return ""
    ref = parameters.round_at(min(number, parameters.rounds))
    several = f"market {ref.market}, " if parameters.paid_markets > 1 and ref.phase == "paid" else ""
    return f"{several}{'practice ' if ref.phase == 'practice' else ''}{ref.number} of {ref.of}"


def _state(participant: Participant, since: int, now: float) -> str:
    """Return away (never came), done, waiting, late or here."""
    if not participant.visited:
        return "away"
    if (
        participant._current_page_name == "Payment"
        or participant._index_in_pages > participant._max_page_index
    ):
        return "done"
    if participant.is_on_wait_page:
        return "waiting"
    ends = participant._timeout_expiration_time
    if participant._timeout_page_index == participant._index_in_pages and ends is not None:
        return "late" if now > ends + GRACE_SECONDS else "here"
    return "late" if since > SLOW_SECONDS else "here"


def _market(number: int, rows: Sequence[RoundRow], parameters: MarketParameters) -> Json:
    ordered = sorted(rows, key=lambda row: row.overall)
    values = parameters.fundamental_values()
    rounds = [_told(row, values, parameters) for row in ordered]
    return {"number": number, "rounds": rounds[::-1], "chart": chart(ordered, values, parameters)}


def _told(row: RoundRow, values: Sequence[Fraction], parameters: MarketParameters) -> Json:
    ref = parameters.round_at(row.overall)
    return {
        "name": f"{'Practice ' if ref.phase == 'practice' else ''}{ref.number}",
        "in_a_row": ref.market if parameters.paid_markets > 1 and ref.phase == "paid" else "",
        "price": readable(parse_money(row.price)) if row.price else "none",
        "volume": row.volume,
        "dividend": readable(parse_money(row.dividend)) if row.dividend else "",
        "value": shown(values[ref.number - 1], parameters.decimals) if ref.phase == "paid" else "",
    }


def chart(rows: Sequence[RoundRow], values: Sequence[Fraction], parameters: MarketParameters) -> Json:
    """Return prices and fundamental values as the points of two SVG lines in a box of 320 × 90."""
    prices = {row.overall: parse_money(row.price) for row in rows if row.price}
    refs = map(parameters.round_at, range(1, parameters.rounds + 1))
    worth = {ref.overall: values[ref.number - 1] for ref in refs if ref.phase == "paid"}
    known = [*prices.values(), *worth.values()]
    low, high = min(known), max(known)
    span = (high - low) or Fraction(1)

    def points(line: dict[int, Fraction]) -> str:
        return " ".join(
            f"{(overall - 0.5) * CHART_WIDTH / parameters.rounds:.1f},"
            f"{CHART_HEIGHT - 6 - float((price - low) / span) * (CHART_HEIGHT - 12):.1f}"
            for overall, price in line.items()
        )

    return {"price_line": points(prices), "value_line": points(worth)}
