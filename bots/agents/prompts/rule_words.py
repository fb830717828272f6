"""What a system prompt says of a market's rules, sentence by sentence."""

from __future__ import annotations

from collections.abc import Sequence

from bots.agents.prompts.amounts import as_amount, as_number
from bots.agents.prompts.texts import Say, as_data
from bots.agents.rules import expected_dividend
from bots.domain.market import DividendOutcome, MarketRules


def others_words(say: Say, count: int) -> str:
    if count <= 0:
        return say("others", "none")
    return say("others", "one") if count == 1 else say("others", "many", count=count)


def length_words(say: Say, market: MarketRules) -> str:
    told = say(
        "length",
        "practice" if market.practice_rounds else "no_practice",
        practice_rounds=market.practice_rounds,
        paid_rounds=market.paid_rounds,
        each=say("length", "each") if market.paid_markets > 1 else "",
    )
    if market.paid_markets == 1:
        return told
    markets = say("length", "markets", markets=market.paid_markets, paid_rounds=market.paid_rounds)
    return f"{told}\n{markets}"


def interest_words(say: Say, market: MarketRules) -> str:
    if market.interest_by_round is None:
        return say("interest", "same", percent=as_number(market.interest_rate * 100))
    rates = [
        say("interest", "round", percent=as_number(rate * 100), round=number)
        for number, rate in enumerate(market.interest_by_round, start=1)
    ]
    return say("interest", "by_round", rates=", ".join(rates))


def dividends_words(say: Say, market: MarketRules) -> str:
    if market.dividends_by_round is not None:
        rounds = [
            say("dividends", "round", outcomes=_outcomes(say, outcomes), round=number)
            for number, outcomes in enumerate(market.dividends_by_round, start=1)
        ]
        return say("dividends", "by_round", rounds="; ".join(rounds))
    if len(market.dividends) == 1:
        return say("dividends", "one", amount=as_amount(market.dividends[0].amount))
    outcomes, expected = _outcomes(say, market.dividends), as_amount(expected_dividend(market))
    return say("dividends", "several", outcomes=outcomes, expected=expected)


def _outcomes(say: Say, dividends: Sequence[DividendOutcome]) -> str:
    weights = sum(outcome.weight for outcome in dividends)
    return ", ".join(
        say("dividends", "outcome", amount=as_amount(one.amount), weight=one.weight, weights=weights)
        for one in dividends
    )


def fundamental_words(say: Say, market: MarketRules) -> str:
    if market.fundamental_values is None:
        return ""
    values = [
        say("fundamental", "value", value=as_amount(value), round=number)
        for number, value in enumerate(market.fundamental_values, start=1)
    ]
    return say("fundamental", "disclosed", values=", ".join(values))


def institution_words(say: Say, market: MarketRules) -> str:
    told = say(
        "institution",
        market.institution,
        price_selection=_named(say, "price_selection", market.price_selection),
        rationing=_named(say, "rationing", market.rationing),
        price_without_trade=_named(say, "price_without_trade", market.price_without_trade),
    )
    more = [("improve", market.must_improve), ("clears", market.clears_after_trade)]
    return "\n".join([told, *(say("institution", name) for name, holds in more if holds)])


def _named(say: Say, table: str, name: str) -> str:
    return say(table, name if say.knows(table, name) else "other", name=as_data(name))


def forecasts_words(say: Say, market: MarketRules) -> str:
    if not market.forecast_horizons:
        return say("forecasts", "none")
    return say(
        "forecasts",
        "asked",
        horizons=", ".join(map(str, market.forecast_horizons)),
        tolerance=as_amount(market.forecast_tolerance),
        reward=as_amount(market.forecast_reward),
        maximum=as_amount(market.forecast_max),
    )


def pay_words(say: Say, market: MarketRules) -> str:
    return say(
        "pay",
        "fee" if market.participation_fee else "no_fee",
        cash=as_number(market.cash_per_currency_unit),
        currency=as_data(market.currency),
        fee=as_amount(market.participation_fee),
    )
