"""Templates and what a trader sees → the text a model reads. Pure once the templates are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Literal

from bots.agents.prompts.texts import Wording, as_block, as_data, fill, sentences, text, variants
from bots.agents.rules import expected_dividend, order_text
from bots.domain.market import BookLevel, DividendOutcome, MarketRules, MarketView, OwnRound, PastRound
from bots.domain.ports import Remembered, Situation

NumberForm = Literal["number", "text", "integer"]
"""How a model is asked to write prices; small models manage whole numbers best."""

_BLANK_LINES = re.compile(r"\n{3,}")
_FILES = (
    "system.txt",
    "system_units.txt",
    "system_forecast.txt",
    "trade.txt",
    "period.txt",
    "reflection.txt",
    "forecast.txt",
    "again.txt",
    "sentences.toml",
    "told_system.txt",
    "participant.txt",
    "page.txt",
    "pages.toml",
)
_HEAD = ["round", "price", "volume", "dividend", "bought", "sold", "interest", "dividends", "cash", "shares"]
_PRICES_HEAD = ["round", "price"]
_UNITS_HEAD = ["round", "price", "volume", "bought", "sold", "earned"]
_AS_USUAL = Wording()
_TOLD_HEAD = [*_HEAD[:3], *_HEAD[4:]]
_LONGEST_NOTE = 1500  # characters of one remembered text that are shown again


def texts_hash() -> str:
    """Return the sha256 of all prompt texts and their variants, in hexadecimal."""
    together = hashlib.sha256()
    for name in _FILES:
        together.update(f"{name}\0{text(name)}\0".encode())
    for variant, own in variants().items():
        for name in own:
            together.update(f"{variant}/{name}\0{text(name, variant)}\0".encode())
    return together.hexdigest()


def system_prompt(market: MarketRules, wording: Wording = _AS_USUAL, *, notes_kept: bool = True) -> str:
    """Return what stays the same all session: the rules that everybody knows, and how to answer.

    Args:
        notes_kept: what the trader writes down is shown to it again in later rounds.
    """
    notes = _say("notes", "kept" if notes_kept else "dropped")
    if market.forecast_feedback is not None:
        return _forecasting(market, market.forecast_feedback, notes)
    if market.stated_by == "readPage":
        return _told(market, wording, notes)
    filled = fill(
        text("system_units.txt" if market.induced else "system.txt", wording.variant),
        persona=persona_words(wording),
        others=_others(market.traders - 1),
        computer_traders=_say("computer_traders", "told") if market.computer_traders else "",
        length=_length(market),
        endowment_cash=_amount(market.endowment_cash),
        endowment_shares=market.endowment_shares,
        interest=_interest(market),
        dividends=_dividends(market),
        buy_back=_amount(market.buy_back),
        fundamental=_fundamental(market),
        institution=_institution(market),
        tick=_amount(market.tick),
        max_price=_amount(market.max_price),
        max_quantity=market.max_quantity,
        max_open_orders=market.max_open_orders,
        forecasts=_forecasts(market),
        earned_by_forecasts=_say("earned_by_forecasts", "asked") if market.forecast_horizons else "",
        pay=_pay(market),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def _forecasting(market: MarketRules, feedback: str, notes: str) -> str:
    """Return the rules of a market in which nobody trades and forecasts make the price."""
    filled = fill(
        text("system_forecast.txt"),
        others=_say("others", "forecasters", count=market.traders - 1),
        computer_traders=_say("computer_traders", "told") if market.computer_traders else "",
        paid_rounds=market.paid_rounds,
        which=_say("forecasting", "next" if market.forecast_horizons == (1,) else "present"),
        feedback=_say("forecasting", feedback),
        max_price=_amount(market.max_price),
        maximum=_amount(market.forecast_max),
        reward=_number(market.forecast_reward),
        error=_number(market.forecast_tolerance),
        pay=_pay(market),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def _told(market: MarketRules, wording: Wording, notes: str) -> str:
    """Return the rules that a page states which tells a part of them only; no other stands in the prompt."""
    filled = fill(
        text("told_system.txt", wording.variant),
        persona=persona_words(wording),
        rounds=market.practice_rounds + market.paid_rounds,
        interest_percent=_number(market.interest_rate * 100),
        dividends=" or ".join(_number(one.amount) for one in market.dividends),
        buy_back=_amount(market.buy_back),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def persona_words(wording: Wording) -> str:
    """Return what a model is told about itself; nothing where it has no persona."""
    return _say("persona", "told", text=wording.persona) if wording.persona else ""


def reasoning_words(wording: Wording) -> str:
    """Return how reasons are asked for; nothing where they are not."""
    return _say("reasoning", "asked") if wording.reasoning else ""


def page_prompt(situation: Situation, numbers: NumberForm = "number", wording: Wording = _AS_USUAL) -> str:
    """Return what one trade or forecast page says, with the trader's notes."""
    view = situation.view
    trade = view.page == "trade"
    seconds = view.market.trade_seconds if trade else view.market.forecast_seconds
    if trade and view.period is not None:
        return _period_prompt(situation, numbers, wording)
    return fill(
        text("trade.txt" if trade else "forecast.txt", wording.variant),
        reasoning=reasoning_words(wording),
        round=_round(view),
        time="" if seconds is None else _say("time", "timed", seconds=seconds),
        history=_history(view),
        account=_account(view),
        memory=_memory(situation.memory, several=view.market.paid_markets > 1),
        price_form=_say("price_form", numbers),
        cancel=_say("cancel", "possible") if view.open_orders else "",
        wanted="\n".join(_wanted(view)),
        fields=", ".join(f'"{one.field}"' for one in view.forecast_inputs),
    )


