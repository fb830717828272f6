"""What the admin's Report page tells while a session runs: prices and volumes, who is where, who is late."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, get_args

from otree.database import dbq
from otree.models import Participant, Session
from pausing import is_paused
from session_market import market_of

from markets.forecasting_parameters import ForecastingParameters
from markets.learning_to_forecast import PRICE_DECIMALS
from markets.money import decimal_places, parse_money, rounded, shown
from markets.parameters import MarketParameters
from markets.rounds import Phase, RoundRef

SLOW_SECONDS = 120
"""On a page without a timer, for which others may wait, somebody is late after so long."""

GRACE_SECONDS = 3
"""After a timer's end, until the page that its script sent has come."""

CHART_WIDTH, CHART_HEIGHT = 320, 90

PLAYED = ("call_market", "double_auction", "learning_to_forecast")
"""Apps whose rounds are those of the market."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One market in one round: what the report needs of an app's rows; money as exact text, "" for none."""

    market: int
    overall: int
    price: str
    volume: int
    dividend: str


@dataclass(frozen=True, slots=True)
class Design:
    """What the report needs of a session's design.

    Attributes:
        traders: in one market.
        rounds: of the session.
        names: of each round, by its number in the session.
        values: fundamental values, by the same; practice rounds have those of a market as long as practice,
            and rounds in which units are traded have none.
        dividends: whether what is traded pays any.
        decimals: of a value as shown.
    """

    traders: int
    rounds: int
    names: Mapping[int, str]
    values: Mapping[int, Fraction]
    dividends: bool
    decimals: int


def market_design(session: Session) -> Design:
    """Return the design of a session of a market with trading."""
    market = market_of(session.pp_set.order_by("id_in_session").first())
    parameters = market.parameters
    values = {phase: parameters.fundamental_values(phase) for phase in get_args(Phase)}
    refs = [parameters.round_at(number) for number in range(1, parameters.rounds + 1)]
    units = parameters.schedule is not None
    return Design(
        traders=market.traders,
        rounds=parameters.rounds,
        names={ref.overall: _name(ref, parameters) for ref in refs},
        values={} if units else {ref.overall: values[ref.phase][ref.number - 1] for ref in refs},
        dividends=not units,
        decimals=parameters.decimals,
    )


def _name(ref: RoundRef, parameters: MarketParameters) -> str:
    if ref.phase == "practice":
        return f"practice {ref.number} of {ref.of}"
    several = f"market {ref.market}, " if parameters.paid_markets > 1 else ""
    return f"{several}{ref.number} of {ref.of}"


def forecasting_design(session: Session, parameters: ForecastingParameters) -> Design:
    """Return the design of a learning-to-forecast session."""
    rounds = range(1, parameters.rounds + 1)
    return Design(
        traders=parameters.traders_per_market or session.num_participants,
        rounds=parameters.rounds,
        names={number: f"{number} of {parameters.rounds}" for number in rounds},
        values=dict.fromkeys(rounds, parameters.rules.fundamental),
        dividends=False,
        decimals=PRICE_DECIMALS,
    )


def finished_rounds(groups: type[Any], session: Session) -> list[RoundRow]:
    """Return the rounds that are over, of all markets of a session; `groups` is the app's `Group`."""
    query = dbq(groups).filter(groups.session_id == session.id, groups.cleared)
    return [
        RoundRow(
            market=group.id_in_subsession,
            overall=group.round_number,
            price=group.price,
            volume=group.volume,
            dividend=group.field_maybe_none("dividend") or "",
        )
        for group in query.order_by(groups.round_number)
    ]


def report(session: Session, rows: Iterable[RoundRow], design: Design) -> Json:
    """Return the report's template variables.

    Args:
        rows: finished rounds of all markets of the session.
    """
    people = [person(one, design, time.time()) for one in session.pp_set.order_by("id_in_session")]
    by_market: dict[int, list[RoundRow]] = defaultdict(list)
    for row in rows:
        by_market[row.market].append(row)
    return {
        "session_code": session.code,
        "paused": is_paused(session),
        "people": people,
        "late": [one["seat"] for one in people if one["state"] == "late"],
        "finished": sum(one["state"] == "done" for one in people),
        "markets": [_market(number, by_market[number], design) for number in sorted(by_market)],
    }


def person(participant: Participant, design: Design, now: float) -> Json:
    """Return one participant's row: where it is, since when, and whether others wait for it."""
    since = max(0, int(now - (participant._last_page_timestamp or now)))
    playing = participant._current_app_name in PLAYED
    return {
        "seat": participant.id_in_session,
        "label": participant.label or "",
        "market": (participant.id_in_session - 1) // design.traders + 1,
        "page": participant._current_page_name or "",
        "round": design.names.get(participant._round_number or 0, "") if playing else "",
        "since": f"{since // 60}:{since % 60:02}",
        "state": _state(participant, since, now),
    }


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


def _market(number: int, rows: Sequence[RoundRow], design: Design) -> Json:
    ordered = sorted(rows, key=lambda row: row.overall)
    told = [_told(row, design) for row in reversed(ordered)]
    return {"number": number, "rounds": told, "chart": chart(ordered, design)}


def _told(row: RoundRow, design: Design) -> Json:
    value = design.values.get(row.overall)
    return {
        "name": design.names[row.overall],
        "price": _amount(row.price, design) if row.price else "none",
        "volume": row.volume,
        "dividend": _amount(row.dividend, design) if design.dividends and row.dividend else "",
        "value": "" if value is None else shown(value, design.decimals),
    }


def _amount(text: str, design: Design) -> str:
    """Return an amount with the decimals of a price, and one more for the middle of two prices."""
    amount = parse_money(text)
    places = decimal_places(amount)
    if places is None or places > design.decimals + 1:  # a mean of trades
        amount, places = rounded(amount, design.decimals), design.decimals
    return shown(amount, max(places, design.decimals))


def chart(rows: Sequence[RoundRow], design: Design) -> Json:
    """Return prices and fundamental values as the points of two SVG lines in a box of 320 × 90."""
    prices = {row.overall: parse_money(row.price) for row in rows if row.price}
    known = [*prices.values(), *design.values.values()]
    low, high = min(known, default=Fraction(0)), max(known, default=Fraction(0))
    span = (high - low) or Fraction(1)

    def points(line: Mapping[int, Fraction]) -> str:
        return " ".join(
            f"{(overall - 0.5) * CHART_WIDTH / design.rounds:.1f},"
            f"{CHART_HEIGHT - 6 - float((price - low) / span) * (CHART_HEIGHT - 12):.1f}"
            for overall, price in line.items()
        )

    return {"price_line": points(prices), "value_line": points(design.values)}
