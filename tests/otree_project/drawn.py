"""What a page of the market has to show, worked out from its data block and not by the page's script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from selenium import webdriver

from bots.domain.market import DividendOutcome, MarketView, RoundResult

_TEXTS = """
    const plain = (one) => one.textContent.replace(/\\s+/g, " ").trim();
    const rows = (selector) => Array.from(document.querySelectorAll(selector + " tbody tr"),
        (row) => Array.from(row.cells, plain));
    const data = (selector, ...names) => Array.from(document.querySelectorAll(selector),
        (one) => names.map((name) => one.getAttribute(name)));
    const named = (name) => Array.from(document.querySelectorAll(`[data-${name}]`),
        (one) => [one.dataset[name], plain(one)]);
    return {
        shown: named("show"),
        history: rows("[data-draw=history]"),
        scored: rows("#scored-table"),
        orders: named("order"),
        asked: named("forecast"),
        points: data("circle[data-price]", "data-round", "data-price"),
        bars: data("[data-volume]", "data-round", "data-volume"),
        diamonds: data("[data-forecast-value]", "data-round", "data-forecast-value"),
        lists: document.querySelectorAll("[data-draw=orders]").length,
        tables: document.querySelectorAll("[data-draw=history]").length,
        charts: document.querySelectorAll("[data-draw=chart]").length,
    };
"""


def assert_drawn_as_told(driver: webdriver.Chrome) -> None:
    """Check that all a page draws is what its data block says, and that nothing drawn is unknown here."""
    told = driver.execute_script("return document.getElementById('market-view').textContent")
    view, drawn = MarketView.model_validate_json(told), driver.execute_script(_TEXTS)
    for key, text in drawn["shown"]:
        assert text == SHOWN[key](view), f"{key} on {view.page}"
    assert drawn["asked"] == [
        [one.field, f"Round {one.round}" + (" (this round)" if one.horizon == 0 else "")]
        for one in view.forecast_inputs
    ]
    assert drawn["orders"] == (_orders(view) if drawn["lists"] else [])
    assert drawn["scored"] == (_scored(view, view.result) if view.result else [])
    if drawn["charts"]:
        _assert_history_is_drawn(view, drawn)


def _assert_history_is_drawn(view: MarketView, drawn: Mapping[str, Any]) -> None:
    priced = [past for past in view.history if past.price is not None]
    assert drawn["points"] == [[str(past.number), f"{past.price:f}"] for past in priced]
    assert drawn["bars"] == [[str(past.number), str(past.volume)] for past in view.history]
    assert drawn["diamonds"] == [[str(one.round), f"{one.value:f}"] for one in view.forecasts if one.value]
    if drawn["tables"]:
        assert drawn["history"] == _rows(view)


def _rows(view: MarketView) -> list[list[str]]:
    own = {one.number: one for one in view.own}
    rows = []
    for past in reversed(view.history):
        mine = own[past.number]
        price = "none" if past.price is None else _money(view, past.price)
        public = [str(past.number), price, str(past.volume), _money(view, past.dividend)]
        rows.append([*public, str(mine.bought), str(mine.sold), _money(view, mine.cash), str(mine.shares)])
    return rows


def _orders(view: MarketView) -> list[list[str]]:
    return [
        [
            str(one.order_id),
            f"{one.side.value.capitalize()}{_shares(one.quantity)} at {_money(view, one.limit)} "
            f"{'or less' if one.side.value == 'buy' else 'or more'}Cancel",
        ]
        for one in view.open_orders
    ]


def _scored(view: MarketView, result: RoundResult) -> list[list[str]]:
    return [
        [
            str(one.made_in),
            _money(view, one.value),
            f"+ {_money(view, one.reward)}" if one.reward else "no reward",
        ]
        for one in result.forecasts
    ]


def _money(view: MarketView, amount: Decimal) -> str:
    """At least as many places as amounts are shown with, and never fewer than there are."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.ljust(view.market.decimals, '0')}".rstrip(".")


def _shares(count: int) -> str:
    return f"{count} share" if count == 1 else f"{count} shares"


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} % a round"


def _last_price(view: MarketView) -> Decimal:
    prices = [past.price for past in view.history if past.price is not None]
    return prices[-1] if prices else view.market.initial_price


def _dividends(view: MarketView) -> str:
    outcomes: tuple[DividendOutcome, ...] = view.market.dividends_in(view.round.number if view.round else 1)
    total = sum(one.weight for one in outcomes)
    even = len({one.weight for one in outcomes}) == 1
    words = [_money(view, one.amount) + ("" if even else f" ({one.weight} in {total})") for one in outcomes]
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _round(view: MarketView) -> str:
    if view.round is None:
        return ""
    paid, at = view.round.phase == "paid", view.round
    several = f"Market {at.market} of {view.market.paid_markets} · " if view.market.paid_markets > 1 else ""
    return (several if paid else "") + f"{'Round' if paid else 'Practice round'} {at.number} of {at.of}"


def _outcome(view: MarketView) -> str:
    assert view.result is not None
    bought, sold, price = view.result.bought, view.result.sold, view.result.price
    done = [f"{verb} {_shares(count)}" for verb, count in (("bought", bought), ("sold", sold)) if count]
    if not done:
        return "You did not trade in this round."
    assert price is not None
    return f"You {' and '.join(done)} at {_money(view, price)} each."


def _pay(view: MarketView, amount: Decimal | None) -> str:
    assert amount is not None
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.ljust(2, '0')} {view.market.currency}"


def _of(path: str) -> Callable[[MarketView], str]:
    """Return what shows an amount or a count that stands in the view under a dotted name."""

    def show(view: MarketView) -> str:
        value: Any = view
        for name in path.split("."):
            value = getattr(value, name)
        return "none" if value is None else _money(view, value) if isinstance(value, Decimal) else str(value)

    return show


SHOWN: Mapping[str, Callable[[MarketView], str]] = {
    "round": _round,
    "last-price-label": lambda view: (
        "Last price" if any(past.price is not None for past in view.history) else "Reference price"
    ),
    "last-price": lambda view: _money(view, _last_price(view)),
    "dividends": _dividends,
    "interest-rate": lambda view: _percent(view.market.interest_in(view.round.number if view.round else 1)),
    "buy-back": _of("market.buy_back"),
    "cash": _of("holdings.cash"),
    "shares": _of("holdings.shares"),
    "cash-available": _of("holdings.cash_available"),
    "shares-available": _of("holdings.shares_available"),
    "shares-worth": lambda view: _money(
        view, _last_price(view) * (view.holdings.shares if view.holdings else 0)
    ),
    "result-price": _of("result.price"),
    "result-volume": _of("result.volume"),
    "result-dividend": _of("result.dividend"),
    "result-dividends": _of("result.dividends"),
    "result-interest": _of("result.interest"),
    "result-outcome": _outcome,
    "forecast-tolerance": _of("market.forecast_tolerance"),
    "forecast-reward": _of("market.forecast_reward"),
    "forecast-max": _of("market.forecast_max"),
    "final-cash": _of("final.cash"),
    "final-shares": _of("final.shares"),
    "final-buy-back": _of("final.buy_back_income"),
    "final-wealth": _of("final.final_wealth"),
    "final-forecasts": _of("final.forecast_earnings"),
    "final-earlier": _of("final.earlier_markets"),
    "final-payoff": lambda view: _pay(view, view.final.payoff if view.final else None),
    "participation-fee": lambda view: _pay(view, view.market.participation_fee),
    "cash-per-unit": lambda view: f"{view.market.cash_per_currency_unit:f}",
}
