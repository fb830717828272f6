"""Price forecasts: which are asked for, how they are read, what they earn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from markets.money import exact_text, read_decimal
from markets.values import often_made

_NOTHING = Fraction(0)


@dataclass(frozen=True, slots=True)
class ForecastQuestion:
    """One price to be forecast: that of round `round` of the present phase.

    Attributes:
        field: name of the page's input, "f0" for the first horizon of the session's list.
        horizon: rounds ahead; 0 is the round the forecast is made in.
        made_in: round of the phase, from 1.
        round: made_in + horizon.
    """

    field: str
    horizon: int
    made_in: int
    round: int


@often_made(frozen=True, slots=True)
class GivenForecast:
    """An answer to a question: `value` in cash per share."""

    field: str
    horizon: int
    made_in: int
    round: int
    value: Fraction


@often_made(frozen=True, slots=True)
class ScoredForecast:
    """A forecast whose round is now known: its price, and the cash it earned."""

    made_in: int
    round: int
    horizon: int
    value: Fraction
    price: Fraction
    reward: Fraction


def questions(horizons: Sequence[int], number: int, rounds: int) -> tuple[ForecastQuestion, ...]:
    """Return what round `number` of a phase of `rounds` asks: the horizons that end within the phase."""
    return _questions(tuple(horizons), number, rounds)


@lru_cache(maxsize=1024)
def _questions(horizons: tuple[int, ...], number: int, rounds: int) -> tuple[ForecastQuestion, ...]:
    return tuple(
        ForecastQuestion(f"f{index}", horizon, number, number + horizon)
        for index, horizon in enumerate(horizons)
        if number + horizon <= rounds
    )


def read_forecast(raw: object, maximum: Fraction) -> Fraction | str:
    """Read one forecast; never raises, whatever a form or JSON holds.

    Args:
        raw: decimal text or an integer, cash per share.
        maximum: highest forecast, in cash per share.

    Returns:
        The forecast, or a sentence that says what is allowed.
    """
    value = read_decimal(raw)
    if value is not None and value.numerator >= 0 and value <= maximum:
        return value
    return f"The forecast must be a number from 0 to {exact_text(maximum)}, such as 14.50."


def read_forecasts(
    values: Mapping[str, object], asked: Sequence[ForecastQuestion], maximum: Fraction
) -> tuple[tuple[GivenForecast, ...], dict[str, str]]:
    """Read a form of forecasts.

    Args:
        values: by field. Fields that were not asked are left aside; a field that is missing or blank is no
            forecast.
        asked: the questions of this round.
        maximum: highest forecast, in cash per share.

    Returns:
        The forecasts given, in the order asked, and a sentence for each field that cannot be read.
    """
    given: list[GivenForecast] = []
    errors: dict[str, str] = {}
    for question in asked:
        raw = values.get(question.field)
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            continue
        value = read_forecast(raw, maximum)
        if isinstance(value, str):
            errors[question.field] = value
        else:
            given.append(
                GivenForecast(question.field, question.horizon, question.made_in, question.round, value)
            )
    return tuple(given), errors


def score(
    given: Iterable[GivenForecast],
    number: int,
    price: Fraction | None,
    *,
    tolerance: Fraction,
    reward: Fraction,
) -> tuple[ScoredForecast, ...]:
    """Score the forecasts of round `number`, now that its price is known; `given` are those of one trader.

    Otherwise as `scoring`.
    """
    return scoring(number, price, tolerance=tolerance, reward=reward)(given)


def scoring(
    number: int, price: Fraction | None, *, tolerance: Fraction, reward: Fraction
) -> Callable[[Iterable[GivenForecast]], tuple[ScoredForecast, ...]]:
    """Return what scores a trader's forecasts of round `number`, now that its price is known.

    A forecast earns `reward` if it lies within `tolerance` of the price, bounds included. Where the round has
    no price (an option of the market) nothing can be scored and nothing is earned.

    Args:
        number: round of the phase; what is returned takes one trader's forecasts, of any round.
        price: cash per share, or None where the market has none.
        tolerance: cash per share, >= 0.
        reward: cash, >= 0.
    """
    if price is None:
        return lambda given: ()
    # Compared as integers, which takes a fourth of the time of fractions.
    low, low_of = (price - tolerance).as_integer_ratio()
    high, high_of = (price + tolerance).as_integer_ratio()

    def scored(one: GivenForecast) -> ScoredForecast:
        value, of = one.value.as_integer_ratio()
        earned = reward if low * of <= value * low_of and value * high_of <= high * of else _NOTHING
        return ScoredForecast(one.made_in, one.round, one.horizon, one.value, price, earned)

    return lambda given: tuple([scored(one) for one in given if one.round == number])


def outstanding(given: Iterable[GivenForecast], number: int) -> tuple[GivenForecast, ...]:
    """Return the forecasts whose price is not known once round `number` is over."""
    return tuple([one for one in given if one.round > number])
