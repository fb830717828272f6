from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.money import (
    LONGEST_TEXT,
    decimal_places,
    exact_text,
    parse_money,
    read_decimal,
    readable,
    rounded,
    shown,
)


@given(st.fractions())
def test_every_amount_survives_its_text(amount: Fraction) -> None:
    assert parse_money(exact_text(amount)) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_decimal_amounts_are_written_as_decimals_without_trailing_zeros(amount: object) -> None:
    text = exact_text(Fraction(str(amount)))
    assert "/" not in text
    assert not ("." in text and text.endswith("0"))


@given(st.fractions(), st.integers(0, 6))
def test_what_is_shown_is_the_most_that_can_be_spent(amount: Fraction, decimals: int) -> None:
    text = shown(amount, decimals)
    assert parse_money(text) <= amount < parse_money(text) + Fraction(1, 10**decimals)
    assert len(text.partition(".")[2]) == decimals


def test_where_nothing_is_said_two_places_are_shown() -> None:
    assert shown(Fraction(2, 3)) == "0.66"


@given(st.fractions(), st.integers(0, 6))
def test_rounded_is_the_nearest_multiple(amount: Fraction, decimals: int) -> None:
    assert abs(rounded(amount, decimals) - amount) <= Fraction(1, 2 * 10**decimals)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1/2", "0.01"), ("-1/2", "-0.01"), ("1/3", "0.00"), ("2/3", "0.01")],
)
def test_halves_of_a_cent_are_rounded_away_from_zero(amount: str, text: str) -> None:
    assert rounded(Fraction(amount) / 100, 2) == Fraction(text)


@pytest.mark.parametrize(
    ("amount", "text"), [("14.50", "14.5"), ("-0.05", "-0.05"), ("1000", "1000"), ("1/3", "1/3"), ("0", "0")]
)
def test_an_amount_has_one_exact_text(amount: str, text: str) -> None:
    assert exact_text(parse_money(amount)) == text


def test_readable_text_is_exact_where_it_can_be() -> None:
    assert readable(Fraction("52.123456789")) == "52.123456789"
    assert readable(Fraction(2, 3)) == "0.666667"
    assert decimal_places(Fraction(1, 3)) is None


@pytest.mark.parametrize("value", [0.1, True, None, [1], Fraction(1)])
def test_floats_and_other_things_are_no_amounts(value: object) -> None:
    with pytest.raises(TypeError, match=f"must be text or an integer, not {type(value).__name__}"):
        parse_money(value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "abc", "1e9", "NaN", "Infinity", "1_000", "1/0", "٣", "1 000", "x" * 60, "X1", "1\n", "\t1"]
)
def test_text_that_is_no_amount_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"amount|zero"):
        parse_money(text)


def test_the_longest_text_is_read_and_none_that_is_longer() -> None:
    assert parse_money("1" * LONGEST_TEXT) == Fraction(10**LONGEST_TEXT - 1, 9)
    with pytest.raises(ValueError, match="at most"):
        parse_money("1" * (LONGEST_TEXT + 1))


@pytest.mark.parametrize(
    ("raw", "read"),
    [("0.25", Fraction(1, 4)), (" 7 ", Fraction(7)), (7, Fraction(7)), ("0" * 40, Fraction(0))],
)
def test_an_amount_from_outside_is_read_exactly(raw: object, read: Fraction) -> None:
    assert read_decimal(raw) == read


@pytest.mark.parametrize("raw", ["1/4", 0.25, True, None, [], "", "1e3", "0" * 41])
def test_what_is_no_decimal_amount_is_none_and_raises_nothing(raw: object) -> None:
    assert read_decimal(raw) is None


@pytest.mark.parametrize(("text", "told"), [("x" * 40, "x" * 40), ("x" * 41, "x" * 37 + "...")])
def test_a_text_that_is_no_amount_is_quoted_and_a_long_one_cut(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"is not an amount such as 14\.50\.$") as error:
        parse_money(text)
    assert str(error.value).startswith(f"'{told}' is not")
