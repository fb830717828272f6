"""No prompt contradicts its session, over all presets, variants of prompts and types of traders.

What has to stand in a prompt is made here from the market's parameters, not from the page. Once that is taken
out, no number is left: none was told that is not the session's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction

import pytest

from bots.agents.prompts import Wording, page_prompt, system_prompt, variants
from bots.domain.market import MarketView
from bots.domain.ports import Situation
from markets.forecasting_parameters import FORECASTING_PRESETS, ForecastingParameters
from markets.forecasting_view import ForecastPage, forecasting_view
from markets.parameters import MarketParameters
from markets.payoffs import Pay
from markets.presets import PRESETS
from markets.trading_period import TradingPeriod
from markets.view import PageState, market_view
from tests.markets.periods import open_of

TRADERS = 12
_OTHER = {"computer_traders": False, "trade_seconds": 0}


def _is_induced(preset: Mapping[str, object]) -> bool:
    return MarketParameters.from_config(preset).schedule is not None


CASES = [
    (name, {**preset, **changed})
    for name, preset in PRESETS.items()
    for changed in ({}, {**_OTHER, "disclose_fundamental": not _is_induced(preset)})
]


def amount(value: Fraction) -> str:
    """Two decimals, or all there are, computed apart from the prompts."""
    digits = f"{value.numerator * 10**9 // value.denominator:010d}"
    whole, places = digits[:-9], digits[-9:].rstrip("0")
    return f"{whole}.{places.ljust(2, '0')}"


def percent(rate: Fraction) -> str:
    return f"{float(rate * 100):g} percent"


def told_rules(known: MarketParameters, trader: int) -> Iterator[str]:
    """Yield every passage with a number that the system's prompt has to hold."""
    yield f"You and {TRADERS - 1} other traders"
    yield f"Paid rounds: {known.paid_rounds}{' in each market' if known.paid_markets > 1 else ''}."
    if known.practice_rounds:
        yield f"Practice rounds: {known.practice_rounds}."
    if known.paid_markets > 1:
        yield f"There are {known.paid_markets} markets in a row, each of {known.paid_rounds} paid rounds."
    rules = known.order_rules
    things = "units" if known.schedule else "shares"
    yield f"a multiple of {amount(rules.tick)}, from {amount(rules.tick)} to {amount(rules.max_price)} cash"
    yield f"One order is for 1 to {rules.max_quantity} {things}."
    yield f"at most {rules.max_open_orders} open orders in a round"
    cash = amount(known.endowment_of(trader).cash)
    if known.schedule:
        yield f"You are lent {cash} cash for each round"
        return
    yield f"You start with {cash} cash and {known.endowment_of(trader).shares} shares."
    yield f"the cash you hold earns {percent(known.interest_in(1))}"
    yield f"bought back for {amount(known.buy_back)} cash"
    yield from told_dividends(known)
    if known.disclose_fundamental:
        yield from (
            f"{amount(value)} (round {number})"
            for number, value in enumerate(known.fundamental_values(), start=1)
        )
    if known.forecast_horizons:
        yield f"rounds ahead, {', '.join(map(str, known.forecast_horizons))} (0 is the present round)"
        reward = amount(known.forecast_reward)
        yield f"within {amount(known.forecast_tolerance)} of the price earns {reward} cash"
        yield f"A forecast is from 0 to {amount(known.forecast_max)}."


def told_dividends(known: MarketParameters) -> Iterator[str]:
    process = known.dividends_in(1)
    if len(process.outcomes) == 1:
        yield f"It is {amount(process.outcomes[0].amount)} in every round."
        return
    total = sum(one.weight for one in process.outcomes)
    odds = [f"{amount(one.amount)} with odds {one.weight} in {total}" for one in process.outcomes]
    yield f"It is drawn anew each round: {', '.join(odds)}. On average it is {amount(process.expected)}."


