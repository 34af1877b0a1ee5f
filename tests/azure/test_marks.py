"""Marks: a day that is as it was told is not read again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from cloudcircuit.model import ReportStatus
from tests.azure.build import asked_of, by_day, fetch, is_
from tests.azure.fake import VM, Fake, small_bill, spend


def test_only_days_that_moved_are_read_again(azure: Fake) -> None:
    azure.table = [spend(f"2026-03-{day:02}", day) for day in range(1, 11)]
    first = fetch(azure, "service")
    assert set(first.marks) == first.told == {date(2026, 3, day) for day in range(1, 11)}
    azure.queries.clear()
    azure.table += [spend("2026-03-07", 0.25), spend("2026-03-11", 3)]
    second = fetch(azure, "service", marks=first.marks)
    assert second.told == {date(2026, 3, 7), date(2026, 3, 11)}
    assert second.unchanged == first.told - {date(2026, 3, 7)}
    assert by_day(second) == {date(2026, 3, 7): Decimal("7.25"), date(2026, 3, 11): 3}
    assert asked_of(azure)[2][1:3] == ("2026-03-07", "2026-03-11")
    assert second.watermark == datetime(2026, 3, 11, tzinfo=UTC)
    assert second.status is ReportStatus.COMPLETE


def test_nothing_moved_asks_for_totals_alone(azure: Fake) -> None:
    azure.table = small_bill()
    marks = fetch(azure, "service", "region").marks
    azure.queries.clear()
    report = fetch(azure, "service", "region", marks=marks)
    assert len(azure.queries) == 2
    assert report.table.num_rows == 0
    assert report.unchanged == {date(2026, 3, 2), date(2026, 3, 3)}
    assert dict(report.marks) == dict(marks)


def test_a_day_moves_with_either_cost_and_with_its_category(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1, 1), spend("2026-03-03", 1, 1), spend("2026-03-04", 1, 1)]
    marks = fetch(azure, "service").marks
    azure.table = [
        spend("2026-03-02", 1, 2),
        spend("2026-03-03", 1, 1, ChargeType="Purchase"),
        spend("2026-03-04", 1, 1, currency="EUR"),
    ]
    assert fetch(azure, "service", marks=marks).told == {date(2026, 3, day) for day in (2, 3, 4)}


def test_the_last_digits_of_a_sum_move_no_day(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 218.68795741935486)]
    marks = fetch(azure, "service").marks
    azure.table = [spend("2026-03-02", 218.68795741935481)]
    assert fetch(azure, "service", marks=marks).unchanged == {date(2026, 3, 2)}


def test_a_filtered_breakdown_has_marks_of_its_own(azure: Fake) -> None:
    azure.table = [spend("2026-03-02", 1), spend("2026-03-02", 1, ServiceName=VM), spend("2026-03-03", 1)]
    where = (is_("service", VM),)
    first = fetch(azure, "region", where=where)
    azure.table += [spend("2026-03-02", 5), spend("2026-03-03", 5, ServiceName=VM)]
    assert fetch(azure, "region", where=where, marks=first.marks).told == {date(2026, 3, 3)}