def reflection_prompt(situation: Situation, wording: Wording = _AS_USUAL) -> str:
    """Return what the last page of a phase says, and the question what was learnt in it."""
    view = situation.view
    phase = view.round.phase if view.round else "paid"
    return fill(
        text("reflection.txt", wording.variant),
        phase=_say("reflection", f"phase_{phase}"),
        round=_round(view),
        history=_history(view),
        account=_account(view),
        memory=_memory(situation.memory, several=view.market.paid_markets > 1),
        plan=_say("reflection", _what_comes(view)),
    )


def _what_comes(view: MarketView) -> str:
    """Return for what a reflection's plan is: the paid rounds, the next paid market, or nothing."""
    if view.round is None:
        return "end"
    if view.round.phase == "practice":
        return "practice"
    return "market" if view.round.market < view.market.paid_markets else "end"


def _period_prompt(situation: Situation, numbers: NumberForm, wording: Wording) -> str:
    """Return what the trade page of a double auction says as it is now."""
    view = situation.view
    seconds = view.market.trade_seconds
    filled = fill(
        text("period.txt", wording.variant),
        reasoning=reasoning_words(wording),
        round=_round(view),
        time="" if seconds is None else _say("time", "timed", seconds=seconds),
        history=_history(view),
        account=_account(view),
        units=_units(view),
        book=_book(view),
        trades=_trades(view),
        memory=_memory(situation.memory, several=view.market.paid_markets > 1),
        things=_things(view.market),
        price_form=_say("price_form", numbers),
        cancel=_say("cancel", "possible") if view.open_orders else "",
    )
    return _BLANK_LINES.sub("\n\n", filled)


def _things(market: MarketRules) -> str:
    return _say("things", "units" if market.induced else "shares")


def _units(view: MarketView) -> str:
    if view.units is None:
        return ""
    if not view.units_left:
        return _say("units", "none")
    return _say("units", view.units.side.value, worth=", ".join(map(_amount, view.units_left)))


def _book(view: MarketView) -> str:
    period = view.period
    if period is None or not (period.bids or period.offers):
        return _say("book", "none")
    sides = [("offers", period.offers), ("bids", period.bids)]
    lines = [_say("book", name, levels=_levels(levels)) for name, levels in sides]
    return _say("book", "some") + "\n" + as_block("\n".join(lines))


def _levels(levels: Sequence[BookLevel]) -> str:
    told = [_say("book", "level", quantity=one.quantity, limit=_amount(one.limit)) for one in levels]
    return ", ".join(told) or _say("book", "empty")


def _trades(view: MarketView) -> str:
    if view.period is None or not view.period.trades:
        return _say("trades", "none")
    own = {trade.number: _say("trades", trade.side.value) for trade in view.period.own_trades}
    lines = [
        _say(
            "trades",
            "trade",
            second=trade.second,
            quantity=trade.quantity,
            price=_amount(trade.price),
            own=own.get(trade.number, ""),
        )
        for trade in view.period.trades
    ]
    return _say("trades", "some") + "\n" + as_block("\n".join(lines))


def again(faults: Sequence[str]) -> str:
    """Return what a model is told whose answer cannot be used."""
    return fill(text("again.txt"), faults=as_data("\n".join(f"- {fault}" for fault in faults)))


