"""What a provider writes as an amount or a day, at the edge."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloudcircuit.charges import LIMIT, PLACES, day_start, parse_amount

AMOUNTS = st.integers(-(10**37), 10**37).map(lambda units: Decimal(f"{units}e-18"))
ZONES = ("UTC", "America/Los_Angeles", "Australia/Lord_Howe", "America/Santiago", "America/Havana", "Asia/Kathmandu")


@given(AMOUNTS)
@example(Decimal(0))
@example(LIMIT - 1)
def test_an_amount_is_the_same_number_however_it_is_written(amount: Decimal) -> None:
    assert parse_amount(amount) == amount
    assert parse_amount(str(amount)) == amount
    assert parse_amount(f"{amount:f}") == amount


@given(st.floats(-1e19, 1e19))
def test_a_float_is_its_shortest_text(amount: float) -> None:
    assert abs(Fraction(parse_amount(amount)) - Fraction(repr(amount))) <= Fraction(PLACES) / 2


def test_what_is_finer_than_18_places_is_rounded_and_no_error() -> None:
    assert parse_amount("0.1234567890123456785") == Decimal("0.123456789012345678")
    assert parse_amount("1e-400") == 0


@given(st.text(max_size=20) | st.decimals() | st.integers() | st.booleans() | st.none() | st.lists(st.integers()))
@example("NaN")
@example("sNaN")
@example("-Infinity")
@example("1,234.56")
@example("1 234")
@example("")
@example("1" * 5000)
@example(Decimal("1e999999"))
@example(float("inf"))
def test_whatever_comes_is_a_finite_amount_or_refused(value: object) -> None:
    try:
        found = parse_amount(value)
    except ValueError as error:
        assert str(error)
        return
    assert found.is_finite()
    assert abs(found) < LIMIT
    assert found.as_tuple().exponent == -18


@pytest.mark.parametrize("value", ["NaN", "inf", LIMIT, -LIMIT, "1,5", None, True, b"1", [], ""])
def test_what_is_no_amount_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no finite amount"):
        parse_amount(value)


@given(st.dates(date(1990, 1, 1), date(2035, 12, 31)), st.sampled_from(ZONES))
def test_a_day_begins_with_its_first_instant(day: date, zone: str) -> None:
    start = day_start(day, zone)
    assert start.tzinfo is UTC
    assert start.astimezone(ZoneInfo(zone)).date() == day
    assert (start - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date() == day - timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [
        (date(2024, 11, 3), "America/Los_Angeles", datetime(2024, 11, 3, 7, tzinfo=UTC)),
        (date(2024, 11, 4), "America/Los_Angeles", datetime(2024, 11, 4, 8, tzinfo=UTC)),
        (date(2024, 9, 8), "America/Santiago", datetime(2024, 9, 8, 4, tzinfo=UTC)),  # midnight is skipped
        (date(2024, 11, 3), "America/Havana", datetime(2024, 11, 3, 4, tzinfo=UTC)),  # midnight comes twice
    ],
)
def test_days_on_which_the_clock_changes(day: date, zone: str, start: datetime) -> None:
    assert day_start(day, zone) == start
