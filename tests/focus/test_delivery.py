"""Deliveries that overlap: the newest folder replaces the others, whole, for each account and period."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.clock import Deadline
from tests.focus.build import (
    by_day,
    csv_text,
    fetch,
    open_source,
    refusal,
    row,
    set_age,
    sums,
    total,
    without,
    write_csv,
    write_parquet,
)

AUTUMN = (datetime(2024, 9, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC))


def deliver(folder: Path, age: float, *rows: dict[str, Any]) -> None:
    write_csv(folder / "part.csv", rows)
    set_age(folder, age)


def test_files_in_one_folder_are_parts_of_one_delivery(tmp_path: Path) -> None:
    write_csv(tmp_path / "1.csv", [row(cost="1")])
    write_csv(tmp_path / "2.csv", [row(cost="2")])
    set_age(tmp_path / "1.csv", 500)
    assert total(fetch(tmp_path)) == 3


def test_the_newest_folder_wins_whole(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row("2024-10-01"), row("2024-10-02"))
    deliver(tmp_path / "b", 24, row("2024-10-02", cost="5"), row("2024-10-03", cost="7"))
    assert by_day(fetch(tmp_path)) == {date(2024, 10, 2): 5, date(2024, 10, 3): 7}
    set_age(tmp_path / "a", 1)
    assert by_day(fetch(tmp_path)) == {date(2024, 10, 1): 1, date(2024, 10, 2): 1}


def test_of_folders_of_one_age_the_last_name_wins(tmp_path: Path) -> None:
    for name, cost in (("2024-10-02", "2"), ("2024-10-03", "3"), ("2024-10-01", "1")):
        deliver(tmp_path / name, 24, row(cost=cost))
    assert total(fetch(tmp_path)) == 3


def test_appended_deliveries_all_count(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row(cost="1"))
    deliver(tmp_path / "b", 24, row(cost="2"))
    assert total(fetch(tmp_path, delivery="append")) == 3


def test_partitions_by_period_do_not_compete(tmp_path: Path) -> None:
    deliver(tmp_path / "billing_period=2024-09", 48, row("2024-09-05"))
    deliver(tmp_path / "billing_period=2024-10", 24, row("2024-10-05"))
    assert total(fetch(tmp_path, window=AUTUMN)) == 2


def test_partitions_with_deliveries_in_them(tmp_path: Path) -> None:
    deliver(tmp_path / "BILLING_PERIOD=2024-09/run-1", 72, row("2024-09-05", cost="100"))
    deliver(tmp_path / "BILLING_PERIOD=2024-09/run-2", 48, row("2024-09-05", cost="1"))
    deliver(tmp_path / "BILLING_PERIOD=2024-10/run-1", 24, row("2024-10-05", cost="2"))
    assert total(fetch(tmp_path, window=AUTUMN)) == 3


def test_accounts_and_periods_compete_each_by_themselves(tmp_path: Path) -> None:
    old = [row(f"2024-{month}-05", BillingAccountId=account) for month in ("09", "10") for account in "AB"]
    deliver(tmp_path / "old", 48, *old)
    deliver(tmp_path / "new", 24, row("2024-10-07", cost="50", BillingAccountId="A"))
    report = fetch(tmp_path, "billing_account", window=AUTUMN)
    assert sums(report, "ChargePeriodStart", "BillingAccountId") == {
        (datetime(2024, 9, 5, tzinfo=UTC), "A"): 1,
        (datetime(2024, 9, 5, tzinfo=UTC), "B"): 1,
        (datetime(2024, 10, 5, tzinfo=UTC), "B"): 1,
        (datetime(2024, 10, 7, tzinfo=UTC), "A"): 50,
    }


def test_without_account_and_period_the_month_of_the_charge_decides(tmp_path: Path) -> None:
    columns = ("BillingAccountId", "BillingPeriodStart")
    deliver(tmp_path / "a", 48, *without([row("2024-09-05", cost="1"), row("2024-10-05", cost="2")], *columns))
    deliver(tmp_path / "b", 24, *without([row("2024-10-06", cost="4")], *columns))
    assert total(fetch(tmp_path, window=AUTUMN)) == 5


def test_a_correction_counts_with_the_period_that_bills_it(tmp_path: Path) -> None:
    deliver(tmp_path / "10", 48, row("2024-10-05"))
    deliver(tmp_path / "11", 24, row("2024-10-05", cost="-0.25", BillingPeriodStart="2024-11-01"), row("2024-11-05"))
    assert by_day(fetch(tmp_path)) == {date(2024, 10, 5): pytest.approx(0.75)}


def test_an_older_delivery_says_nothing_about_the_newest_day_or_the_accounts(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row("2024-10-30"))
    deliver(tmp_path / "b", 24, row("2024-10-20"))
    report = fetch(tmp_path)
    assert report.watermark == datetime(2024, 10, 20, tzinfo=UTC)
    assert open_source(tmp_path).probe(Deadline(60)).notes[-1] == "replaced by newer deliveries: 1"


def test_a_whole_redelivery_heals_a_broken_one(tmp_path: Path) -> None:
    broken = [row("2024-10-04"), row(cost="?"), row(ChargePeriodStart="?"), row(ChargePeriodStart="?")]
    broken[-1]["BillingPeriodStart"] = None
    deliver(tmp_path / "a", 48, *broken)
    text = (tmp_path / "a/part.csv").read_text()
    (tmp_path / "a/part.csv").write_text(f"{text}2024-10-06,no row\n")
    set_age(tmp_path / "a", 48)
    deliver(tmp_path / "b", 24, row("2024-10-04"), row("2024-10-05"))
    report = fetch(tmp_path)
    assert (report.broken, report.notes) == ({}, ())
    assert total(report) == 2


def test_a_newer_delivery_without_rows_replaces_nothing(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row())
    (tmp_path / "b").mkdir()
    (tmp_path / "b/part.csv").write_text(csv_text([row()]).splitlines()[0])
    assert total(fetch(tmp_path)) == 1


def test_a_newer_delivery_in_which_nothing_can_be_read_is_no_reason_to_forget(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row())
    deliver(tmp_path / "b", 24, row(cost="1,5"))
    assert "no row of b/part.csv can be read" in str(refusal(tmp_path))


def test_deliveries_in_parquet_compete_with_all_their_rows(tmp_path: Path) -> None:
    """The newer one has no row of the window, but one of the same period: it still replaces the older."""
    instant = pa.timestamp("us", tz="UTC")
    for folder, day, age in (("a", 5, 48), ("b", 25, 24)):
        start = datetime(2024, 10, day, tzinfo=UTC)
        write_parquet(tmp_path / folder / "part.parquet", [row(ChargePeriodStart=start)], ChargePeriodStart=instant)
        set_age(tmp_path / folder, age)
    window = (datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 10, 10, tzinfo=UTC))
    assert by_day(fetch(tmp_path, window=window)) == {}
    assert by_day(fetch(tmp_path)) == {date(2024, 10, 25): 1}


def test_a_year_of_daily_deliveries(tmp_path: Path) -> None:
    for month in range(1, 10):
        for run in range(1, 11):
            rows = [row(f"2024-0{month}-{day:02}", cost=str(run)) for day in range(1, run + 1)]
            deliver(tmp_path / f"2024-0{month}/{run:02}", 1000 - month * 50 - run, *rows)
    report = fetch(tmp_path, window=(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 11, 1, tzinfo=UTC)))
    assert total(report) == 9 * 10 * 10


def test_links_and_deliveries(tmp_path: Path) -> None:
    deliver(tmp_path / "a", 48, row(cost="1"))
    deliver(tmp_path / "b", 24, row(cost="2"))
    (tmp_path / "latest.csv").symlink_to("b/part.csv")
    assert total(fetch(tmp_path)) == 2
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data/c.csv").write_text(csv_text([row(cost="4")]))
    (tmp_path / "c.csv").symlink_to("..data/c.csv")
    assert total(fetch(tmp_path)) == 4
