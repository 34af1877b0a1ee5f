"""Charge days and hours in a zone, cut by comparing instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudcircuit.charges import day_start
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, SpendQuery
from cloudcircuit_sql.buckets import cut, find, load_zone
from tests.sql.build import TYPED, fetch, write

ZONES = [
    *("UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kolkata", "America/Havana", "Asia/Beirut"),
    *("Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo"),
]
FIRST = date(2011, 12, 20)


@given(
    st.sampled_from(ZONES),
    st.integers(0, 5000),
    st.integers(1, 40),
    st.sampled_from(Grain),
    st.lists(st.integers(0, 40 * 86_400), min_size=1, max_size=20),
)
@example("Pacific/Apia", 8, 5, Grain.DAY, [2 * 86_400, 3 * 86_400])
@settings(max_examples=300, deadline=None)
def test_each_instant_is_in_the_bucket_of_its_day(
    name: str, skip: int, length: int, grain: Grain, seconds: list[int]
) -> None:
    first = FIRST + timedelta(days=skip)
    query = SpendQuery(day_start(first, name), day_start(first + timedelta(days=length), name), name, grain)
    now = query.start + (query.end - query.start) * 0.7
    buckets = cut(query, now)
    assert buckets[0].begin == query.start
    for offset in seconds:
        at = query.start + timedelta(seconds=offset)
        if at >= query.end:
            continue
        bucket, local = buckets[find(buckets, at)], at.astimezone(ZoneInfo(name))
        assert bucket.day == local.date()
        assert bucket.past is (at < now)
        hour = at.replace(minute=0, second=0, microsecond=0)
        assert bucket.start == (hour if grain is Grain.HOUR else day_start(local.date(), name))


def test_there_are_no_more_buckets_than_days_and_a_now() -> None:
    start = datetime(2024, 10, 1, tzinfo=UTC)
    query = SpendQuery(start, start + timedelta(days=30))
    assert len(cut(query, start + timedelta(days=30))) == 30
    assert len(cut(query, start + timedelta(days=3, hours=5))) == 31
    assert cut(SpendQuery(start, start), start) == ()


@pytest.mark.parametrize("name", ["Nowhere/Land", "../etc/passwd", "", "\0"])
def test_an_unknown_zone_is_named(name: str) -> None:
    with pytest.raises(AdapterError, match="is not known here") as caught:
        load_zone(name)
    assert caught.value.permanent


LA = "America/Los_Angeles"
KINDS = ["timestamptz", "timestamp", "text"]


def hourly(url: str, kind: str, start: datetime, count: int) -> None:
    rows = [
        {"ChargePeriodStart": (start + timedelta(hours=n)).isoformat(), "BillingCurrency": "USD", "BilledCost": "1"}
        for n in range(count)
    ]
    write(url, "hourly", rows, ChargePeriodStart=kind, BilledCost=TYPED["BilledCost"])


def told(report: Any) -> dict[datetime, Decimal]:
    return {row["ChargePeriodStart"]: row["BilledCost"] for row in report.table.to_pylist()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("month", "day", "length"), [(3, 10, 23), (11, 3, 25), (7, 4, 24)])
def test_hours_fall_into_the_days_of_the_zone(postgres: str, kind: str, month: int, day: int, length: int) -> None:
    middle = date(2024, month, day)
    start, end = day_start(middle - timedelta(days=1), LA), day_start(middle + timedelta(days=2), LA)
    hourly(postgres, kind, start - timedelta(hours=30), 150)
    report = fetch(postgres, "hourly", window=(start, end), zone=LA)
    assert told(report) == {start: 24, day_start(middle, LA): length, day_start(middle + timedelta(days=1), LA): 24}


@pytest.mark.parametrize("kind", KINDS)
def test_hours_are_those_of_utc_also_where_days_begin_at_half_past(postgres: str, kind: str) -> None:
    zone = "Asia/Kolkata"
    start, end = day_start(date(2024, 10, 5), zone), day_start(date(2024, 10, 6), zone)
    hourly(postgres, kind, start, 24)
    report = fetch(postgres, "hourly", window=(start, end), zone=zone, grain=Grain.HOUR)
    assert told(report) == {start - timedelta(minutes=30) + timedelta(hours=n): 1 for n in range(24)}
    assert report.told == frozenset()


def test_a_date_is_its_midnight_in_utc(postgres: str) -> None:
    hourly(postgres, "date", datetime(2024, 10, 4, tzinfo=UTC), 48)
    report = fetch(postgres, "hourly")
    assert told(report) == {datetime(2024, 10, 4, tzinfo=UTC): 24, datetime(2024, 10, 5, tzinfo=UTC): 24}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_the_future_are_told_and_settle_nothing(postgres: str, kind: str) -> None:
    now = datetime(2024, 10, 10, 6, 30, tzinfo=UTC)
    hourly(postgres, kind, datetime(2024, 10, 9, tzinfo=UTC), 72)
    seen = fetch(postgres, "hourly", now=now, lag_hours=0, grain=Grain.HOUR)
    assert len(told(seen)) == 72
    assert seen.watermark == datetime(2024, 10, 10, 6, tzinfo=UTC)
    blind = fetch(postgres, "hourly", now=now, lag_hours=0, grain=Grain.HOUR, visible_until=now)
    assert max(told(blind)) == datetime(2024, 10, 10, 6, tzinfo=UTC)
    assert blind.watermark == datetime(2024, 10, 10, 6, tzinfo=UTC)
    assert fetch(postgres, "hourly", now=now).watermark == datetime(2024, 10, 9, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_charge_may_lie_before_or_after_the_window(postgres: str, kind: str) -> None:
    hourly(postgres, kind, datetime(2024, 9, 1, tzinfo=UTC), 30)
    before = fetch(postgres, "hourly")
    assert (before.table.num_rows, before.watermark, str(before.status)) == (
        0,
        datetime(2024, 9, 2, tzinfo=UTC),
        "complete",
    )
    hourly(postgres, kind, datetime(2024, 10, 31, 20, tzinfo=UTC), 40)
    assert fetch(postgres, "hourly").watermark == datetime(2024, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_rows_is_no_data(postgres: str, kind: str) -> None:
    names = ("ChargePeriodStart", "BillingCurrency", "BilledCost")
    write(postgres, "hourly", [], names, ChargePeriodStart=kind, BilledCost="numeric")
    report = fetch(postgres, "hourly")
    assert (report.watermark, str(report.status), report.table.num_rows) == (None, "suspicious", 0)
    assert report.notes[-1] == "hourly holds no rows: that is no data, not no spend"
