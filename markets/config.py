"""Reading a session config: every value checked, every problem told at once."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from markets.accounts import Account
from markets.call_auction import PriceSelection, PriceWithoutTrade, Rationing
from markets.config_reader import MOST, Reader, decimal, whole
from markets.dividends import DividendOutcome, DividendProcess
from markets.induced import InducedSchedule
from markets.induced_config import numbered, read_units
from markets.institution import Institution
from markets.money import exact_text

Config = Mapping[str, str | int | bool]
"""A session's config by key, as presets have it."""

MOST_ROUNDS = 500
"""Of one phase."""

MOST_MARKETS = 20
"""Paid markets in a row, in one session."""

HIGHEST_RATE = 10
"""Of interest a round: 1000 %."""

SURROUNDINGS: Mapping[str, str | int | bool] = MappingProxyType(
    {
        "announce_computer_traders": True,
        "ethics_reference": "",
        "quiz": False,
        "consent_seconds": 0,
        "instructions_seconds": 0,
        "quiz_seconds": 0,
        "completion_url": "",
    }
)
"""Keys about what surrounds a market, with what they are where neither design nor session sets them."""

CONTINUOUS: Mapping[str, str | bool] = MappingProxyType(
    {"must_improve": False, "clears_after_trade": False, "induced_values": "", "induced_costs": ""}
)
"""Keys of double auctions alone, with what they are where a session does not set them."""


