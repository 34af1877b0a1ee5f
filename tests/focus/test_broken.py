"""Rows that cannot be read: counted, told, never lost in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.clock import Deadline
from cloudcircuit.model import Match, ReportStatus
from tests.focus.build import by_day, csv_text, fetch, open_source, refusal, row, without, write_csv, write_parquet

OCTOBER_DAYS = {date(2024, 10, day) for day in range(1, 32)}


def test_the_note_says_where_what_and_which_days(tmp_path: Path) -> None:
    rows = [row("2024-10-03"), row("2024-10-04", cost="1,234.56"), row("2024-10-04", cost="2,0"), row("2024-10-05")]
    write_csv(tmp_path / "bill.csv", rows)
    report = fetch(tmp_path)
    assert report.broken == {date(2024, 10, 4): 2}
    assert report.notes == (
        "2 rows in bill.csv could not be read (column BilledCost, e.g. '1,234.56'); 2024-10-04 stays provisional",
    )


def test_days_are_listed_up_to_three(tmp_path: Path) -> None:
    rows = [row(f"2024-10-{day:02}", cost="?") for day in range(1, 7)]
    write_csv(tmp_path / "bill.csv", [*rows, row("2024-10-20")])
    assert fetch(tmp_path).notes[0].endswith("2024-10-01, 2024-10-02, 2024-10-03 and 3 more days stay provisional")


def test_a_row_is_broken_by_either_cost(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-01"), row(EffectiveCost="?"), row("2024-10-06")])
    report = fetch(tmp_path)
    assert by_day(report, "BilledCost") == by_day(report, "EffectiveCost")
    assert report.broken == {date(2024, 10, 5): 1}
    assert "column EffectiveCost" in report.notes[0]


@pytest.mark.parametrize(
    "start",
    ["1970-01-01T00:00:00Z", "9999-12-31", "2099-01-01", "1999-12-31T23:59:59Z", "infinity", "05/10/2024", None],
)
def test_a_row_without_a_day_keeps_its_billing_period_provisional(tmp_path: Path, start: str | None) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row(ChargePeriodStart=start), row("2024-11-02")])
    report = fetch(tmp_path, window=(datetime(2024, 9, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)))
    assert report.broken == dict.fromkeys(OCTOBER_DAYS, 1)
    assert report.status is ReportStatus.PARTIAL
    assert "(column ChargePeriodStart, " in report.notes[0]


def test_a_row_without_a_day_and_without_a_period_keeps_the_newest_day_provisional(tmp_path: Path) -> None:
    rows = without([row("2024-10-04"), row(ChargePeriodStart="?"), row("2024-10-09")], "BillingPeriodStart")
    write_csv(tmp_path / "bill.csv", rows)
    report = fetch(tmp_path)
    assert report.broken == {date(2024, 10, 9): 1}
    assert report.status is ReportStatus.PARTIAL


def test_native_instants_of_another_age_are_no_days_either(tmp_path: Path) -> None:
    starts = [datetime(2024, 10, 5), datetime(1970, 1, 1), datetime(9999, 1, 1), None]
    rows = [row(ChargePeriodStart=start) for start in starts]
    write_parquet(tmp_path / "bill.parquet", rows, ChargePeriodStart=pa.timestamp("us"))
    report = fetch(tmp_path)
    assert report.broken == dict.fromkeys(OCTOBER_DAYS, 3)
    assert by_day(report) == {date(2024, 10, 5): 1}


def test_broken_rows_outside_of_the_window_hold_nothing_back(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row("2024-09-30", cost="?"), row("2024-11-01", cost="?")])
    report = fetch(tmp_path)
    assert (report.broken, report.status) == ({}, ReportStatus.COMPLETE)


def test_a_broken_row_counts_whatever_the_filter(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row(cost="?", ServiceName="AmazonS3")])
    assert fetch(tmp_path, where=(Match("service", ("AmazonEC2",)),)).broken == {date(2024, 10, 5): 1}


def test_a_group_of_broken_rows_alone_is_not_zero(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row(cost="?", ServiceName="AmazonS3")])
    assert fetch(tmp_path, "service").table.column("ServiceName").to_pylist() == ["AmazonEC2"]


# --- lines that are no rows -----------------------------------------------------------------------------


def damage(text: str, line: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[line] = new
    return "".join(lines)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("000123,007,USD,2024-10-01T00:00:00Z,2024-10-05T00:00:00Z\n", "missing columns"),
        ("000123,007,USD,2024-10-01,2024-10-05,Usage,AWS,EC2,eu-west-1,,1.00,1.00,1.00,9\n", "too many columns"),
        ('000123,007,USD,2024-10-01,2024-10-05,Usage,AWS,"EC"2,eu-west-1,,1.00,1.00\n', "unquoted value"),
    ],
)
def test_a_line_that_is_no_row_holds_back_the_days_it_names(tmp_path: Path, line: str, reason: str) -> None:
    text = csv_text([row("2024-10-04"), row("2024-10-05"), row("2024-10-06"), row("2024-10-09")])
    (tmp_path / "bill.csv").write_text(damage(text, 2, line))
    report = fetch(tmp_path)
    assert by_day(report) == {date(2024, 10, day): 1 for day in (4, 6, 9)}
    assert report.broken == {date(2024, 10, day): 1 for day in (1, 5, 9)}
    assert report.status is ReportStatus.PARTIAL
    assert report.notes == (
        f"1 line is no row in bill.csv (line 3: {reason}); the days named there and the newest stay provisional",
    )


def test_a_file_cut_off_within_a_row(tmp_path: Path) -> None:
    text = csv_text([row("2024-10-04"), row("2024-10-05")])
    (tmp_path / "bill.csv").write_text(text[: text.rindex("Usage")])
    report = fetch(tmp_path)
    assert by_day(report) == {date(2024, 10, 4): 1}
    assert set(report.broken) == {date(2024, 10, day) for day in (1, 4, 5)}


def test_bytes_that_are_no_text_break_their_row(tmp_path: Path) -> None:
    text = csv_text([row("2024-10-04"), row("2024-10-05", ServiceName="XX"), row("2024-10-06")])
    (tmp_path / "bill.csv").write_bytes(text.encode().replace(b"XX", b"\xff\xfe"))
    report = fetch(tmp_path, "service")
    assert by_day(report) == {date(2024, 10, 4): 1, date(2024, 10, 6): 1}
    assert "line 3: invalid encoding" in report.notes[0]
    assert date(2024, 10, 5) in report.broken


def test_a_stray_quote_swallows_no_money_in_silence(tmp_path: Path) -> None:
    rows = [row(f"2024-10-{day:02}", ChargeDescription=text) for day, text in ((3, "a"), (4, "b"), (5, "c"), (6, "d"))]
    text = csv_text(rows).replace("b\n", '"b\n').replace("d\n", '"d"\n')
    (tmp_path / "bill.csv").write_text(text)
    report = fetch(tmp_path)
    missing = {date(2024, 10, day) for day in (3, 4, 5, 6)} - set(by_day(report))
    assert missing
    assert missing <= set(report.broken)


# --- files in which nothing can be read -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "column", "example"),
    [
        ({"cost": "1,5"}, "BilledCost", "holds '1,5'"),
        ({"ChargePeriodStart": "10/05/2024"}, "ChargePeriodStart", "holds '10/05/2024'"),
        ({"BillingCurrency": None}, "BillingCurrency", "is empty"),
    ],
)
def test_a_file_in_which_nothing_can_be_read_is_refused(
    tmp_path: Path, more: dict[str, Any], column: str, example: str
) -> None:
    write_csv(tmp_path / "good.csv", [row("2024-10-04")])
    write_csv(tmp_path / "bad.csv", [row(**more), row("2024-10-06", **more)])
    error = refusal(tmp_path)
    assert error.permanent
    assert f"no row of bad.csv can be read: column {column} {example}" in str(error)


def test_tags_of_which_none_can_be_read_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "bad.csv", [row(Tags="team=core")])
    assert "column Tags holds 'team=core'" in str(refusal(tmp_path, "tag:team"))


def test_a_file_of_lines_that_are_no_rows_is_refused(tmp_path: Path) -> None:
    header = csv_text([row()]).splitlines()[0]
    (tmp_path / "bad.csv").write_text(f"{header}\n2024-10-05;USD;1,00\n")
    assert "no row of bad.csv can be read (line 2: missing columns)" in str(refusal(tmp_path))


def test_rows_that_do_not_exist_yet_speak_for_a_file(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(ChargePeriodStart="?"), row("2024-10-20")])
    write_csv(tmp_path / "other.csv", [row("2024-10-04")])
    report = fetch(tmp_path, visible_until=datetime(2024, 10, 10, tzinfo=UTC))
    assert by_day(report) == {date(2024, 10, 4): 1}
    assert report.broken.keys() == OCTOBER_DAYS


def test_a_probe_tells_of_broken_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(), row(cost="?")])
    assert any("could not be read" in note for note in open_source(tmp_path).probe(Deadline(60)).notes)


def test_hostile_examples_stay_on_one_short_line(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(), row(cost="\x1b[31m\n" + "9" * 500)])
    (note,) = fetch(tmp_path).notes
    assert note.isprintable()
    assert len(note) < 200


def test_many_notes_are_cut(tmp_path: Path) -> None:
    for index in range(15):
        write_csv(tmp_path / f"{index}.csv", [row(cost=str(index)), row(cost="?")])
    notes = fetch(tmp_path).notes
    assert (len(notes), notes[-1]) == (11, "and 5 more notes like these")


def test_more_lines_that_are_no_rows_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bill.csv").write_text(csv_text([row("2024-10-04")]) + "2024-10-05,x\n" * 20_000)
    assert "1,000 lines of bill.csv or more are no rows (line 3: missing columns)" in str(refusal(tmp_path))
