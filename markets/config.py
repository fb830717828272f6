"""Reading a session config: every value checked, every problem told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from markets.call_auction import PriceSelection, PriceWithoutTrade, Rationing
from markets.dividends import DividendOutcome, DividendProcess
from markets.induced import InducedSchedule
from markets.induced_config import numbered, read_units
from markets.institution import Institution
from markets.money import decimal_places, exact_text, parse_decimal

LONGEST_TEXT = 400
"""Characters of the longest config value that is read."""

LONGEST_NUMBER = 40
"""Characters of the longest number."""

MOST_DECIMALS = 6
"""Of an amount. Exact cash gains as many with every round, and its text must stay readable."""

MOST_ROUNDS = 500
"""Of one phase."""

MOST = 1_000_000
"""Highest number: of cash, shares, traders, seconds."""

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

_T = TypeVar("_T")
_Name = TypeVar("_Name", bound=Enum)


def read_config(config: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Read a config that has every key of the reference design, of `SURROUNDINGS` and of `CONTINUOUS`.

    Returns:
        The fields of `markets.parameters.MarketParameters`, and the problems: one sentence each, of key, what
        is wrong and what is allowed. Where there are problems the fields mean nothing.
    """
    reader = _Reader(config)
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


class _Reader:
    """Takes values of a config one by one and remembers what is wrong with them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self.problems: list[str] = []

    def value(self, key: str) -> object:
        return self._config[key]

    def problem(self, key: str, allowed: str) -> None:
        self.problems.append(f"{key} must be {allowed}, was {_short(self._config[key])}.")

    def integer(self, key: str, lowest: int, highest: int = MOST) -> int:
        value = _whole(self._config[key])
        if value is None or not lowest <= value <= highest:
            self.problem(key, f"a whole number from {lowest} to {highest}")
            return lowest
        return value

    def seconds(self, key: str) -> int | None:
        value = _whole(self._config[key])
        if value is None or not 0 <= value <= MOST:
            self.problem(key, f"a whole number of seconds up to {MOST}, or 0 for no timer")
        return value or None

    def amount(self, key: str, *, positive: bool = False, highest: int = MOST) -> Fraction:
        value = _decimal(self._config[key])
        if value is None or not 0 <= value <= highest or (positive and value == 0):
            bound = "above 0 and at most" if positive else "from 0 to"
            rest = f'{highest} with at most {MOST_DECIMALS} decimals, as text such as "0.05"'
            self.problem(key, f"a number {bound} {rest}")
            return Fraction(1)
        return value

    def flag(self, key: str) -> bool:
        value = self.short_text(key).strip().lower()
        if value not in ("true", "false"):
            self.problem(key, "True or False")
        return value == "true"

    def name(self, key: str, names: type[_Name]) -> _Name:
        known = {str(one.value): one for one in names}
        name = self.short_text(key)
        if name not in known:
            self.problem(key, f"one of {', '.join(known)}")
        return known.get(name, next(iter(names)))

    def text(self, key: str) -> str:
        if self.is_unreadable(key):
            self.problem(key, f"a text of at most {LONGEST_TEXT} characters")
        return self.short_text(key)

    def address(self, key: str) -> str:
        text = self.text(key).strip()
        if text and not _is_web_address(text):
            self.problem(key, "empty, or an address that begins with https://")
        return text

    def items(self, key: str, read: Callable[[object], _T | None], allowed: str) -> tuple[_T, ...]:
        """Read a list written as text, with commas between its items; an empty text is an empty list."""
        text = self.short_text(key)
        values = [read(part.strip()) for part in text.split(",")] if text.strip() else []
        if None in values or self.is_unreadable(key):
            self.problem(key, allowed)
        return tuple(value for value in values if value is not None)

    def short_text(self, key: str) -> str:
        return _text(self._config[key])

    def is_unreadable(self, key: str) -> bool:
        return self._config[key] != "" and not _text(self._config[key])


def _read_schedule(reader: _Reader) -> dict[str, Any]:
    timers = ("trade", "forecast", "results", "phase_start", "phase_end", "final")
    traders = reader.integer("traders_per_market", 0)
    if traders == 1:
        reader.problem("traders_per_market", "0 for one market of everybody, or at least 2")
    return {
        "practice_rounds": reader.integer("practice_rounds", 0, MOST_ROUNDS),
        "paid_rounds": reader.integer("paid_rounds", 1, MOST_ROUNDS),
        "traders_per_market": traders,
        **{f"{timer}_seconds": reader.seconds(f"{timer}_seconds") for timer in timers},
    }


def _read_asset(reader: _Reader) -> dict[str, Any]:
    return {
        "endowment_cash": reader.amount("endowment_cash"),
        "endowment_shares": reader.integer("endowment_shares", 0),
        "dividends": _read_dividends(reader),
        "interest_rate": reader.amount("interest_rate", highest=HIGHEST_RATE),
        "buy_back": reader.amount("buy_back"),
        "initial_price": reader.amount("initial_price", positive=True),
        "dividend_seed": reader.text("dividend_seed"),
    }


def _read_dividends(reader: _Reader) -> DividendProcess:
    before = len(reader.problems)
    amounts = reader.items("dividends", _amount, 'numbers of at least 0, such as "0.40, 1.00"')
    weights = reader.items("dividend_weights", _weight, 'whole numbers of at least 1, such as "1, 1"')
    if len(reader.problems) == before and not amounts:
        reader.problem("dividends", 'at least one number, such as "0.40, 1.00"')
    elif len(reader.problems) == before and len(amounts) != len(weights):
        reader.problem("dividend_weights", f"one weight for each of the {len(amounts)} dividends")
    if len(reader.problems) > before:
        return DividendProcess((DividendOutcome(Fraction(0), 1),))
    return DividendProcess(tuple(map(DividendOutcome, amounts, weights)))


def _read_book(reader: _Reader) -> dict[str, Any]:
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


def _read_selection(reader: _Reader) -> tuple[PriceSelection, Fraction]:
    """Read a name of the list, or `k_double:0.25`."""
    name, colon, number = reader.short_text("price_selection").partition(":")
    known = {str(one.value): one for one in PriceSelection}
    k = _decimal(number) if colon else Fraction(1, 2)
    misplaced = bool(colon) and name != PriceSelection.K_DOUBLE.value
    if name not in known or k is None or not 0 <= k <= 1 or misplaced:
        reader.problem("price_selection", f"one of {', '.join(known)}, or k_double:K with K from 0 to 1")
        return PriceSelection.MIDPOINT, Fraction(1, 2)
    return known[name], k


def _read_forecasts(reader: _Reader) -> dict[str, Any]:
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


def _read_surroundings(reader: _Reader) -> dict[str, Any]:
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


def _read_continuous(reader: _Reader) -> dict[str, Any]:
    return {
        "must_improve": reader.flag("must_improve"),
        "clears_after_trade": reader.flag("clears_after_trade"),
        "schedule": _read_schedule_of_units(reader),
    }


def _read_schedule_of_units(reader: _Reader) -> InducedSchedule | None:
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
        reader.problems.append(f"induced_values and induced_costs cannot be used: {error}")
        return None


def _check_institution(reader: _Reader, values: Mapping[str, Any]) -> None:
    """Tell what does not go with the institution, of values that are each as they may be."""
    if values["institution"] is Institution.CALL_MARKET:
        for key, usual in CONTINUOUS.items():
            if _text(reader.value(key)).strip().lower() != str(usual).lower():
                reader.problem(key, f"{'empty' if usual == '' else usual} in a call market")
        return
    if values["forecast_horizons"]:
        reader.problem("forecast_horizons", "empty in a double auction")
    if values["schedule"] is None:
        return
    for key in ("interest_rate", "buy_back", "endowment_shares"):
        if values[key]:
            reader.problem(key, "0 where units have induced values and costs")
    if values["dividends"].expected:
        reader.problem("dividends", "0 where units have induced values and costs")
    if values["disclose_fundamental"]:
        reader.problem("disclose_fundamental", "False where units have induced values and costs")


def _text(value: object) -> str:
    """Return a text, truth value or whole number as text; nothing else, and nothing long, has one."""
    if isinstance(value, int) and abs(value) < 10**LONGEST_NUMBER:
        return str(value)
    return value if isinstance(value, str) and len(value) <= LONGEST_TEXT else ""


def _whole(value: object) -> int | None:
    """Return an integer, or the integer a text holds; None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _decimal(value: object) -> Fraction | None:
    """Return an amount with at most `MOST_DECIMALS` decimals; None for anything else."""
    if isinstance(value, bool) or len(_text(value)) > LONGEST_NUMBER:
        return None
    try:
        amount = parse_decimal(_text(value))
    except ValueError:
        return None
    return amount if (decimal_places(amount) or 0) <= MOST_DECIMALS else None


def _amount(value: object) -> Fraction | None:
    amount = _decimal(value)
    return amount if amount is not None and 0 <= amount <= MOST else None


def _weight(value: object) -> int | None:
    weight = _whole(value)
    return weight if weight is not None and 1 <= weight <= MOST else None


def _horizon(value: object) -> int | None:
    horizon = _whole(value)
    return horizon if horizon is not None and horizon <= MOST_ROUNDS else None


def _is_web_address(text: str) -> bool:
    # Without brackets, which the signs leave out, there is no address that urlsplit cannot take apart.
    if not re.fullmatch(r"https://[\w.:/?&=%#~+,@-]+", text, re.ASCII):
        return False
    return bool(urlsplit(text).hostname)


def _short(value: object) -> str:
    """Return a value as a sentence can carry it."""
    text = _text(value)
    if text or value == "":
        return repr(text if len(text) <= 60 else text[:57] + "...")
    return repr(value) if isinstance(value, float) else "something that cannot be read"
