"""Templates and what a trader sees → the text a model reads. Pure once the templates are read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from bots.agents.prompts.amounts import as_amount, as_number
from bots.agents.prompts.page_words import (
    account_words,
    history_words,
    memory_words,
    round_words,
    things_words,
    wanted_words,
)
from bots.agents.prompts.period_words import book_words, trades_words, units_words
from bots.agents.prompts.rule_words import (
    dividends_words,
    forecasts_words,
    fundamental_words,
    institution_words,
    interest_words,
    length_words,
    others_words,
    pay_words,
)
from bots.agents.prompts.texts import Say, Wording, as_data, fill, raw_text, renamed, text, variants
from bots.domain.market import MarketRules, MarketView
from bots.domain.ports import Situation

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
_AS_USUAL = Wording()


def texts_hash() -> str:
    """Return the sha256 of all prompt texts and their variants, in hexadecimal."""
    together = hashlib.sha256()
    for name in _FILES:
        together.update(f"{name}\0{raw_text(name)}\0".encode())
    for variant, own in variants().items():
        for name in own:
            together.update(f"{variant}/{name}\0{raw_text(name, variant)}\0".encode())
    return together.hexdigest()


def system_prompt(market: MarketRules, wording: Wording = _AS_USUAL, *, notes_kept: bool = True) -> str:
    """Return what stays the same all session: the rules that everybody knows, and how to answer.

    Args:
        notes_kept: what the trader writes down is shown to it again in later rounds.
    """
    say = Say(wording.variant)
    notes = say("notes", "kept" if notes_kept else "dropped")
    if market.forecast_feedback is not None:
        return _forecasting(market, wording, notes)
    if market.stated_by == "readPage":
        return _told(market, wording, notes)
    filled = fill(
        text("system_units.txt" if market.induced else "system.txt", wording.variant),
        persona=persona_words(wording),
        others=others_words(say, market.traders - 1),
        computer_traders=say("computer_traders", "told") if market.computer_traders else "",
        length=length_words(say, market),
        endowment_cash=as_amount(market.endowment_cash),
        endowment_shares=market.endowment_shares,
        interest=interest_words(say, market),
        dividends=dividends_words(say, market),
        buy_back=as_amount(market.buy_back),
        fundamental=fundamental_words(say, market),
        institution=institution_words(say, market),
        tick=as_amount(market.tick),
        max_price=as_amount(market.max_price),
        max_quantity=market.max_quantity,
        max_open_orders=market.max_open_orders,
        forecasts=forecasts_words(say, market),
        earned_by_forecasts=say("earned_by_forecasts", "asked") if market.forecast_horizons else "",
        pay=pay_words(say, market),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def _forecasting(market: MarketRules, wording: Wording, notes: str) -> str:
    """Return the rules of a market in which nobody trades and forecasts make the price."""
    say = Say(wording.variant)
    filled = fill(
        text("system_forecast.txt", wording.variant),
        persona=persona_words(wording),
        others=say("others", "forecasters", count=market.traders - 1),
        computer_traders=say("computer_traders", "told") if market.computer_traders else "",
        paid_rounds=market.paid_rounds,
        which=say("forecasting", "next" if market.forecast_horizons == (1,) else "present"),
        feedback=say("forecasting", str(market.forecast_feedback)),
        max_price=as_amount(market.max_price),
        maximum=as_amount(market.forecast_max),
        reward=as_number(market.forecast_reward),
        error=as_number(market.forecast_tolerance),
        pay=pay_words(say, market),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def _told(market: MarketRules, wording: Wording, notes: str) -> str:
    """Return the rules that a page states which tells a part of them only; no other stands in the prompt."""
    filled = fill(
        text("told_system.txt", wording.variant),
        persona=persona_words(wording),
        rounds=market.practice_rounds + market.paid_rounds,
        interest_percent=as_number(market.interest_rate * 100),
        dividends=" or ".join(as_number(one.amount) for one in market.dividends),
        buy_back=as_amount(market.buy_back),
        notes=notes,
    )
    return _BLANK_LINES.sub("\n\n", filled)


def persona_words(wording: Wording) -> str:
    """Return what a model is told about itself; nothing where it has no persona."""
    return Say(wording.variant)("persona", "told", text=wording.persona) if wording.persona else ""


def reasoning_words(wording: Wording) -> str:
    """Return how reasons are asked for; nothing where they are not."""
    return Say(wording.variant)("reasoning", "asked") if wording.reasoning else ""


def page_prompt(situation: Situation, numbers: NumberForm = "number", wording: Wording = _AS_USUAL) -> str:
    """Return what one trade or forecast page says, with the trader's notes."""
    say, view = Say(wording.variant), situation.view
    trade = view.page == "trade"
    seconds = view.market.trade_seconds if trade else view.market.forecast_seconds
    if trade and view.period is not None:
        return _period_prompt(situation, numbers, wording)
    return fill(
        text("trade.txt" if trade else "forecast.txt", wording.variant),
        reasoning=reasoning_words(wording),
        round=round_words(say, view),
        time="" if seconds is None else say("time", "timed", seconds=seconds),
        history=history_words(say, view),
        account=account_words(say, view),
        memory=memory_words(say, situation.memory, several=view.market.paid_markets > 1),
        price_form=say("price_form", numbers),
        cancel=say("cancel", "possible") if view.open_orders else "",
        wanted="\n".join(wanted_words(say, view)),
        fields=", ".join(f'"{one.field}"' for one in view.forecast_inputs),
    )


def reflection_prompt(situation: Situation, wording: Wording = _AS_USUAL) -> str:
    """Return what the last page of a phase says, and the question what was learnt in it."""
    say, view = Say(wording.variant), situation.view
    phase = view.round.phase if view.round else "paid"
    return fill(
        text("reflection.txt", wording.variant),
        phase=say("reflection", f"phase_{phase}"),
        round=round_words(say, view),
        history=history_words(say, view),
        account=account_words(say, view),
        memory=memory_words(say, situation.memory, several=view.market.paid_markets > 1),
        plan=say("reflection", _what_comes(view)),
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
    say, view = Say(wording.variant), situation.view
    seconds = view.market.trade_seconds
    filled = fill(
        text("period.txt", wording.variant),
        reasoning=reasoning_words(wording),
        round=round_words(say, view),
        time="" if seconds is None else say("time", "timed", seconds=seconds),
        history=history_words(say, view),
        account=account_words(say, view),
        units=units_words(say, view),
        book=book_words(say, view),
        trades=trades_words(say, view),
        memory=memory_words(say, situation.memory, several=view.market.paid_markets > 1),
        things=things_words(say, view.market),
        price_form=say("price_form", numbers),
        cancel=say("cancel", "possible") if view.open_orders else "",
    )
    return _BLANK_LINES.sub("\n\n", filled)


def again(faults: Sequence[str], wording: Wording = _AS_USUAL) -> str:
    """Return what a model is told whose answer cannot be used."""
    told = renamed("\n".join(f"- {fault}" for fault in faults), wording.variant)
    return fill(text("again.txt", wording.variant), faults=as_data(told))
