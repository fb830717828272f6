"""What a page prompt says of a page: the round, what has happened, the account, the trader's notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bots.agents.prompts.amounts import as_amount
from bots.agents.prompts.texts import Say, as_block, as_data, clipped
from bots.agents.rules import order_text
from bots.domain.market import MarketRules, MarketView, OwnRound, PastRound
from bots.domain.ports import Remembered

_HEAD = ["round", "price", "volume", "dividend", "bought", "sold", "interest", "dividends", "cash", "shares"]
_PRICES_HEAD = ["round", "price"]
_UNITS_HEAD = ["round", "price", "volume", "bought", "sold", "earned"]
_TOLD_HEAD = [*_HEAD[:3], *_HEAD[4:]]
_LONGEST_NOTE = 1500  # characters of one remembered text that are shown again


def round_words(say: Say, view: MarketView) -> str:
    if view.round is None:
        return view.page
    kind = f"told_{view.round.phase}" if view.market.stated_by == "readPage" else view.round.phase
    told = say("round", kind, number=view.round.number, of=view.round.of)
    if view.market.paid_markets == 1 or view.round.phase == "practice":
        return told
    return say("round", "market", round=told, market=view.round.market, markets=view.market.paid_markets)


def history_words(say: Say, view: MarketView) -> str:
    forecasting = view.market.forecast_feedback is not None
    kind = "prices" if forecasting else "units" if view.market.induced else "some"
    if not view.history:
        none = "no_units" if forecasting or view.market.induced else "none"
        return say("history", none, initial_price=as_amount(view.market.initial_price))
    own = {past.number: past for past in view.own}
    head, row = (_UNITS_HEAD, _units_row) if view.market.induced else (_HEAD, _history_row)
    if forecasting:
        head, row = _PRICES_HEAD, _prices_row
    if view.market.stated_by == "readPage":
        head, row, kind = _TOLD_HEAD, _told_row, "told"
    rows = [say.renamed(head), *(row(past, own.get(past.number)) for past in view.history)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(one, widths, strict=True)) for one in rows]
    return say("history", kind) + "\n" + as_block("\n".join(lines))


def _prices_row(past: PastRound, own: OwnRound | None) -> list[str]:
    del own  # nobody trades
    return [str(past.number), "-" if past.price is None else as_amount(past.price)]


def _units_row(past: PastRound, own: OwnRound | None) -> list[str]:
    price = "-" if past.price is None else as_amount(past.price)
    done = ["-", "-"] if own is None else [str(own.bought), str(own.sold)]
    earned = "-" if own is None or own.earnings is None else as_amount(own.earnings)
    return [str(past.number), price, str(past.volume), *done, earned]


def _history_row(past: PastRound, own: OwnRound | None) -> list[str]:
    price = "-" if past.price is None else as_amount(past.price)
    market = [str(past.number), price, str(past.volume), as_amount(past.dividend)]
    if own is None:
        return [*market, *"------"]
    amounts = [as_amount(own.interest), as_amount(own.dividends), as_amount(own.cash)]
    return [*market, str(own.bought), str(own.sold), *amounts, str(own.shares)]


def _told_row(past: PastRound, own: OwnRound | None) -> list[str]:
    """A finished round without its dividend a share, which the page does not tell."""
    row = _history_row(past, own)
    return [*row[:3], *row[4:]]


def account_words(say: Say, view: MarketView) -> str:
    return "\n".join(_account_lines(say, view))


def _account_lines(say: Say, view: MarketView) -> Iterator[str]:
    if view.market.forecast_feedback is not None:
        yield from _own_forecasts(say, view)
        return
    if view.holdings is None:
        yield say("account", "unknown")
    else:
        yield say(
            "account",
            "now",
            cash=as_amount(view.holdings.cash),
            cash_available=as_amount(view.holdings.cash_available),
            shares=view.holdings.shares,
            shares_available=view.holdings.shares_available,
            things=things_words(say, view.market),
        )
    orders = [say("account", "order", id=one.order_id, order=order_text(one)) for one in view.open_orders]
    yield say("account", "orders" if orders else "no_orders")
    if orders:
        yield as_block("\n".join(orders))
    yield from _own_forecasts(say, view)


def _own_forecasts(say: Say, view: MarketView) -> Iterator[str]:
    given = [
        say("account", "forecast", round=one.round, value=as_amount(one.value))
        for one in view.forecasts
        if one.value is not None
    ]
    if given:
        yield say("account", "forecasts")
        yield as_block("\n".join(given))


def things_words(say: Say, market: MarketRules) -> str:
    return say("things", "units" if market.induced else "shares")


def memory_words(say: Say, memory: Sequence[Remembered], *, several: bool) -> str:
    """Return the notes; where a session has several paid markets in a row, with the market of each."""
    if not memory:
        return say("memory", "none")
    return (
        say("memory", "some") + "\n" + as_block("\n".join(_remembered(say, past, several) for past in memory))
    )


def _remembered(say: Say, past: Remembered, several: bool) -> str:
    notes = {
        "plan": past.plan,
        "insight": past.insight,
        "orders": "; ".join(say.renamed(past.orders)),
        "forecasts": "; ".join(past.forecasts),
    }
    lines = [say("memory", key, text=as_data(_short(text))) for key, text in notes.items() if text]
    when = "round_of_market" if several and past.phase == "paid" else "round"
    told = say("memory", when, phase=past.phase, number=past.round, market=past.market)
    if past.reflection:
        told = say("memory", "reflection", round=told)
    return "\n".join([told, *lines])


def _short(text: str) -> str:
    return clipped(" ".join(text.split()), _LONGEST_NOTE)


def wanted_words(say: Say, view: MarketView) -> Iterator[str]:
    for one in view.forecast_inputs:
        yield say(
            "wanted",
            "line",
            field=as_data(one.field),
            round=one.round,
            minimum=as_amount(one.minimum),
            maximum=as_amount(one.maximum),
        )
