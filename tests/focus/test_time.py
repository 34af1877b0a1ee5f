"""Charge days in a zone, hours, the watermark, and what does not exist yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudcircuit.model import Grain, ReportStatus
from cloudcircuit_focus.zones import day_start, days_between, local_day, offsets
from tests.focus.build import by_day, fetch, refusal, row, sums, write_csv, write_parquet

LA = ZoneInfo("America/Los_Angeles")
ZONES = [
    "UTC",
    "America/Los_Angeles",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Havana",
    "Asia/Beirut",
    "Pacific/Apia",
    "Africa/Casablanca",
]


def hours(start: datetime, count: int) -> list[dict[str, str]]:
    return [row(f"{start + timedelta(hours=n):%Y-%m-%dT%H:%M:%SZ}") for n in range(count)]


@pytest.mark.parametrize(("month", "day", "length"), [(3, 10, 23), (11, 3, 25), (7, 4, 24)])
def test_hours_fall_into_the_days_of_the_zone(tmp_path: Path, month: int, day: int, length: int) -> None:
    middle = date(2024, month, day)
    start, end = day_start(middle - timedelta(days=1), LA), day_start(middle + timedelta(days=2), LA)
    write_csv(tmp_path / "bill.csv", hours(start - timedelta(hours=30), 150))
    report = fetch(tmp_path, window=(start, end), zone=str(LA))
    assert sums(report, "ChargePeriodStart") == {
        start: 24,
        day_start(middle, LA): length,
        day_start(middle + timedelta(days=1), LA): 24,
    }


def test_native_instants_are_cut_alike(tmp_path: Path) -> None:
    first = datetime(2024, 11, 1, tzinfo=UTC)
    rows = [row(ChargePeriodStart=first + timedelta(hours=n)) for n in range(200)]
    write_parquet(tmp_path / "bill.parquet", rows, ChargePeriodStart=pa.timestamp("us", tz="UTC"))
    window = (day_start(date(2024, 11, 3), LA), day_start(date(2024, 11, 5), LA))
    report = fetch(tmp_path, window=window, zone=str(LA))
    assert sums(report, "ChargePeriodStart") == {window[0]: 25, day_start(date(2024, 11, 4), LA): 24}


@given(st.sampled_from(ZONES), st.datetimes(datetime(2011, 12, 25), datetime(2025, 6, 1)), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_the_offsets_over_a_window_are_those_of_the_zone(name: str, at: datetime, days: int) -> None:
    zone, start = ZoneInfo(name), at.replace(microsecond=0, tzinfo=UTC)
    end = start + timedelta(days=days)
    pieces = list(offsets(start, end, zone))
    for step in range(days * 48):
        instant = start + timedelta(minutes=30 * step)
        offset = next(offset for until, offset in pieces if instant < until)
        assert (instant + offset).replace(tzinfo=None) == instant.astimezone(zone).replace(tzinfo=None)
        assert local_day(instant, zone) in days_between(start, end, zone)


@given(st.sampled_from(ZONES), st.dates(date(2011, 12, 25), date(2025, 6, 1)))
@settings(max_examples=200, deadline=None)
def test_a_day_begins_where_the_day_before_ends(name: str, day: date) -> None:
    zone = ZoneInfo(name)
    start = day_start(day, zone)
    if day != date(2011, 12, 30) or name != "Pacific/Apia":  # a day that Samoa left out
        assert local_day(start, zone) == day
        assert local_day(start - timedelta(seconds=1), zone) < day


def test_an_unknown_zone_is_said(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row()])
    assert "time zone 'Mars/Olympus' is not known here" in str(refusal(tmp_path, zone="Mars/Olympus"))


def test_hours_of_an_hourly_source(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [*hours(datetime(2024, 10, 5, 22, tzinfo=UTC), 4), row("2024-10-05T22:30:00Z")])
    report = fetch(tmp_path, grain=Grain.HOUR)
    assert sums(report, "ChargePeriodStart") == {
        datetime(2024, 10, 5, 22, tzinfo=UTC): 2,
        datetime(2024, 10, 5, 23, tzinfo=UTC): 1,
        datetime(2024, 10, 6, 0, tzinfo=UTC): 1,
        datetime(2024, 10, 6, 1, tzinfo=UTC): 1,
    }
    assert report.watermark == datetime(2024, 10, 6, 1, tzinfo=UTC)


def test_broken_hours_are_counted_by_the_day_of_the_zone(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row("2024-10-05T03:00:00Z", cost="?")])
    window = (day_start(date(2024, 10, 1), LA), day_start(date(2024, 11, 1), LA))
    assert fetch(tmp_path, grain=Grain.HOUR, window=window, zone=str(LA)).broken == {date(2024, 10, 4): 1}


def test_the_window_is_half_open(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", hours(datetime(2024, 10, 4, 23, tzinfo=UTC), 26))
    window = (datetime(2024, 10, 5, tzinfo=UTC), datetime(2024, 10, 6, tzinfo=UTC))
    assert by_day(fetch(tmp_path, window=window)) == {date(2024, 10, 5): 24}


# --- the watermark --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "lag", "expected"),
    [
        ("2024-11-20", 24, "2024-10-07"),  # the newest day is not over, as far as anybody knows
        ("2024-10-07T12:00", 24, "2024-10-06T12:00"),  # a day may be there and not be finished
        ("2024-10-07T12:00", 0, "2024-10-07"),
    ],
)
def test_the_smaller_of_the_newest_day_and_now_less_the_lag(
    tmp_path: Path, now: str, lag: float, expected: str
) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-05"), row("2024-10-07")])
    report = fetch(tmp_path, now=datetime.fromisoformat(now).replace(tzinfo=UTC), lag_hours=lag)
    assert report.watermark == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_the_newest_day_is_one_of_the_zone(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-07T03:00:00Z")])
    window = (day_start(date(2024, 10, 1), LA), day_start(date(2024, 11, 1), LA))
    assert fetch(tmp_path, window=window, zone=str(LA)).watermark == day_start(date(2024, 10, 6), LA)


def test_charges_outside_of_the_window_and_the_filter_count_for_the_watermark(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-05"), row("2024-11-10", BillingAccountId="B")])
    report = fetch(tmp_path)
    assert report.watermark == datetime(2024, 11, 10, tzinfo=UTC)
    assert report.accounts == {"000123", "B"}


def test_a_charge_in_the_future_does_not_vouch_for_the_days_before_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-11-10"), row("2025-03-01", ChargeCategory="Purchase")])
    assert fetch(tmp_path).watermark == datetime(2024, 11, 10, tzinfo=UTC)


def test_rows_that_do_not_exist_yet(tmp_path: Path) -> None:
    rows = [row("2024-10-05"), row("2024-10-06"), row("2024-10-07", cost="?", BillingAccountId="later")]
    write_csv(tmp_path / "bill.csv", rows)
    report = fetch(tmp_path, visible_until=datetime(2024, 10, 7, tzinfo=UTC), lag_hours=12)
    assert by_day(report) == {date(2024, 10, 5): 1, date(2024, 10, 6): 1}
    assert report.watermark == datetime(2024, 10, 6, tzinfo=UTC)
    assert report.accounts == {"000123"}
    assert report.broken == {}


def test_nothing_is_visible_before_the_first_charge(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-05")])
    report = fetch(tmp_path, visible_until=datetime(2024, 10, 1, tzinfo=UTC))
    assert (report.watermark, report.status) == (None, ReportStatus.SUSPICIOUS)
    assert report.notes == ("the files hold no rows before 2024-10-01 00:00 UTC: that is no data, not no spend",)


def test_a_replay_long_before_the_end_of_a_file_finds_nothing_broken(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2019-10-05"), row("2024-10-06"), row("9999-01-01")])
    until = datetime(2019, 11, 1, tzinfo=UTC)
    report = fetch(tmp_path, visible_until=until, window=(datetime(2019, 10, 1, tzinfo=UTC), until))
    assert by_day(report) == {date(2019, 10, 5): 1}
    assert report.status is ReportStatus.PARTIAL
    assert sum(1 for note in report.notes if "'9999-01-01T00:00:00Z'" in note) == 1


def test_an_empty_window_is_an_empty_answer(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row()])
    report = fetch(tmp_path, "service", window=(datetime(2024, 10, 1, tzinfo=UTC),) * 2)
    assert report.table.num_rows == 0
    assert report.watermark == datetime(2024, 10, 5, tzinfo=UTC)
