"""Calendar arithmetic: days with 23 and 25 hours, months of all lengths, and how far back a source is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcircuit.engine.periods import charge_day, current_period, day_end, day_start, period_of, previous, window
from cloudcircuit.model import AnomalyPolicy, Budget, BudgetBook, BurnRatePolicy, Monitor, Period

UTC_ZONE = ZoneInfo("UTC")
PACIFIC = ZoneInfo("America/Los_Angeles")
DAYS = st.dates(date(1971, 1, 1), date(2199, 12, 1))


@pytest.mark.parametrize(
    ("day", "period", "start", "end"),
    [
        ("2026-03-31", Period.DAY, "2026-03-31", "2026-04-01"),
        ("2026-03-01", Period.WEEK, "2026-02-23", "2026-03-02"),
        ("2027-01-01", Period.WEEK, "2026-12-28", "2027-01-04"),
        ("2026-03-02", Period.WEEK, "2026-03-02", "2026-03-09"),
        ("2028-02-29", Period.MONTH, "2028-02-01", "2028-03-01"),
        ("2026-02-28", Period.MONTH, "2026-02-01", "2026-03-01"),
        ("2026-12-31", Period.MONTH, "2026-12-01", "2027-01-01"),
        ("2026-05-15", Period.QUARTER, "2026-04-01", "2026-07-01"),
        ("2026-12-31", Period.QUARTER, "2026-10-01", "2027-01-01"),
        ("2028-02-29", Period.YEAR, "2028-01-01", "2029-01-01"),
    ],
)
def test_period_of_a_day(day: str, period: Period, start: str, end: str) -> None:
    assert period_of(date.fromisoformat(day), period) == (date.fromisoformat(start), date.fromisoformat(end))


@given(DAYS, st.sampled_from(Period))
def test_periods_tile_the_calendar(day: date, period: Period) -> None:
    start, end = period_of(day, period)
    assert start <= day < end
    assert period_of(start, period) == period_of(end - timedelta(days=1), period) == (start, end)
    assert previous(start, period)[1] == start
    assert period_of(end, period)[0] == end


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Los_Angeles", "2027-03-14", 23),
        ("America/Los_Angeles", "2027-11-07", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Asia/Beirut", "2026-03-29", 23),  # the clock skips midnight
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
        ("Asia/Kolkata", "2026-03-29", 24),
        ("UTC", "2027-03-14", 24),
    ],
)
def test_length_of_a_day(zone: str, day: str, hours: float) -> None:
    at, local = date.fromisoformat(day), ZoneInfo(zone)
    assert day_end(at, local) - day_start(at, local) == timedelta(hours=hours)
    assert day_start(at, local).tzinfo is UTC


@given(DAYS, st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Beirut", "America/Havana", "Pacific/Kiritimati"]))
def test_a_day_holds_its_instants_and_no_others(day: date, zone: str) -> None:
    local = ZoneInfo(zone)
    start, end = day_start(day, local), day_end(day, local)
    if start == end:  # Kiritimati left out the last day of 1994
        return
    assert charge_day(start, local) == charge_day(end - timedelta(microseconds=1), local) == day
    assert charge_day(start - timedelta(microseconds=1), local) != day != charge_day(end, local)


def test_the_slowest_zone_rolls_a_period_over() -> None:
    at = datetime(2026, 4, 1, 3, tzinfo=UTC)
    assert current_period(at, [UTC_ZONE], Period.MONTH)[0] == date(2026, 4, 1)
    assert current_period(at, [UTC_ZONE, PACIFIC], Period.MONTH)[0] == date(2026, 3, 1)
    assert current_period(at + timedelta(hours=4), [UTC_ZONE, PACIFIC], Period.MONTH)[0] == date(2026, 4, 1)


def asks(**settings: Any) -> Monitor:
    return Monitor("m", ("s",), "USD", **{"anomaly": AnomalyPolicy("spike", lookback=14), **settings})


def budget(period: Period) -> Budget:
    return Budget(Decimal(1), "USD", period)


NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("monitors", "begin"),
    [
        ([asks()], date(2026, 4, 8)),  # 14 of baseline, 14 of memory, 14 to spare
        ([asks(budget=budget(Period.WEEK))], date(2026, 4, 8)),
        ([asks(budget=budget(Period.MONTH))], date(2026, 4, 1)),
        ([asks(book=BudgetBook("owners.csv", {}))], date(2026, 4, 1)),
        ([asks(budget=budget(Period.QUARTER))], date(2026, 1, 1)),
        ([asks(), asks(budget=budget(Period.YEAR))], date(2025, 1, 1)),
        ([asks(burn_rate=BurnRatePolicy(lookback=40))], date(2026, 3, 13)),
        ([asks(anomaly=AnomalyPolicy("spike", lookback=60, new_level_after=30))], date(2026, 2, 5)),
        ([asks(anomaly=AnomalyPolicy())], date(2026, 1, 6)),  # 120 days as they are, 14 to spare
        ([asks(anomaly=AnomalyPolicy(lookback=30))], date(2026, 4, 6)),
        ([asks(anomaly=AnomalyPolicy(), burn_rate=BurnRatePolicy(lookback=110))], date(2026, 1, 2)),
        ([asks(anomaly=None)], date(2026, 4, 8)),
        ([], date(2026, 5, 20)),
    ],
)
def test_window_reaches_back_as_far_as_its_monitors_need(monitors: list[Monitor], begin: date) -> None:
    assert window(NOW, UTC_ZONE, monitors) == (day_start(begin, UTC_ZONE), datetime(2026, 5, 21, tzinfo=UTC))


def test_window_lies_at_midnight_of_the_source() -> None:
    start, end = window(NOW, PACIFIC, [asks(budget=budget(Period.MONTH))])
    assert (start, end) == (datetime(2026, 4, 1, 7, tzinfo=UTC), datetime(2026, 5, 21, 7, tzinfo=UTC))


def test_window_waits_for_the_slowest_zone_of_the_monitors() -> None:
    at, monthly = datetime(2026, 6, 1, 3, tzinfo=UTC), [asks(budget=budget(Period.MONTH))]
    assert window(at, UTC_ZONE, monthly)[0] == datetime(2026, 4, 20, tzinfo=UTC)
    assert window(at, UTC_ZONE, monthly, [PACIFIC]) == (
        datetime(2026, 4, 1, tzinfo=UTC),
        datetime(2026, 6, 2, tzinfo=UTC),
    )