def unlike(known: MarketParameters) -> Iterator[tuple[str, bool]]:
    """Yield words and whether this session's prompt has them."""
    auction, induced = known.institution == "double_auction", known.schedule is not None
    yield "cleared together at one price", not auction
    yield "trades at once", auction
    yield "must be above the best open bid", known.must_improve
    yield "Each trade empties the market", known.clears_after_trade
    yield "computer programs", known.tells_of_computer_traders
    yield "Dividends:", not induced
    yield "Interest:", not induced
    yield "buy-back", not induced
    yield "There is no practice.", not known.practice_rounds
    yield "No forecasts are asked for.", not known.forecast_horizons and not induced
    yield "what your forecasts earned", bool(known.forecast_horizons)
    yield "middle of the lowest and the highest", known.price_selection == "midpoint" and not auction
    yield "the earlier order trades first", known.rationing == "time" and not auction


def page_of(known: MarketParameters, trader: int, page: str, period: TradingPeriod | None) -> MarketView:
    ref = known.round_at(known.practice_rounds + 1)
    state = PageState(
        "forecast" if page == "forecast" else "trade",
        known,
        TRADERS,
        ref=ref,
        account=known.endowment_of(trader),
        questions=known.questions(ref) if page == "forecast" else (),
        units=known.units_of(trader),
        trader=trader,
    )
    told = period.state(trader) if period is not None and page == "trade" else {}
    return MarketView.model_validate({**market_view(state), **told})