def read_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read a config that has every key of the reference design, of `SURROUNDINGS` and of `CONTINUOUS`.

    Returns:
        The fields of `markets.parameters.MarketParameters`, and the problems: one sentence each, of key, what
        is wrong and what is allowed. Where there are problems the fields mean nothing.
    """
    reader = Reader(config)
    values = {
        "institution": reader.name("institution", Institution),
        **_read_schedule(reader),
        **_read_asset(reader),
        **_read_book(reader),
        **_read_forecasts(reader),
        "computer_traders": reader.flag("computer_traders"),
        "disclose_fundamental": reader.flag("disclose_fundamental"),
        **_read_surroundings(reader),
        **_read_continuous(reader),
    }
    if not reader.problems:
        _check_institution(reader, values)
    return values, tuple(reader.problems)


def _read_schedule(reader: Reader) -> dict[str, Any]:
    timers = ("trade", "forecast", "results", "phase_start", "phase_end", "final")
    traders = reader.integer("traders_per_market", 0)
    if traders == 1:
        reader.problem("traders_per_market", "0 for one market of everybody, or at least 2")
    return {
        "practice_rounds": reader.integer("practice_rounds", 0, MOST_ROUNDS),
        "paid_rounds": reader.integer("paid_rounds", 1, MOST_ROUNDS),
        "paid_markets": reader.integer("paid_markets", 1, MOST_MARKETS),
        "traders_per_market": traders,
        **{f"{timer}_seconds": reader.seconds(f"{timer}_seconds") for timer in timers},
    }


def _read_asset(reader: Reader) -> dict[str, Any]:
    return {
        "endowments": _read_endowments(reader),
        "dividends": _read_dividends(reader),
        "interest_rates": _read_interest(reader),
        "buy_back": reader.amount("buy_back"),
        "initial_price": reader.amount("initial_price", positive=True),
        "dividend_seed": reader.text("dividend_seed"),
    }


def _read_endowments(reader: Reader) -> tuple[Account, ...]:
    """Read one endowment, or one for each type of trader."""
    before = len(reader.problems)
    each = 'or one for each type of trader, such as "225, 585, 945"'
    cash = reader.items("endowment_cash", _amount, f"a number from 0 to {MOST}, {each}")
    shares = reader.items(
        "endowment_shares",
        _shares,
        f"a whole number from 0 to {MOST}, {each.replace('225, 585, 945', '3, 2, 1')}",
    )
    if len(reader.problems) == before and not cash:
        reader.problem("endowment_cash", f"a number from 0 to {MOST}, {each}")
    elif len(reader.problems) == before and len(cash) != len(shares):
        reader.problem(
            "endowment_shares", f"one number for each of the {len(cash)} amounts of endowment_cash"
        )
    if len(reader.problems) > before:
        return ()
    return tuple(map(Account, cash, shares))


def _read_dividends(reader: Reader) -> tuple[DividendProcess, ...]:
    """Read the dividends of all rounds alike, or those of each."""
    before = len(reader.problems)
    allowed = 'numbers of at least 0, such as "0.40, 1.00", with semicolons between rounds that differ'
    amounts = reader.lists("dividends", _amount, allowed)
    weights = reader.lists("dividend_weights", _weight, 'whole numbers of at least 1, such as "1, 1"')
    if len(reader.problems) > before:
        return ()
    _check_schedule(reader, "dividends", len(amounts))
    _check_schedule(reader, "dividend_weights", len(weights))
    if len(reader.problems) > before:
        return ()
    rounds = max(len(amounts), len(weights))
    paired = list(zip(amounts * (rounds // len(amounts)), weights * (rounds // len(weights)), strict=True))
    for number, (paid, odds) in enumerate(paired, start=1):
        if len(paid) != len(odds):
            where = f" of round {number}" if rounds > 1 else ""
            reader.problem("dividend_weights", f"one weight for each of the {len(paid)} dividends{where}")
            return ()
    return tuple(DividendProcess(tuple(map(DividendOutcome, *pair))) for pair in paired)


def _read_interest(reader: Reader) -> tuple[Fraction, ...]:
    """Read the interest of all rounds alike, or that of each."""
    if ";" not in reader.short_text("interest_rate"):
        return (reader.amount("interest_rate", highest=HIGHEST_RATE),)
    allowed = f'numbers from 0 to {HIGHEST_RATE}, one for each paid round, such as "0.05; 0.05; 0.10"'
    before = len(reader.problems)
    rates = reader.lists("interest_rate", _rate, allowed)
    if len(reader.problems) == before and any(len(rate) != 1 for rate in rates):
        reader.problem("interest_rate", allowed)
    _check_schedule(reader, "interest_rate", len(rates))
    return tuple(rate[0] for rate in rates if rate)


def _check_schedule(reader: Reader, key: str, entries: int) -> None:
    """See that a schedule has an entry for each paid round; practice rounds take its first ones."""
    rounds = reader.integer_or_none("paid_rounds")
    if entries == 1 or rounds is None:
        return
    if entries != rounds:
        reader.problem(key, f"the same for all rounds, or have {rounds} parts, one for each paid round")
    elif (reader.integer_or_none("practice_rounds") or 0) > rounds:
        reader.problem("practice_rounds", f"at most {rounds}, the rounds that {key} has parts for")


def _read_book(reader: Reader) -> dict[str, Any]:
    before = len(reader.problems)
    tick = reader.amount("tick", positive=True)
    highest = reader.amount("max_price", positive=True)
    if len(reader.problems) == before and (highest / tick).denominator != 1:
        reader.problem("max_price", f"a multiple of the tick, {exact_text(tick)}")
    selection, k = _read_selection(reader)
    return {
        "tick": tick,
        "max_price": highest,
        "max_quantity": reader.integer("max_quantity", 1),
        "max_open_orders": reader.integer("max_open_orders", 1),
        "price_selection": selection,
        "k": k,
        "rationing": reader.name("rationing", Rationing),
        "price_without_trade": reader.name("price_without_trade", PriceWithoutTrade),
    }


def _read_selection(reader: Reader) -> tuple[PriceSelection, Fraction]:
    """Read a name of the list, or `k_double:0.25`."""
    name, colon, number = reader.short_text("price_selection").partition(":")
    known = {str(one.value): one for one in PriceSelection}
    k = decimal(number) if colon else Fraction(1, 2)
    misplaced = bool(colon) and name != PriceSelection.K_DOUBLE.value
    if name not in known or k is None or not 0 <= k <= 1 or misplaced:
        reader.problem("price_selection", f"one of {', '.join(known)}, or k_double:K with K from 0 to 1")
        return PriceSelection.MIDPOINT, Fraction(1, 2)
    return known[name], k


def _read_forecasts(reader: Reader) -> dict[str, Any]:
    horizons = reader.items(
        "forecast_horizons", _horizon, 'whole numbers of rounds of at least 0, such as "0, 2, 5", or empty'
    )
    if len(set(horizons)) < len(horizons):
        reader.problem("forecast_horizons", "numbers that differ from each other")
    return {
        "forecast_horizons": horizons,
        "forecast_tolerance": reader.amount("forecast_tolerance"),
        "forecast_reward": reader.amount("forecast_reward"),
        "forecast_max": reader.amount("forecast_max", positive=True),
    }


def _read_surroundings(reader: Reader) -> dict[str, Any]:
    timers = ("consent", "instructions", "quiz")
    values = {
        "announce_computer_traders": reader.flag("announce_computer_traders"),
        "ethics_reference": reader.text("ethics_reference").strip(),
        "quiz": reader.flag("quiz"),
        **{f"{timer}_seconds": reader.seconds(f"{timer}_seconds") for timer in timers},
        "completion_url": reader.address("completion_url"),
    }
    if not values["announce_computer_traders"] and not values["ethics_reference"]:
        reader.problem(
            "ethics_reference",
            'the reference of the ethics decision, such as "IRB 2026-041", where '
            "announce_computer_traders is False",
        )
    return values


def _read_continuous(reader: Reader) -> dict[str, Any]:
    return {
        "must_improve": reader.flag("must_improve"),
        "clears_after_trade": reader.flag("clears_after_trade"),
        "schedule": _read_schedule_of_units(reader),
    }


def _read_schedule_of_units(reader: Reader) -> InducedSchedule | None:
    before = len(reader.problems)
    lists = {}
    for key in ("induced_values", "induced_costs"):
        units = read_units(reader.text(key), _amount)
        if units is None and len(reader.problems) == before:
            reader.problem(key, 'numbers of at least 0, such as "190, 150; 180, 120", or empty')
        lists[key] = units or ()
    if len(reader.problems) > before or not any(lists.values()):
        return None
    for key, units in lists.items():
        if not units:
            reader.problem(key, "given where the other of induced_values and induced_costs is")
    try:
        return numbered(lists["induced_values"], lists["induced_costs"])
    except ValueError as error:
        reader.problems.append(f"induced_values cannot be used with these induced_costs: {error}")
        return None


def _check_institution(reader: Reader, values: Mapping[str, Any]) -> None:
    """Tell what does not go with the institution, of values that are each as they may be."""
    if values["institution"] is Institution.CALL_MARKET:
        for key, usual in CONTINUOUS.items():
            if reader.short_text(key).strip().lower() != str(usual).lower():
                reader.problem(key, f"{'empty' if usual == '' else usual} in a call market")
        return
    if values["forecast_horizons"]:
        reader.problem("forecast_horizons", "empty in a double auction")
    if values["schedule"] is None:
        return
    paid = {
        "interest_rate": any(values["interest_rates"]),
        "buy_back": values["buy_back"],
        "endowment_shares": any(endowment.shares for endowment in values["endowments"]),
        "dividends": any(process.expected for process in values["dividends"]),
    }
    for key, amount in paid.items():
        if amount:
            reader.problem(key, "0 where units have induced values and costs")
    if values["disclose_fundamental"]:
        reader.problem("disclose_fundamental", "False where units have induced values and costs")


def _amount(value: object) -> Fraction | None:
    amount = decimal(value)
    return amount if amount is not None and 0 <= amount <= MOST else None


def _rate(value: object) -> Fraction | None:
    rate = decimal(value)
    return rate if rate is not None and 0 <= rate <= HIGHEST_RATE else None


def _shares(value: object) -> int | None:
    shares = whole(value)
    return shares if shares is not None and shares <= MOST else None


def _weight(value: object) -> int | None:
    weight = whole(value)
    return weight if weight is not None and 1 <= weight <= MOST else None


def _horizon(value: object) -> int | None:
    horizon = whole(value)
    return horizon if horizon is not None and horizon <= MOST_ROUNDS else None