def _others(count: int) -> str:
    if count <= 0:
        return _say("others", "none")
    return _say("others", "one") if count == 1 else _say("others", "many", count=count)


def _length(market: MarketRules) -> str:
    told = _say(
        "length",
        "practice" if market.practice_rounds else "no_practice",
        practice_rounds=market.practice_rounds,
        paid_rounds=market.paid_rounds,
        each=_say("length", "each") if market.paid_markets > 1 else "",
    )
    if market.paid_markets == 1:
        return told
    markets = _say("length", "markets", markets=market.paid_markets, paid_rounds=market.paid_rounds)
    return f"{told}\n{markets}"


def _interest(market: MarketRules) -> str:
    if market.interest_by_round is None:
        return _say("interest", "same", percent=_number(market.interest_rate * 100))
    rates = [
        _say("interest", "round", percent=_number(rate * 100), round=number)
        for number, rate in enumerate(market.interest_by_round, start=1)
    ]
    return _say("interest", "by_round", rates=", ".join(rates))


def _dividends(market: MarketRules) -> str:
    if market.dividends_by_round is not None:
        rounds = [
            _say("dividends", "round", outcomes=_outcomes(outcomes), round=number)
            for number, outcomes in enumerate(market.dividends_by_round, start=1)
        ]
        return _say("dividends", "by_round", rounds="; ".join(rounds))
    if len(market.dividends) == 1:
        return _say("dividends", "one", amount=_amount(market.dividends[0].amount))
    outcomes, expected = _outcomes(market.dividends), _amount(expected_dividend(market))
    return _say("dividends", "several", outcomes=outcomes, expected=expected)


def _outcomes(dividends: Sequence[DividendOutcome]) -> str:
    weights = sum(outcome.weight for outcome in dividends)
    return ", ".join(
        _say("dividends", "outcome", amount=_amount(one.amount), weight=one.weight, weights=weights)
        for one in dividends
    )


def _fundamental(market: MarketRules) -> str:
    if market.fundamental_values is None:
        return ""
    values = [
        _say("fundamental", "value", value=_amount(value), round=number)
        for number, value in enumerate(market.fundamental_values, start=1)
    ]
    return _say("fundamental", "disclosed", values=", ".join(values))


def _institution(market: MarketRules) -> str:
    told = _say(
        "institution",
        market.institution,
        price_selection=_named("price_selection", market.price_selection),
        rationing=_named("rationing", market.rationing),
        price_without_trade=_named("price_without_trade", market.price_without_trade),
    )
    more = [("improve", market.must_improve), ("clears", market.clears_after_trade)]
    return "\n".join([told, *(_say("institution", name) for name, holds in more if holds)])


def _named(table: str, name: str) -> str:
    return _say(table, name if name in _sentences()[table] else "other", name=as_data(name))


def _forecasts(market: MarketRules) -> str:
    if not market.forecast_horizons:
        return _say("forecasts", "none")
    return _say(
        "forecasts",
        "asked",
        horizons=", ".join(map(str, market.forecast_horizons)),
        tolerance=_amount(market.forecast_tolerance),
        reward=_amount(market.forecast_reward),
        maximum=_amount(market.forecast_max),
    )


def _pay(market: MarketRules) -> str:
    return _say(
        "pay",
        "fee" if market.participation_fee else "no_fee",
        cash=_number(market.cash_per_currency_unit),
        currency=as_data(market.currency),
        fee=_amount(market.participation_fee),
    )


def _round(view: MarketView) -> str:
    if view.round is None:
        return view.page
    kind = f"told_{view.round.phase}" if view.market.stated_by == "readPage" else view.round.phase
    told = _say("round", kind, number=view.round.number, of=view.round.of)
    if view.market.paid_markets == 1 or view.round.phase == "practice":
        return told
    return _say("round", "market", round=told, market=view.round.market, markets=view.market.paid_markets)


def _history(view: MarketView) -> str:
    forecasting = view.market.forecast_feedback is not None
    kind = "prices" if forecasting else "units" if view.market.induced else "some"
    if not view.history:
        none = "no_units" if forecasting or view.market.induced else "none"
        return _say("history", none, initial_price=_amount(view.market.initial_price))
    own = {past.number: past for past in view.own}
    head, row = (_UNITS_HEAD, _units_row) if view.market.induced else (_HEAD, _history_row)
    if forecasting:
        head, row = _PRICES_HEAD, _prices_row
    if view.market.stated_by == "readPage":
        head, row, kind = _TOLD_HEAD, _told_row, "told"
    rows = [head, *(row(past, own.get(past.number)) for past in view.history)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(one, widths, strict=True)) for one in rows]
    return _say("history", kind) + "\n" + as_block("\n".join(lines))


