"""What real exports do to instants, amounts, tags and text."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cloudcircuit.model import ReportStatus
from tests.focus.build import by_day, csv_text, fetch, refusal, row, sums, total, write_csv, write_parquet

DAY = date(2024, 10, 5)


# --- instants -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2024-10-05",
        "2024-10-05T00:00:00Z",
        "2024-10-05 00:00:00",
        "2024-10-05T00:00:00",
        "2024-10-05 23:59:59.999999",
        "2024-10-05T01:02:03.123456789Z",
        "2024-10-05T00:00:00+00:00",
        "2024-10-05 00:00:00 UTC",
        "2024-10-04T22:30:00-04:00",
        "2024-10-06T01:00:00+02:00",
    ],
)
def test_texts_that_are_instants(tmp_path: Path, text: str) -> None:
    write_csv(tmp_path / "a.csv", [row(ChargePeriodStart=text)])
    write_parquet(tmp_path / "b.parquet", [row(ChargePeriodStart=text)])
    assert by_day(fetch(tmp_path)) == {DAY: 2}


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (pa.timestamp("us", tz="UTC"), datetime(2024, 10, 5, 7, tzinfo=UTC)),
        (pa.timestamp("us"), datetime(2024, 10, 5, 7)),
        (pa.timestamp("ms"), datetime(2024, 10, 5, 7)),
        (pa.timestamp("s"), datetime(2024, 10, 5, 7)),
        (pa.timestamp("ns", tz="America/New_York"), datetime(2024, 10, 5, 7, tzinfo=UTC)),
        (pa.date32(), date(2024, 10, 5)),
    ],
)
def test_native_instants_of_parquet(tmp_path: Path, type: pa.DataType, value: Any) -> None:
    more = {"ChargePeriodStart": value, "BillingPeriodStart": value}
    write_parquet(tmp_path / "bill.parquet", [row(**more)], ChargePeriodStart=type, BillingPeriodStart=type)
    report = fetch(tmp_path)
    assert by_day(report) == {DAY: 1}
    assert report.watermark == datetime(2024, 10, 5, tzinfo=UTC)


def test_parquet_skips_what_lies_outside_of_the_window_but_knows_of_it(tmp_path: Path) -> None:
    instant = pa.timestamp("us", tz="UTC")
    rows = [row(ChargePeriodStart=datetime(2024, month, 5, tzinfo=UTC)) for month in (9, 10, 11)]
    rows[2]["BillingAccountId"] = "000999"
    write_parquet(tmp_path / "bill.parquet", rows, ChargePeriodStart=instant)
    report = fetch(tmp_path)
    assert by_day(report) == {DAY: 1}
    assert report.watermark == datetime(2024, 11, 5, tzinfo=UTC)
    assert report.accounts == {"000123", "000999"}


# --- amounts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.5", "12.5"),
        ("-3.25", "-3.25"),
        ("1E5", "100000"),
        ("1e-30", "0"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("-0", "0"),
        ("+7", "7"),
        (" 7 ", "7"),
        (".5", "0.5"),
        ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ("0.1234567890123456785", "0.123456789012345679"),
    ],
)
def test_texts_that_are_amounts(tmp_path: Path, text: str, amount: str) -> None:
    write_csv(tmp_path / "a.csv", [row(cost=text)])
    write_parquet(tmp_path / "b.parquet", [row(cost=text)])
    assert total(fetch(tmp_path, path="a.csv")) == total(fetch(tmp_path, path="b.parquet")) == Decimal(amount)


def test_texts_that_are_no_amounts_break_their_row_alone(tmp_path: Path) -> None:
    dirt = ["1,234.56", "NaN", "Infinity", "-inf", "1e308", "1e20", "$5", "12 USD", "abc", "", "NULL", None, "0x1F"]
    rows = [row("2024-10-04", "5"), *(row(cost=text) for text in dirt), row("2024-10-06", "7")]
    write_csv(tmp_path / "bill.csv", rows)
    report = fetch(tmp_path)
    assert by_day(report) == {date(2024, 10, 4): 5, date(2024, 10, 6): 7}
    assert report.broken == {DAY: len(dirt)}
    assert report.status is ReportStatus.COMPLETE


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e308, None])
def test_numbers_that_are_no_amounts_break_their_row_alone(tmp_path: Path, value: float | None) -> None:
    rows = [row("2024-10-04", 5.0), row(cost=value)]
    write_parquet(tmp_path / "bill.parquet", rows, BilledCost=pa.float64(), EffectiveCost=pa.float64())
    report = fetch(tmp_path)
    assert by_day(report) == {date(2024, 10, 4): 5}
    assert report.broken == {DAY: 1}


@pytest.mark.parametrize(
    "text", ["0.1", "7569.81", "1234567.891", "0.0000008", "0.000235520300000", "999999999.5", "-0.3"]
)
def test_doubles_mean_the_decimal_that_was_written(tmp_path: Path, text: str) -> None:
    rows = [row(cost=float(text))] * 3
    write_parquet(tmp_path / "bill.parquet", rows, BilledCost=pa.float64(), EffectiveCost=pa.float64())
    assert total(fetch(tmp_path)) == 3 * Decimal(text)


@pytest.mark.parametrize(
    ("type", "value"),
    [
        (pa.float32(), 0.1),
        (pa.decimal128(12, 4), Decimal("0.1")),
        (pa.decimal128(38, 18), Decimal("0.1")),
        (pa.string(), "0.1"),
    ],
)
def test_amounts_of_any_numeric_type(tmp_path: Path, type: pa.DataType, value: Any) -> None:
    write_parquet(tmp_path / "bill.parquet", [row(cost=value)], BilledCost=type, EffectiveCost=type)
    assert total(fetch(tmp_path)) == Decimal("0.1")


def test_integers_are_amounts(tmp_path: Path) -> None:
    write_parquet(tmp_path / "bill.parquet", [row(cost=3)], BilledCost=pa.int32(), EffectiveCost=pa.uint64())
    assert total(fetch(tmp_path)) == 3


def test_negative_totals_are_legal(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(cost="-50", ChargeCategory="Credit"), row(cost="20")])
    assert sums(fetch(tmp_path), "ChargeCategory") == {"Credit": -50, "Usage": 20}


def test_currencies_never_meet(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(), row(cost="2", BillingCurrency="EUR")])
    assert sums(fetch(tmp_path), "BillingCurrency") == {"USD": 1, "EUR": 2}


@pytest.mark.parametrize("currency", [None, "NULL", "null", ""])
def test_a_row_without_a_currency_is_broken(tmp_path: Path, currency: str | None) -> None:
    write_csv(tmp_path / "bill.csv", [row("2024-10-04"), row(BillingCurrency=currency)])
    report = fetch(tmp_path)
    assert report.broken == {DAY: 1}
    assert report.notes == (
        "1 row in bill.csv could not be read (column BillingCurrency, which is empty); 2024-10-05 stays provisional",
    )


def test_amounts_beyond_any_sum_are_an_error(tmp_path: Path) -> None:
    write_csv(tmp_path / "bill.csv", [row(cost="9e19")] * 3)
    assert "too large to add up" in str(refusal(tmp_path))


# --- tags -----------------------------------------------------------------------------------------------

PAIRS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())]))
CAPITAL_PAIRS = pa.list_(pa.struct([("Key", pa.string()), ("Value", pa.string())]))


@pytest.mark.parametrize(
    ("type", "tags"),
    [
        (pa.string(), json.dumps({"team": "core", "x": "y"})),
        (pa.string(), json.dumps([{"key": "x", "value": "y"}, {"key": "team", "value": "core"}])),
        (pa.string(), json.dumps([{"Key": "team", "Value": "core"}])),
        (pa.string(), ' {"x": "y",\n "team": "core"}\n'),
        (pa.string(), '\n[{"key": "team", "value": "core"}] '),
        (pa.map_(pa.string(), pa.string()), [("x", "y"), ("team", "core")]),
        (pa.struct([("team", pa.string()), ("x", pa.string())]), {"team": "core", "x": "y"}),
        (PAIRS, [{"key": "x", "value": "y"}, {"key": "team", "value": "core"}]),
        (CAPITAL_PAIRS, [{"Key": "team", "Value": "core"}]),
    ],
)
def test_tags_in_every_shape(tmp_path: Path, type: pa.DataType, tags: Any) -> None:
    rows = [row("2024-10-04", "4", Tags=tags), row("2024-10-05", "5")]
    write_parquet(tmp_path / "bill.parquet", rows, Tags=type)
    report = fetch(tmp_path, "tag:team", "tag:none of them")
    assert sums(report, "Tags.team") == {"core": 4, None: 5}
    assert sums(report, "Tags.none of them") == {None: 9}
    assert report.broken == {}


def test_tags_of_different_shapes_in_one_dataset(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(Tags=[("team", "core")])], Tags=pa.map_(pa.string(), pa.string()))
    write_parquet(tmp_path / "b.parquet", [row(Tags=[{"key": "team", "value": "core"}])], Tags=PAIRS)
    write_csv(tmp_path / "c.csv", [row(Tags='{"team": "core"}')])
    assert sums(fetch(tmp_path, "tag:team"), "Tags.team") == {"core": 3}


@pytest.mark.parametrize(
    "key", ["a/b", "a~b", "a.b", 'a"b', "a'b", "*", "$.x", "0", "user:Name", "ключ", "a b", "Team"]
)
def test_any_key_is_taken_as_it_is(tmp_path: Path, key: str) -> None:
    tags = {key: "yes", "team": "no"}
    write_csv(tmp_path / "a.csv", [row(Tags=json.dumps(tags))])
    write_csv(tmp_path / "b.csv", [row(Tags=json.dumps([{"key": k, "value": v} for k, v in tags.items()]))])
    write_parquet(tmp_path / "c.parquet", [row(Tags=list(tags.items()))], Tags=pa.map_(pa.string(), pa.string()))
    pairs = [{"key": k, "value": v} for k, v in tags.items()]
    write_parquet(tmp_path / "d.parquet", [row(Tags=pairs)], Tags=PAIRS)
    assert sums(fetch(tmp_path, f"tag:{key}"), f"Tags.{key}") == {"yes": 4}


def test_the_case_of_a_struct_field_counts(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", [row(Tags={"Team": "x"})], Tags=pa.struct([("Team", pa.string())]))
    assert sums(fetch(tmp_path, "tag:team"), "Tags.team") == {None: 1}


@pytest.mark.parametrize(
    ("value", "expected"), [("", None), (None, None), (True, "true"), (7, "7"), ({"a": 1}, '{"a":1}')]
)
def test_values_that_are_no_text(tmp_path: Path, value: Any, expected: str | None) -> None:
    write_csv(tmp_path / "bill.csv", [row(Tags=json.dumps({"team": value}))])
    assert sums(fetch(tmp_path, "tag:team"), "Tags.team") == {expected: 1}


@pytest.mark.parametrize("tags", ["{}", "[]", "null", "5", '"team"', "[5]", '{"other": "x"}', "", "NULL", None])
def test_no_tags_are_no_dirt(tmp_path: Path, tags: str | None) -> None:
    write_csv(tmp_path / "a.csv", [row(Tags=tags)])
    write_parquet(tmp_path / "b.parquet", [row(Tags=tags)])
    report = fetch(tmp_path, "tag:team")
    assert sums(report, "Tags.team") == {None: 2}
    assert report.broken == {}


@pytest.mark.parametrize(
    "tags", ['{"team": "co', '{"team": "co}', "{team: core}", "[{", "team=core", "{'team': 'core'}", "{]}"]
)
def test_tags_that_are_no_json_break_their_row_when_a_tag_is_asked_for(tmp_path: Path, tags: str) -> None:
    rows = [row("2024-10-04", Tags='{"team": "core"}'), row(Tags=tags), row("2024-10-06", Tags="NULL")]
    write_csv(tmp_path / "bill.csv", rows)
    report = fetch(tmp_path, "tag:team")
    assert sums(report, "Tags.team") == {"core": 1, None: 1}
    assert report.broken == {DAY: 1}
    assert f"(column Tags, e.g. '{tags}')" in report.notes[0]
    assert fetch(tmp_path, "service").broken == {}


# --- text and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [None, "", "NULL", "null"])
def test_words_for_a_missing_value_are_null(tmp_path: Path, missing: str | None) -> None:
    write_csv(tmp_path / "a.csv", [row(RegionId=missing)])
    write_parquet(tmp_path / "b.parquet", [row(RegionId=missing)])
    assert sums(fetch(tmp_path, "region"), "RegionId") == {None: 2}


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("\ufeff" + csv_text([row()]))
    quoted = csv_text([row()]).replace("BillingAccountId", '"BillingAccountId"', 1)
    (tmp_path / "b.csv").write_text("\ufeff" + quoted)
    assert sums(fetch(tmp_path, "billing_account"), "BillingAccountId") == {"000123": 2}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_quoted_newlines_and_both_line_ends(tmp_path: Path, newline: str) -> None:
    rows = [row(ServiceName='two\nlines, and "quotes"', ChargeDescription="a\r\nb"), row(ChargeDescription="c")]
    write_csv(tmp_path / "bill.csv", rows, newline)
    assert sums(fetch(tmp_path, "service"), "ServiceName") == {'two\nlines, and "quotes"': 1, "AmazonEC2": 1}


def test_gzip_is_told_by_the_bytes(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv.gz", [row("2024-10-01")])
    (tmp_path / "b.csv").write_bytes(gzip.compress(csv_text([row("2024-10-02")]).encode()))
    write_csv(tmp_path / "c.csv", [row("2024-10-03")])
    assert total(fetch(tmp_path)) == 3


def test_text_in_binary_columns_is_text(tmp_path: Path) -> None:
    rows = [row(ServiceName=b"AmazonS3")]
    write_parquet(tmp_path / "bill.parquet", rows, ServiceName=pa.binary())
    assert sums(fetch(tmp_path, "service"), "ServiceName") == {"AmazonS3": 1}


def test_account_numbers_of_parquet_are_text(tmp_path: Path) -> None:
    write_parquet(tmp_path / "bill.parquet", [row(SubAccountId=123)], SubAccountId=pa.int64())
    assert sums(fetch(tmp_path, "sub_account"), "SubAccountId") == {"123": 1}


def test_dictionary_encoded_text_is_text(tmp_path: Path) -> None:
    encoded = pa.dictionary(pa.int32(), pa.string())
    write_parquet(tmp_path / "bill.parquet", [row(), row(ServiceName="NULL")], ServiceName=encoded)
    assert sums(fetch(tmp_path, "service"), "ServiceName") == {"AmazonEC2": 1, None: 1}


def test_text_from_outside_arrives_as_it_is(tmp_path: Path) -> None:
    hostile = ["'; DROP TABLE cells; --", "<!channel>", "a\0b", "\u202eRTL", "💸", "x" * 100_000, "{fn}", "%", "\\"]
    write_csv(tmp_path / "bill.csv", [row(ServiceName=text) for text in hostile])
    assert sums(fetch(tmp_path, "service"), "ServiceName") == dict.fromkeys(hostile, Decimal(1))
