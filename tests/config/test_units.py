"""Durations and amounts, for all of them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudcircuit.config import format_duration, parse_amount, parse_duration

TEN_YEARS = 3660 * 86_400


@given(st.integers(0, TEN_YEARS))
def test_a_duration_survives_being_written(seconds: int) -> None:
    duration = timedelta(seconds=seconds)

    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_units_add_up_from_large_to_small(weeks: int, hours: int, seconds: int) -> None:
    expected = timedelta(weeks=weeks, hours=hours, seconds=seconds)

    assert parse_duration(f"{weeks}w{hours}h{seconds}s") == expected


@given(st.text(max_size=30) | st.integers() | st.none() | st.booleans())
@example("")
@example("h")
@example("1h1d")
@example("1h1h")
@example("-1h")
@example("1H")
@example("١h")
@example("999999999w")
def test_what_is_no_duration_is_refused_in_words(value: object) -> None:
    try:
        found = parse_duration(value)
    except ValueError as error:
        assert "duration is a number and its unit" in str(error) or "longer than" in str(error)
    else:
        assert isinstance(value, str)
        assert timedelta(0) <= found <= timedelta(seconds=TEN_YEARS)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("6 hours", "6h"),
        ("6H", "6h"),
        ("1 day 12 hours", "1d12h"),
        ("90 min", "1h30m"),
        ("0.5d", "12h"),
        (" 2d", "2d"),
        ("2 Weeks", "14d"),
    ],
)
def test_other_notations_are_told_ours(written: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f'; write "{meant}"$'):
        parse_duration(written)
    assert parse_duration(meant) > timedelta(0)


@pytest.mark.parametrize("written", ["", "soon", "6 months", "PT6H", "0 days", "6 6", "1" * 50 + " hours"])
def test_a_notation_that_is_not_understood_gets_no_guess(written: str) -> None:
    with pytest.raises(ValueError, match=r'"1d12h"$'):
        parse_duration(written)


@given(st.decimals(min_value=0, max_value=10**15 - 1, places=6, allow_nan=False, allow_infinity=False))
def test_an_amount_is_the_same_number_as_text_and_as_toml(amount: Decimal) -> None:
    assert parse_amount(amount) == amount
    assert parse_amount(f"{amount:f}") == amount


@given(st.integers(0, 10**15 - 1))
def test_whole_amounts_are_exact(amount: int) -> None:
    assert parse_amount(amount) == amount


@given(st.text(max_size=20) | st.decimals() | st.integers() | st.booleans() | st.none() | st.lists(st.integers()))
@example("NaN")
@example("Infinity")
@example("1,234.56")
@example("1_000")
@example("٣")
@example("1e3")
@example(" 1")
@example("1" * 5000)
@example(Decimal("1e999999"))
@example(Decimal("1e-999999"))
@example(Decimal("-0"))
@example(10**5000)
def test_whatever_comes_is_a_finite_amount_or_refused(value: object) -> None:
    try:
        found = parse_amount(value)
    except ValueError:
        return
    assert found.is_finite()
    assert 0 <= found < 10**15
    assert not found.is_signed()
    assert "E" not in str(found) or found < Decimal("1e-6")