def _prices_row(past: PastRound, own: OwnRound | None) -> list[str]:
    del own  # nobody trades
    return [str(past.number), "-" if past.price is None else _amount(past.price)]


def _units_row(past: PastRound, own: OwnRound | None) -> list[str]:
    price = "-" if past.price is None else _amount(past.price)
    done = ["-", "-"] if own is None else [str(own.bought), str(own.sold)]
    earned = "-" if own is None or own.earnings is None else _amount(own.earnings)
    return [str(past.number), price, str(past.volume), *done, earned]


def _history_row(past: PastRound, own: OwnRound | None) -> list[str]:
    price = "-" if past.price is None else _amount(past.price)
    market = [str(past.number), price, str(past.volume), _amount(past.dividend)]
    if own is None:
        return [*market, *"------"]
    amounts = [_amount(own.interest), _amount(own.dividends), _amount(own.cash)]
    return [*market, str(own.bought), str(own.sold), *amounts, str(own.shares)]


def _told_row(past: PastRound, own: OwnRound | None) -> list[str]:
    """A finished round without its dividend a share, which the page does not tell."""
    row = _history_row(past, own)
    return [*row[:3], *row[4:]]


def _account(view: MarketView) -> str:
    return "\n".join(_account_lines(view))


def _account_lines(view: MarketView) -> Iterator[str]:
    if view.market.forecast_feedback is not None:
        yield from _own_forecasts(view)
        return
    if view.holdings is None:
        yield _say("account", "unknown")
    else:
        yield _say(
            "account",
            "now",
            cash=_amount(view.holdings.cash),
            cash_available=_amount(view.holdings.cash_available),
            shares=view.holdings.shares,
            shares_available=view.holdings.shares_available,
            things=_things(view.market),
        )
    orders = [_say("account", "order", id=one.order_id, order=order_text(one)) for one in view.open_orders]
    yield _say("account", "orders" if orders else "no_orders")
    if orders:
        yield as_block("\n".join(orders))
    yield from _own_forecasts(view)


def _own_forecasts(view: MarketView) -> Iterator[str]:
    given = [
        _say("account", "forecast", round=one.round, value=_amount(one.value))
        for one in view.forecasts
        if one.value is not None
    ]
    if given:
        yield _say("account", "forecasts")
        yield as_block("\n".join(given))


def _memory(memory: Sequence[Remembered], *, several: bool) -> str:
    """Return the notes; where a session has several paid markets in a row, with the market of each."""
    if not memory:
        return _say("memory", "none")
    return _say("memory", "some") + "\n" + as_block("\n".join(_remembered(past, several) for past in memory))


def _remembered(past: Remembered, several: bool) -> str:
    notes = {
        "plan": past.plan,
        "insight": past.insight,
        "orders": "; ".join(past.orders),
        "forecasts": "; ".join(past.forecasts),
    }
    lines = [_say("memory", key, text=as_data(_clipped(text))) for key, text in notes.items() if text]
    when = "round_of_market" if several and past.phase == "paid" else "round"
    told = _say("memory", when, phase=past.phase, number=past.round, market=past.market)
    if past.reflection:
        told = _say("memory", "reflection", round=told)
    return "\n".join([told, *lines])


def _wanted(view: MarketView) -> Iterator[str]:
    for one in view.forecast_inputs:
        yield _say(
            "wanted",
            "line",
            field=as_data(one.field),
            round=one.round,
            minimum=_amount(one.minimum),
            maximum=_amount(one.maximum),
        )


def _clipped(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_NOTE else one_line[:_LONGEST_NOTE] + " [cut]"


def _amount(amount: Decimal) -> str:
    """Two decimals, or all there are: 14.00, 0.125."""
    whole, _, places = f"{amount:f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}"


def _number(amount: Decimal) -> str:
    """As short as it is exact: 5, 2.5."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _say(table: str, key: str, /, **fields: object) -> str:
    return fill(_sentences()[table][key], **fields)


def _sentences() -> Mapping[str, Mapping[str, str]]:
    return sentences("sentences.toml")
