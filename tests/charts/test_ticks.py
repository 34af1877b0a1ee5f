"""Where an axis is marked: round amounts, and times that people know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.charts.scale import amounts, seconds
from cloudcircuit.charts.ticks import amount_labels, dates, steps
from tests.charts.reading import DAY, START


def labels(low: float, high: float, currency: str = "USD") -> list[str]:
    return amount_labels(steps((low, high)), currency)


def test_amounts_are_round_and_in_one_unit() -> None:
    assert labels(0, 87) == ["$0", "$50", "$100"]
    assert labels(0, 0.037) == ["$0", "$0.01", "$0.02", "$0.03", "$0.04"]
    assert labels(0, 9_000) == ["$0", "$5k", "$10k"]
    assert labels(0, 3_900) == ["$0", "$1,000", "$2,000", "$3,000", "$4,000"]
    assert labels(0, 4.1e6) == ["$0", "$2M", "$4M", "$6M"]
    assert labels(0, 9.7e9, "JPY") == ["¥0", "¥5bn", "¥10bn"]
    assert labels(0, 55_000, "CHF") == ["CHF 0", "CHF 20k", "CHF 40k", "CHF 60k"]
    assert labels(-120, 60) == ["−$150", "−$100", "−$50", "$0", "$50", "$100"]


def test_amounts_beyond_words_stay_short() -> None:
    assert labels(0, 3e20)[-1] == "$3e+20"


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_amounts_reach_around_what_is_shown_and_differ(low: float, high: float) -> None:
    span = amounts([low, high])
    marks = steps(span)
    assert marks[0] <= span[0] + (span[1] - span[0]) * 1e-6
    assert marks[-1] >= span[1] - (span[1] - span[0]) * 1e-6
    assert 2 <= len(marks) <= 8
    said = amount_labels(marks, "USD")
    assert len(set(said)) == len(said)
    assert max(map(len, said)) <= 12


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(hours=5), ["1 Jan", "01:00", "02:00", "03:00", "04:00", "05:00"]),
        (timedelta(hours=30), ["1 Jan", "06:00", "12:00", "18:00", "2 Jan", "06:00"]),
        (5 * DAY, ["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan"]),
        (30 * DAY, ["4 Jan", "11 Jan", "18 Jan", "25 Jan"]),
        (60 * DAY, ["11 Jan", "25 Jan", "8 Feb", "22 Feb"]),
        (150 * DAY, ["2027", "Feb", "Mar", "Apr", "May"]),
        (365 * DAY, ["2027", "Apr", "Jul", "Oct", "2028"]),
        (5 * 365 * DAY, ["2027", "2028", "2029", "2030", "2031"]),
    ],
)
def test_times_are_marked_where_people_look(length: timedelta, expected: list[str]) -> None:
    found = [label for _, label in dates((seconds(START), seconds(START + length)), 6)]
    assert found == expected


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(hours=1), timedelta(days=40_000)),
    st.integers(2, 12),
)
def test_marks_of_time_lie_within_and_are_few(start: datetime, length: timedelta, most: int) -> None:
    span = seconds(start), seconds(start + length)
    found = dates(span, most)
    assert len(found) <= most
    assert all(span[0] <= seconds(at) <= span[1] for at, _ in found)
    assert [at for at, _ in found] == sorted({at for at, _ in found})
