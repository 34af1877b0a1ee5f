"""Which time is asked for: UTC days and hours, nothing before the history, nothing in the future."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.errors import AdapterError
from cloudcircuit.model import Grain, SpendQuery
from tests.aws.build import AUTUMN, fetch, open_source, sums, total
from tests.aws.conftest import Start
from tests.aws.server import Server
from tests.aws.table import Line, Table

NOW = datetime(2018, 11, 20, 15, 30, tzinfo=UTC)
TODAY = NOW.date()


def asked(server: Server, place: int = 0) -> tuple[str, str]:
    period = server.seen[place]["TimePeriod"]
    return period["Start"], period["End"]


def daily(*days: int) -> Table:
    """Days of November, each with its own cost."""
    table = Table()
    table.add(*(Line(date(2018, 11, day), billed=Decimal(day)) for day in days))
    return table


def test_today_is_asked_for_and_tomorrow_is_not(start: Start) -> None:
    server = start(daily(*range(1, 29)), TODAY)
    report = fetch("service", now=NOW)
    assert asked(server) == ("2018-10-01", "2018-11-21")
    assert max(report.told) == TODAY, "rows of the future are never asked for"


def test_what_is_not_visible_yet_does_not_exist(start: Start) -> None:
    server = start(daily(*range(1, 21)), TODAY)
    for until, last in [(datetime(2018, 11, 10, tzinfo=UTC), 9), (datetime(2018, 11, 10, 0, 0, 1, tzinfo=UTC), 10)]:
        query = SpendQuery(*AUTUMN, dimensions=("service",), visible_until=until)
        report = open_source(NOW).fetch(query, Deadline(30))
        assert max(report.told).day == last
        assert report.watermark == min(datetime(2018, 11, last, tzinfo=UTC), until - timedelta(hours=24))
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("lag", "expected"), [(0, datetime(2018, 11, 20, tzinfo=UTC)), (24, NOW - timedelta(hours=24))]
)
def test_the_watermark_is_the_newest_day_or_now_minus_lag(start: Start, lag: int, expected: datetime) -> None:
    start(daily(*range(1, 21)), TODAY)
    report = open_source(NOW, lag=timedelta(hours=lag)).fetch(SpendQuery(*AUTUMN), Deadline(30))
    assert report.watermark == expected


def test_the_watermark_waits_for_the_newest_day_with_data(start: Start) -> None:
    start(daily(1, 2, 17), TODAY)
    report = fetch(now=NOW)
    assert report.watermark == datetime(2018, 11, 17, tzinfo=UTC)
    assert {day.day for day in report.told} == {1, 2, 17}, "a day without data is not known, and not zero"


def test_estimated_figures_are_a_note(start: Start) -> None:
    start(daily(*range(1, 21)), TODAY, estimated_from=date(2018, 11, 1))
    assert "figures are estimated since 2018-11-01" in fetch(now=NOW).notes


def test_no_more_than_the_history_that_there_is(start: Start) -> None:
    server = start(daily(*range(1, 21)), TODAY)
    window = (datetime(2016, 1, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC))
    report = fetch(now=NOW, window=window)
    assert asked(server)[0] == "2017-10-21"
    assert any("keeps 13 months" in note and "2017-10-21" in note for note in report.notes)


def test_a_window_of_long_ago_asks_for_nothing(start: Start) -> None:
    server = start(daily(1), TODAY)
    report = fetch(now=NOW, window=(datetime(2015, 1, 1, tzinfo=UTC), datetime(2015, 2, 1, tzinfo=UTC)))
    assert (server.seen, report.watermark, report.table.num_rows) == ([], None, 0)


def test_another_zone_is_refused(start: Start) -> None:
    start(daily(1), TODAY)
    query = SpendQuery(*AUTUMN, zone="America/Los_Angeles")
    with pytest.raises(AdapterError, match='timezone = "UTC"') as caught:
        open_source(NOW).fetch(query, Deadline(30))
    assert caught.value.permanent


def test_what_cannot_be_told_is_refused_at_the_latest_when_it_is_asked_for(server: Server) -> None:
    with pytest.raises(AdapterError, match="service, sku, sub_account") as caught:
        fetch("service", "sku", "sub_account")
    assert caught.value.permanent
    assert server.seen == []


# --- hours ------------------------------------------------------------------------------------------------------


def hourly() -> Table:
    table = Table()
    first = date(2018, 11, 1)
    for day in range(20):
        for hour in range(24):
            at = datetime(2018, 11, 1, hour, tzinfo=UTC) + timedelta(days=day)
            if at < NOW - timedelta(hours=5):
                table.add(Line(first + timedelta(days=day), hour=hour, billed=Decimal(hour + day)))
    return table


def test_hours_of_fourteen_days(start: Start) -> None:
    server = start(hourly(), TODAY)
    report = fetch("service", now=NOW, grain=Grain.HOUR)
    assert [request["Granularity"] for request in server.seen[:2]] == ["HOURLY", "HOURLY"]
    assert asked(server) == ("2018-11-07T00:00:00Z", "2018-11-20T15:00:00Z")
    assert any("hours for 14 days" in note for note in report.notes)
    hours = sums(report, "ChargePeriodStart")
    assert hours[datetime(2018, 11, 19, 7, tzinfo=UTC)] == Decimal(25)
    assert (min(report.told), max(report.told), len(report.told)) == (date(2018, 11, 7), TODAY, 14)
    assert report.watermark == min(datetime(2018, 11, 20, 10, tzinfo=UTC), NOW - timedelta(hours=24))


def test_only_days_with_hours_that_moved_are_read_again(start: Start) -> None:
    server = start(hourly(), TODAY)
    first = fetch("service", now=NOW, grain=Grain.HOUR)
    server.table.add(Line(TODAY, hour=10, billed=Decimal(99)))
    report = fetch("service", now=NOW, grain=Grain.HOUR, marks=dict(first.marks))
    assert set(report.told) == {TODAY}
    assert asked(server, -1) == ("2018-11-20T00:00:00Z", "2018-11-20T15:00:00Z")
    assert total(report) == sum(line.billed for line in server.table.days[TODAY])


def test_an_hour_that_is_missing_breaks_its_day(start: Start) -> None:
    server = start(hourly(), TODAY)

    def forget(page: dict[str, list[dict[str, dict[str, str]]]]) -> None:
        page["ResultsByTime"] = [p for p in page["ResultsByTime"] if p["TimePeriod"]["Start"] != "2018-11-19T03:00:00Z"]

    server.faults = [None, forget, forget, forget, forget]
    report = fetch("service", now=NOW, grain=Grain.HOUR)
    assert report.broken == {date(2018, 11, 19): 1}
