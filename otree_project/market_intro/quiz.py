"""The comprehension quiz: questions, answers and explanations, from the session's own parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from markets.accounts import Account
from markets.institution import Institution
from markets.money import parse_money, readable, shown
from markets.parameters import MarketParameters

from .continuous import middle_price, units_example
from .instructions import counted

FIELDS = ["quiz_interest", "quiz_dividends", "quiz_buy_back", "quiz_price"]
FIELDS_OF_UNITS = ["quiz_unit", "quiz_price"]

MOST_ATTEMPTS = 3
"""After so many the quiz lets everybody pass."""


@dataclass(frozen=True, slots=True)
class Question:
    """`answer` is one of `choices`; `why` explains it."""

    text: str
    choices: tuple[str, ...]
    answer: str
    why: str


def questions(parameters: MarketParameters, trader: int) -> dict[str, Question]:
    """Return the quiz by form field, with the numbers of a trader's own endowment and of the first round."""
    if parameters.schedule:
        return dict(zip(FIELDS_OF_UNITS, (_unit(parameters, trader), _price(parameters)), strict=True))
    asked = (_interest(parameters, trader), _dividends(parameters), _buy_back(parameters), _price(parameters))
    return dict(zip(FIELDS, asked, strict=True))


def _interest(parameters: MarketParameters, trader: int) -> Question:
    cash, rate = parameters.endowment_of(trader).cash or Fraction(100), parameters.interest_in(1)
    interest, held = Account(cash, 0).interest(rate), _cash(cash, parameters)
    when = "the first round" if len(parameters.interest_rates) > 1 else "a round"
    return _question(
        f"You hold {held} after the trading of {when}. How much interest do you receive?",
        interest,
        (2 * interest, cash + interest, cash / 2, cash),
        f"All cash you hold after trading earns {readable(rate * 100)} %: "
        f"{held} earn {_cash(interest, parameters)}.",
        parameters,
    )


def _dividends(parameters: MarketParameters) -> Question:
    shares, dividend = 3, max(outcome.amount for outcome in parameters.dividends_in(1).outcomes)
    paid = Account(Fraction(0), shares).dividends(dividend)
    held, each = counted(shares, "share"), _cash(dividend, parameters)
    return _question(
        f"You hold {held} after trading, and the dividend is {each} per share. What do your shares pay you?",
        paid,
        (dividend, paid + dividend, 2 * paid, paid + 1),
        f"Each share pays the dividend: {held} pay 3 times {each}, which is {_cash(paid, parameters)}.",
        parameters,
    )


def _buy_back(parameters: MarketParameters) -> Question:
    value = parameters.buy_back
    return _question(
        "What is each of your shares bought back for after the last round?",
        value,
        (Fraction(0), 2 * value, value + parameters.initial_price, parameters.initial_price),
        f"After the last round each share is bought back for {_cash(value, parameters)}, "
        "whatever its price in the market was.",
        parameters,
    )


def _unit(parameters: MarketParameters, trader: int) -> Question:
    example = units_example(parameters, trader)
    first, price, earned = (parse_money(example[key]) for key in ("first", "price", "earned"))
    does, worth = ("buy", "value") if example["buyer"] else ("sell", "cost")
    sum_of = f"the {worth} less the price" if example["buyer"] else f"the price less the {worth}"
    return _question(
        f"You {does} your first unit, whose {worth} is {_cash(first, parameters)}, at "
        f"{_cash(price, parameters)}. What do you earn with it?",
        earned,
        (first, price, first + price, Fraction(0)),
        f"You earn {sum_of}: {_cash(earned, parameters)}.",
        parameters,
    )


def _price_at_once(parameters: MarketParameters) -> Question:
    """The price of a trade is that of the order that was there first."""
    ticks = max(1, int(middle_price(parameters) / parameters.tick))
    offer, step = ticks * parameters.tick, max(1, ticks // 10) * parameters.tick
    bid, thing = offer + step, "unit" if parameters.schedule else "share"
    return _question(
        f"Somebody offers one {thing} at {_cash(offer, parameters)}, and it waits in the market. You bid "
        f"{_cash(bid, parameters)} for one. What do you pay?",
        offer,
        (bid, (bid + offer) / 2, Fraction(0)),
        f"You trade at once, at the price of the order that was there first: {_cash(offer, parameters)}.",
        parameters,
    )


def _price(parameters: MarketParameters) -> Question:
    if parameters.institution is Institution.DOUBLE_AUCTION:
        return _price_at_once(parameters)
    tick = parameters.tick
    price = max(1, int(parameters.initial_price / tick)) * tick
    bid = price + max(1, int(price / tick) // 10) * tick
    return _question(
        f"You bid {_cash(bid, parameters)} for a share, it trades, and the market price of the round is "
        f"{_cash(price, parameters)}. What do you pay?",
        price,
        (bid, (bid + price) / 2, Fraction(0)),
        f"Everybody trades at the one price of the round, {_cash(price, parameters)}; what you bid is the "
        "most you would have paid.",
        parameters,
    )


def _question(
    text: str, answer: Fraction, wrong: Iterable[Fraction], why: str, parameters: MarketParameters
) -> Question:
    """Return a question whose choices stand by size, each once."""
    told = {_cash(amount, parameters): amount for amount in (*wrong, answer)}
    return Question(text, tuple(sorted(told, key=told.__getitem__)), _cash(answer, parameters), why)


def _cash(amount: Fraction, parameters: MarketParameters) -> str:
    return f"{shown(amount, parameters.decimals)} cash"