@pytest.mark.parametrize(("name", "config"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_no_rule_in_a_prompt_contradicts_its_session(name: str, config: dict[str, object]) -> None:
    known = MarketParameters.from_config(config)
    for trader in range(1, 1 + max(len(known.endowments), TRADERS if known.schedule else 1)):
        prompt = system_prompt(page_of(known, trader, "trade", None).market)
        for words, holds in unlike(known):
            assert (words in prompt) is holds, words
        left = prompt.replace(pay(prompt), "")
        for passage in told_rules(known, trader):
            assert passage in prompt
            left = left.replace(passage, "")
        assert re.findall(r".*\d.*", left) == []


def pay(prompt: str) -> str:
    """What a session's pay says; it is no parameter of a market."""
    found = re.search(r"\d+ cash are paid out as 1 .*", prompt)
    assert found
    return found[0]


@pytest.mark.parametrize(("name", "config"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_no_page_prompt_contradicts_its_session(name: str, config: dict[str, object]) -> None:
    known = MarketParameters.from_config({**config, "practice_rounds": 0})
    period = open_of(known) if known.institution == "double_auction" else None
    for trader in range(1, 1 + (TRADERS if period is None else len(period.market.accounts()))):
        seen = page_of(known, trader, "trade", period)
        prompt = page_prompt(Situation(1, "d", seen))
        assert f"paid round 1 of {known.paid_rounds}" in prompt
        assert (f"{known.trade_seconds} seconds for this page" in prompt) is bool(known.trade_seconds)
        assert ("seconds for this page" in prompt) is bool(known.trade_seconds)
        if known.schedule:
            side, units = known.units_of(trader) or ("", ())
            assert f"You are a {'buyer' if side == 'buy' else 'seller'}." in prompt
            assert ", ".join(map(amount, units)) in prompt
            assert "share" not in prompt
        else:
            endowment = known.endowment_of(trader)
            assert f"{amount(endowment.cash)} cash ({amount(endowment.cash)} not reserved)" in prompt
            assert f"{endowment.shares} shares ({endowment.shares} not reserved)" in prompt


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one["forecast_horizons"]])
def test_forecasts_that_are_asked_for_are_those_of_the_session(name: str) -> None:
    known = MarketParameters.from_config({**PRESETS[name], "practice_rounds": 0})
    prompt = page_prompt(Situation(1, "d", page_of(known, 1, "forecast", None)))
    asked = [
        f"the price of round {one.round}, from 0.00 to {amount(known.forecast_max)}"
        for one in known.questions(known.round_at(1))
    ]
    assert re.findall(r"the price of round .*", prompt) == asked


@pytest.mark.parametrize("induced", [False, True])
def test_trader_without_memory_is_not_promised_its_notes(induced: bool) -> None:
    known = MarketParameters.from_config(PRESETS["gode-sunder" if induced else "reference"])
    market = page_of(known, 1, "trade", None).market
    kept, dropped = system_prompt(market), system_prompt(market, notes_kept=False)
    assert "Both are shown to you again in later rounds" in kept
    assert "shown to you again in later rounds" not in dropped
    assert "Neither is shown to you again" in dropped


RENAMED = {
    "shares of one asset": "permits of one kind",
    "shares": "permits",
    "share": "permit",
    "dividends": "yields",
    "dividend": "yield",
    "Dividends": "Yields",
    "bought back": "redeemed",
    "buy-back": "redemption",
}


def in_disguise(words: str) -> str:
    for usual, other in RENAMED.items():
        words = words.replace(usual, other)
    return words


@pytest.mark.parametrize(("name", "config"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_disguised_prompt_tells_the_same_rules_of_things_by_other_names(
    name: str, config: dict[str, object]
) -> None:
    known, wording = MarketParameters.from_config(config), Wording("isomorph")
    told = system_prompt(page_of(known, 1, "trade", None).market, wording)
    for words, holds in unlike(known):
        assert (in_disguise(words) in told) is holds, words
    for passage in told_rules(known, 1):
        assert in_disguise(passage) in told
    period = open_of(known) if known.institution == "double_auction" else None
    page = page_prompt(Situation(1, "d", page_of(known, 1, "trade", period)), wording=wording)
    assert re.findall(r"(?i)shares?\b|dividend|asset|bought back|buy-back", told + page) == []


@pytest.mark.parametrize("variant", [name for name in variants() if name != "standard"])
@pytest.mark.parametrize(("name", "config"), CASES, ids=lambda one: one if isinstance(one, str) else "")
def test_every_variant_tells_the_numbers_of_the_standard_prompt_and_no_others(
    name: str, config: dict[str, object], variant: str
) -> None:
    known = MarketParameters.from_config(config)
    period = open_of(known) if known.institution == "double_auction" else None
    seen = page_of(known, 1, "trade", period)

    def numbers(wording: Wording) -> Counter[str]:
        told = system_prompt(seen.market, wording) + page_prompt(Situation(1, "d", seen), wording=wording)
        return Counter(re.findall(r"\d[\d.]*(?<!\.)", told))

    assert numbers(Wording(variant)) == numbers(Wording())


@pytest.mark.parametrize("variant", variants())
@pytest.mark.parametrize("name", FORECASTING_PRESETS)
def test_no_prompt_contradicts_a_session_in_which_forecasts_make_the_price(name: str, variant: str) -> None:
    known = ForecastingParameters.from_config(FORECASTING_PRESETS[name])
    rules, page = known.rules, ForecastPage("forecast", known, 6, Pay(), 1, (), (), ())
    seen = MarketView.model_validate(forecasting_view(page))
    told = system_prompt(seen.market, Wording(variant))
    passages = [
        "You and 5 others",
        f"- Rounds: {known.rounds}.",
        f"the price of the {'next' if rules.ahead else 'present'} round",
        f"the {'higher' if rules.feedback > 0 else 'lower'} the price.",
        f"at most {amount(rules.highest)}.",
        f"not negative and at most {amount(known.forecast_max)},",
        f"without error earns {rules.reward_most} points",
        f"where the error is {rules.reward_error} or more",
    ]
    left = told.replace(pay(told), "")
    for passage in passages:
        assert passage in left
        left = left.replace(passage, "")
    assert re.findall(r".*\d.*", left) == []
    asked = page_prompt(Situation(1, "d", seen), wording=Wording(variant))
    assert f"the price of round {1 + rules.ahead}, from 0.00 to {amount(known.forecast_max)}" in asked
